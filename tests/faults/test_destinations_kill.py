"""Several destinations: one that is down or hangs delays no other; killed and started anew, each gets all in order."""

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

import tests.support.forward_all
from storage import outbox
from storage.database import Database
from storage.migrate import migrate
from tests.support.forwarding import nothing_waits
from tests.support.otlp import TAKEN, decoded, plain
from tests.support.outbox import fill
from tests.support.receiving import verified
from tests.support.scripted_http import Reply, Request, ScriptedServer
from tests.support.waiting import until

_ROOT = Path(__file__).parents[2]
_SECRET = "whsec_" + base64.b64encode(b"canary-of-thirty-two-bytes-or-so").decode()
_NAMES = ("finance", "metrics")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    migrate(SecretStr(database_url))
    with Database(SecretStr(database_url), size=12) as database:
        yield database


@contextmanager
def _forwarder(database_url: str, destinations: dict[str, Any]) -> "Iterator[subprocess.Popen[bytes]]":
    process = subprocess.Popen(
        [sys.executable, "-W", "error", tests.support.forward_all.__file__],
        env={
            **os.environ,
            "DATABASE_URL": database_url,
            "DESTINATIONS": json.dumps(destinations),
            "PYTHONPATH": str(_ROOT),
        },
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _sections(finance: ScriptedServer, metrics: ScriptedServer, timeout: int = 5) -> dict[str, Any]:
    return {
        "finance": {"kind": "webhook", "url": finance.url, "secret": _SECRET, "timeout": timeout},
        "metrics": {"kind": "otlp", "endpoint": metrics.url, "timeout": timeout},
    }


def _keys(requests: Iterable[Request]) -> dict[str, list[str]]:
    """The ids that a receiver verified for each target, in order of arrival."""
    found: dict[str, list[str]] = {}
    for request in requests:
        data = verified(_SECRET, request.headers, request.raw, time.time())["data"]
        target = f"{data['provider']}/{data['account']}/{data['region']}/{data['service']}"
        found.setdefault(target, []).append(request.headers["webhook-id"])
    return found


def _times(requests: Iterable[Request]) -> dict[str, list[int]]:
    """The ends of the windows that arrived for each region, in order of arrival."""
    found: dict[str, list[int]] = {}
    for request in requests:
        message = decoded(request)
        resource = message.resource_metrics[0]
        region = plain(resource.resource.attributes)["cloud.region"]
        moment = resource.scope_metrics[0].metrics[0].gauge.data_points[0].time_unix_nano
        found.setdefault(region, []).append(moment)
    return found


def _waits(database: Database, name: str) -> int:
    with database.connection() as connection:
        return {line.destination: line.pending for line in outbox.status(connection)}.get(name, 0)


def _slowly(reply: Reply) -> Any:
    def script(_: Request) -> Reply:
        time.sleep(0.02)
        return reply

    return script


def test_killed_again_and_again_each_destination_gets_everything_in_order(
    database: Database, database_url: str
) -> None:
    taken = Reply(204, b"", {})
    with (
        ScriptedServer(_slowly(taken)) as finance,
        ScriptedServer(_slowly(TAKEN)) as metrics,
        database.connection() as connection,
    ):
        keys = fill(connection, targets=3, entries=40, destinations=_NAMES)
        sections = _sections(finance, metrics)
        for _ in range(4):
            before = len(finance.requests), len(metrics.requests)

            def is_under_way(before: tuple[int, int] = before) -> bool:
                return len(finance.requests) >= before[0] + 5 and len(metrics.requests) >= before[1] + 5

            with _forwarder(database_url, sections) as process:
                until(is_under_way, 30)
                process.send_signal(signal.SIGKILL)
        assert _waits(database, "finance") > 0  # there was something left to lose each time
        assert _waits(database, "metrics") > 0
        with _forwarder(database_url, sections) as process:
            until(lambda: nothing_waits(database), 60)
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        arrived, times = _keys(finance.requests), _times(metrics.requests)
    assert {target: list(dict.fromkeys(found)) for target, found in arrived.items()} == keys
    for target, found in arrived.items():  # what came again came before its successor
        assert found == sorted(found, key=keys[target].index)
    assert {len(set(found)) for found in times.values()} == {40}
    assert all(found == sorted(found) for found in times.values())


@pytest.mark.parametrize("fault", ["down", "hangs"])
def test_while_one_is_away_the_other_gets_everything_in_order(
    database: Database, database_url: str, fault: str
) -> None:
    release = threading.Event()

    def away(_: Request) -> Reply:
        if fault == "hangs":
            release.wait(30)
        return Reply(503, b"", {}) if not release.is_set() else TAKEN

    with (
        ScriptedServer(lambda _: Reply(204, b"", {})) as finance,
        ScriptedServer(away) as metrics,
        database.connection() as connection,
    ):
        keys = fill(connection, targets=3, entries=30, destinations=_NAMES)
        with _forwarder(database_url, _sections(finance, metrics, timeout=10)):
            until(lambda: _waits(database, "finance") == 0, 20)
            assert _keys(finance.requests) == keys
            assert _waits(database, "metrics") == 90
            release.set()
            until(lambda: nothing_waits(database), 60)
        times = _times(metrics.requests)
    assert {len(set(found)) for found in times.values()} == {30}
    assert all(found == sorted(found) for found in times.values())
