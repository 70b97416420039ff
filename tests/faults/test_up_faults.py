"""What happens to the local stack when something in it, or it itself, is killed."""

import json
import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from celery import Celery

from tasks.app import make_app
from telemetry.settings import load_settings
from tests.support.processes import ended, until_ended
from tests.support.servers import short_directory
from tests.support.up import finfleet_up
from tests.support.waiting import until
from workers.local import LocalStack, State

pytestmark = pytest.mark.xdist_group("up_faults")  # one run for all of them


def test_a_second_signal_ends_at_once_what_does_not_end(short_path: Path) -> None:
    with finfleet_up(short_path / "state", "--no-flower") as up:
        family = up.family()
        os.kill(up.pids["plan"], signal.SIGSTOP)  # deaf to everything but SIGKILL, as a worker may be that hangs
        up.process.send_signal(signal.SIGTERM)
        until(lambda: "collect.generic stopped" in up.said, 20)
        assert up.process.poll() is None
        assert up.stop(signal.SIGINT) == 130
        until_ended(family)
        assert not (up.state / "up.json").exists()


@dataclass(frozen=True)
class _Wreck:
    """What is left of a `finfleet up` that was killed."""

    state: Path
    report: dict[str, Any]
    family: list[int]


@pytest.fixture(scope="module")
def wreck() -> Iterator[_Wreck]:
    with short_directory() as directory:
        with finfleet_up(directory / "state") as up:
            found = _Wreck(up.state, up.report, up.family())
            up.process.kill()
            up.process.wait()
        yield found


@pytest.fixture(scope="module")
def said() -> list[str]:
    """The lines that the stack has said."""
    return []


@pytest.fixture(scope="module")
def stack(wreck: _Wreck, said: list[str]) -> Iterator[LocalStack]:
    """A stack inside of this process, as the demo has it, on the state of the one that was killed."""
    with LocalStack(wreck.state, postgres_settings={"fsync": "off"}, say=said.append) as local:
        assert not (wreck.state / "up.json").exists()  # that of the other one
        local.wait_ready(60)
        yield local


def _settled(stack: LocalStack) -> bool:
    return all(process.state is State.RUNNING for process in stack.processes)


def test_a_kill_of_finfleet_up_leaves_no_process(wreck: _Wreck) -> None:
    assert len(wreck.family) > 12  # Postgres has children of its own
    until_ended(wreck.family)


def test_the_next_one_runs_where_the_killed_one_did(wreck: _Wreck, stack: LocalStack) -> None:
    report = json.loads(stack.files.report.read_text())
    assert report["pid"] == os.getpid()
    for what in ("database", "broker", "flower", "metrics"):
        assert report[what] == wreck.report[what]


def test_every_process_that_is_killed_comes_back(stack: LocalStack, said: list[str]) -> None:
    before = stack.pids
    database, broker = stack.database_url, stack.broker_url
    killed = {name: stack.kill(name) for name in before}
    assert killed == before
    until(lambda: all(map(ended, before.values())))
    until(lambda: stack.pids.keys() == before.keys() and _settled(stack), 40, "all of them are back")
    assert not set(stack.pids.values()) & set(before.values())
    assert {process.restarts for process in stack.processes} == {1}
    assert (stack.database_url, stack.broker_url) == (database, broker)
    for name in before:
        assert any(
            line.startswith(f"{name} ended (SIGKILL): starts again in 0.2 s; its last lines: /") for line in said
        )
    with psycopg.connect(database.get_secret_value()) as connection:
        assert connection.execute("SELECT count(*) FROM finfleet.targets").fetchone() == (1,)


def _takes_tasks(app: Celery, queue: str, log: Path) -> None:
    before = log.read_text().count("becomes a dead letter")
    app.send_task("tests.nobody_knows_this_one", queue=queue)
    until(lambda: log.read_text().count("becomes a dead letter") > before, 30, f"the worker of {queue} takes tasks")


def test_workers_find_servers_again_that_were_killed(stack: LocalStack) -> None:
    killed = [stack.kill(name) for name in ("valkey", "postgres")]
    until(lambda: all(map(ended, killed)))
    until(lambda: stack.pids.keys() >= {"postgres", "valkey"} and _settled(stack), 40, "the servers are back")
    variables = {"FINFLEET_BROKER_URL": stack.broker_url.get_secret_value()}
    # Most reconnect; one that was just acknowledging a task is ended by it (kombu), and comes back as a new process.
    with make_app(load_settings(environ=variables)) as app:
        for name in ("plan", "collect.generic"):  # a worker is called as its queue is
            _takes_tasks(app, name, stack.files.log(name))


def test_a_server_whose_port_was_taken_meanwhile_waits_for_it(stack: LocalStack, said: list[str]) -> None:
    url = stack.broker_url
    port = urlsplit(url.get_secret_value()).port

    def take() -> bool:
        try:
            thief.bind(("127.0.0.1", port))
        except OSError:
            return False
        thief.listen()
        return True

    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stack.kill("valkey")
        until(take, what="the port is taken")
        until(lambda: any(f"must listen on port {port}" in line for line in said), what="it says so")
        assert "valkey" not in stack.pids
    until(lambda: "valkey" in stack.pids and _settled(stack), 40, "it is back")
    assert stack.broker_url == url
