"""kill -9 at each step of a delivery, ten times each: no charge twice, none lost, and the former version until then."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from msgspec.structs import replace
from pydantic import SecretStr

from tasks.results import NAME, open_carrier
from telemetry.batch import Message
from telemetry.target import Target, Window
from tests.support.bill_provider import add_bill_provider
from tests.support.deliveries import look_at, seen
from tests.support.granting import KEY
from tests.support.ingesting import put
from tests.support.prepared import Fork, Prepared, prepared
from tests.support.waiting import until

ROUNDS, DELIVERED = 2, 5
"""Each time so many periods are struck at once: each step ten times in all."""
LOOKS, READS = Target("bill", "default", "export", "looks"), Target("bill", "default", "export", "reads")
PERIODS = [
    Window(datetime(2026, month, 1, tzinfo=UTC), datetime(2026, month + 1, 1, tzinfo=UTC))
    for month in range(1, DELIVERED + 1)
]
ROWS = 5001
"""Of the first version: two batches."""
Rows = psycopg.Connection[tuple[Any, ...]]
_BILLS = (
    "SELECT billing_period_start, count(*), sum(billed_cost)::bigint FROM reporting.costs"
    " GROUP BY billing_period_start ORDER BY 1"
)
PROGRAMS = {"ingest": ("ingest",), "plan": ("worker", "plan"), "bill": ("worker", "bill")}


class Fleet:
    """An ingest, a planner and a worker, each of which is started again when it is killed."""

    def __init__(self, programs: Prepared, packages: Path, environment: dict[str, str], directory: Path) -> None:
        self._programs, self._packages = programs, packages
        self._environment, self._directory = environment, directory
        self._running: dict[str, tuple[Fork, ExitStack]] = {}

    def start(self, name: str) -> None:
        stack = ExitStack()
        argv = [str(self._packages), "finfleet", *PROGRAMS[name]]
        log = self._directory / f"{name}.log"
        running = self._programs.running("tests.support.bill_provider:program", argv, self._environment, log)
        self._running[name] = (stack.enter_context(running), stack)

    def kill(self, name: str) -> None:
        fork, stack = self._running.pop(name)
        assert not fork.ended, f"{name} has ended by itself: {(self._directory / f'{name}.log').read_text()}"
        stack.close()
        self.start(name)

    def close(self) -> None:
        for _, stack in self._running.values():
            stack.close()


@contextmanager
def _watched(url: str, versions: set[int]) -> Iterator[None]:
    """Whoever asks for a bill, at any moment, gets one whole version of it, and never an older one than before."""
    done, faults = threading.Event(), []

    def watch() -> None:
        newest: dict[datetime, int] = {}
        with psycopg.connect(url, autocommit=True) as connection:
            while not done.wait(0.1):
                before = set(versions)
                for period, rows, total in connection.execute(_BILLS).fetchall():
                    if rows not in before | versions or total != rows * rows or rows < newest.get(period, 0):
                        faults.append((period, rows, total, newest.get(period), set(versions)))
                    newest[period] = rows

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    assert not faults


@pytest.mark.timeout(180)
def test_kills_at_each_step_double_nothing_and_lose_nothing(database_url: str, redis_url: str, tmp_path: Path) -> None:
    packages, state, config = tmp_path / "packages", tmp_path / "state", tmp_path / "telemetry.yaml"
    add_bill_provider(packages)
    state.mkdir()
    document = {
        "bill": {"enabled": True},
        "collect": {"concurrency": 2 * DELIVERED},
        "ingest": {"flush_interval": 0.05, "claim_after": 0.3},
        "ledger": {"signing_keys": [KEY.get_secret_value()]},
    }
    config.write_text(yaml.safe_dump(document), encoding="utf-8")
    environment = {
        **os.environ,
        "FINFLEET_CONFIG": str(config),
        "FINFLEET_DATABASE_URL": database_url,
        "FINFLEET_BROKER_URL": redis_url,
        "BILL_STATE": str(state),
    }
    versions: set[int] = set()
    imported = ("tests.support.bill_provider", "workers.commands.ingest", "workers.commands.worker", "tasks.plan")
    with (
        prepared(*imported) as programs,
        psycopg.connect(database_url, autocommit=True) as connection,
        closing(open_carrier(SecretStr(redis_url), NAME)) as carrier,
        closing(Fleet(programs, packages, environment, tmp_path)) as fleet,
        _watched(database_url, versions),
    ):
        for name in PROGRAMS:
            fleet.start(name)
        until(lambda: _count(connection, "finfleet.targets") == 2, 30, "the planner knows the export")
        for rows in range(ROWS, ROWS + ROUNDS):
            (state / "version").write_text(str(rows))
            versions.add(rows)
            put(carrier, *_look(connection, str(rows)))
            _strike(fleet, connection, state, str(rows))
            versions.intersection_update({rows})
        found = connection.execute("SELECT DISTINCT state FROM finfleet.collections").fetchall()
        assert found == [("complete",)]
        assert _count(connection, "finfleet.dead_letters") == 0
        assert connection.execute(_BILLS).fetchall() == [(period.start, rows, rows * rows) for period in PERIODS]


def _strike(fleet: Fleet, connection: Rows, state: Path, version: str) -> None:
    """A version is delivered of every period, and at each step whoever is at work on them is killed."""
    chance = random.Random(version)
    for step in ("pinned", "publishing", "proving"):
        (state / f"stop-{step}").touch()
    _wait(chance, 0.1)
    fleet.kill("ingest")  # while it stores what was seen
    until(lambda: _is(connection, version, "true"), 30, "it is seen")
    _wait(chance, 0.3)
    fleet.kill("plan")  # while it hands out
    for step, also in (("pinned", ()), ("publishing", ("ingest",)), ("proving", ("plan",))):
        at = [state / f"at-{step}-{period.start:%Y-%m}" for period in PERIODS]
        until(lambda: all(one.exists() for one in at), 30, f"all are {step}")  # noqa: B023 - within the turn
        (state / f"stop-{step}").unlink()
        for name in ("bill", *also):
            fleet.kill(name)
        _lose(connection)
    # Now nothing stops it: its last batch, with the proof, and the report are taken in.
    until(lambda: _is(connection, version, "read_at IS NOT NULL", at_least=1), 30, "a proof has come")
    fleet.kill("ingest")
    until(lambda: _is(connection, version, "state = 'current'"), 30, "it is current")
    _wait(chance, 0.05)
    fleet.kill("ingest")


def _wait(chance: random.Random, most: float) -> None:
    threading.Event().wait(chance.uniform(0, most))


def _look(connection: Rows, version: str) -> list[Message]:
    """What a look at the export publishes that has found this version."""
    told = [replace(seen(version, period), service=READS.service) for period in PERIODS]
    messages = look_at(told, at=datetime.now(UTC), looks=LOOKS)
    window = messages[0].run.window
    connection.execute(
        "INSERT INTO finfleet.collections (target_id, window_start, window_end, state, attempt)"
        " SELECT target_id, %s, %s, 'complete', 1 FROM finfleet.targets WHERE service = 'looks' ON CONFLICT DO NOTHING",
        (window.start, window.end),
    )
    return messages


def _count(connection: Rows, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()  # noqa: S608 - of this test
    assert row
    return int(row[0])


def _lose(connection: Rows) -> None:
    """Let the lease of what is out end: nobody answers any more."""
    connection.execute("UPDATE finfleet.collections SET due_at = now(), lost = 0 WHERE state = 'dispatched'")


def _is(connection: Rows, version: str, condition: str, at_least: int = DELIVERED) -> bool:
    """Whether that is so of the deliveries of this version: of all, or of so many."""
    query = f"SELECT count(*) FROM reporting.deliveries WHERE version = %s AND {condition}"  # noqa: S608 - of this test
    row = connection.execute(query.encode(), (version,)).fetchone()
    return bool(row and row[0] >= at_least)
