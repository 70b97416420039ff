"""A forwarder that is killed, or stopped, in the middle: every batch arrives, told apart by its key."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

import tests.support.forward_run
from storage.database import Database
from storage.migrate import migrate
from tests.support.forwarding import by_target, nothing_waits
from tests.support.outbox import fill, states
from tests.support.scripted_http import OK, Reply, Request, ScriptedServer
from tests.support.waiting import patient, until

_ROOT = Path(__file__).parents[2]
_PARALLEL = 3


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    migrate(SecretStr(database_url))
    with Database(SecretStr(database_url)) as database:
        yield database


@contextmanager
def _forwarder(database_url: str, endpoint: str) -> "Iterator[subprocess.Popen[bytes]]":
    process = subprocess.Popen(
        [sys.executable, "-W", "error", tests.support.forward_run.__file__, endpoint],
        env={**os.environ, "DATABASE_URL": database_url, "PYTHONPATH": str(_ROOT)},
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _at_leisure(_: Request) -> Reply:
    """Take some time, so that whatever ends a forwarder finds requests under way."""
    time.sleep(0.02)
    return OK


def _in_order(arrived: list[str], expected: list[str]) -> bool:
    """Whether all came in order, where one that came again came before its successor."""
    return list(dict.fromkeys(arrived)) == expected and arrived == sorted(arrived, key=expected.index)


def test_killed_again_and_again_everything_arrives_at_least_once(database: Database, database_url: str) -> None:
    kills = 6
    with ScriptedServer(_at_leisure) as server, database.connection() as connection:
        keys = fill(connection, targets=4, entries=60)
        for _ in range(kills):
            before = len(server.ingests())
            with _forwarder(database_url, server.url) as process:
                until(lambda before=before: len(server.ingests()) >= before + 7, 30)  # type: ignore[misc]  # this turn's
                process.send_signal(signal.SIGKILL)
        assert not nothing_waits(database)  # there was something left to lose each time
        with _forwarder(database_url, server.url):
            until(lambda: nothing_waits(database), 30)
        assert set(states(connection).values()) == {"sent"}
        arrived = by_target(server.ingests())
    assert set(arrived) == set(keys)
    assert all(_in_order(arrived[target], keys[target]) for target in keys)
    again = sum(map(len, arrived.values())) - sum(map(len, keys.values()))
    assert again <= kills * _PARALLEL  # what was under way, and no more


def test_stopped_in_order_nothing_is_sent_twice(database: Database, database_url: str) -> None:
    with ScriptedServer(_at_leisure) as server, database.connection() as connection:
        keys = fill(connection, targets=4, entries=40)
        for _ in range(3):
            before = len(server.ingests())
            with _forwarder(database_url, server.url) as process:
                until(lambda before=before: len(server.ingests()) >= before + 7, 30)  # type: ignore[misc]  # this turn's
                process.send_signal(signal.SIGTERM)
                assert process.wait(patient(5)) == 0
        assert not nothing_waits(database)
        with _forwarder(database_url, server.url):
            until(lambda: nothing_waits(database), 30)
        assert set(states(connection).values()) == {"sent"}
        assert by_target(server.ingests()) == keys
