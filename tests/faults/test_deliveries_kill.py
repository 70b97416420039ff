"""kill -9 at each step of a delivery, ten times each: no charge twice, none lost, and the former version until then.

Ten billing periods are delivered twice. Whoever is killed is a process of its own, and is in the step at that moment: a
reader stands at a gate of its provider, and an ingest waits in the middle of its transaction for a table that the test
has locked.
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
import yaml
from msgspec.structs import replace
from pydantic import SecretStr

from agents.core.collection import Collection
from storage.database import Database
from storage.ledger import Dispatch
from tasks.collect import collect
from tasks.results import NAME, Carrier, open_carrier
from telemetry.target import Target, Window
from tests.support.bill_provider import add_bill_provider
from tests.support.deliveries import bill_of, look_at, plan, seen, take
from tests.support.granting import KEY, granted
from tests.support.ingesting import put
from tests.support.prepared import Fork, Prepared, prepared
from tests.support.waiting import until

LOOKS, READS = Target("bill", "default", "export", "looks"), Target("bill", "default", "export", "reads")
PERIODS = [
    Window(datetime(2026, month, 1, tzinfo=UTC), datetime(2026, month + 1, 1, tzinfo=UTC)) for month in range(1, 11)
]
"""Each is struck once in every step."""
ROWS, BATCH = 25, 10
"""Of the first version, and of a batch: three of them, the last with the proof."""
Rows = psycopg.Connection[tuple[Any, ...]]
_BILLS = (
    "SELECT billing_period_start, count(*), sum(billed_cost)::bigint FROM reporting.costs"
    " GROUP BY billing_period_start ORDER BY 1"
)


def read() -> None:
    """Read one delivery as a worker does, in small batches: what is killed."""
    target, window, attempt, grant = sys.argv
    warnings.simplefilter("default")
    with patch("tasks.collect.Collection", partial(Collection, batch_limit=BATCH)):
        collect(target, window, int(attempt), grant)


class Fleet:
    """An ingest, readers, and who kills them."""

    def __init__(self, programs: Prepared, environment: dict[str, str], directory: Path, database: Database) -> None:
        self._programs, self._environment = programs, environment
        self._directory, self._database = directory, database
        self._ingest: tuple[Fork, ExitStack] | None = None
        self.kills = 0

    def start(self) -> None:
        """An ingest, in the place of one that was killed."""
        stack = ExitStack()
        running = self._running("workers.cli:main", ["finfleet", "ingest"], "ingest")
        self._ingest = (stack.enter_context(running), stack)

    def close(self) -> None:
        if self._ingest:
            self._ingest[1].close()

    def strike(self, connection: Rows, table: str, act: Callable[[], object]) -> None:
        """Kill the ingest in the middle of its transaction, where it is about to write to this table."""
        assert self._ingest
        fork, stack = self._ingest
        waits = "SELECT FROM pg_locks WHERE relation = %s::regclass AND NOT granted"
        with connection.transaction():
            connection.execute(f"LOCK TABLE {table} IN SHARE MODE".encode())
            act()
            until(lambda: connection.execute(waits, (table,)).fetchone() is not None, 30, "it is about to write")
            self.kill(fork)
            stack.close()
            self.start()

    @contextmanager
    def reading(self, dispatch: Dispatch) -> Iterator[Fork]:
        """A reader at work, killed at the end if it has not come to its own."""
        target, window, attempt = dispatch.target, dispatch.window, dispatch.attempt
        argv = [str(target), str(window), str(attempt), granted(target, window, attempt)]
        log = f"reader-{window.start:%m}"
        with self._running("tests.faults.test_deliveries_kill:read", argv, log) as fork:
            yield fork

    @contextmanager
    def reading_at(self, step: str, state: Path) -> Iterator[list[tuple[Fork, Path]]]:
        """Have all periods read as far as this step: the readers, and the gate that holds each."""
        gates = [state / f"stop-{step}-{period.start:%Y-%m}" for period in PERIODS]
        for gate in gates:
            gate.with_name(gate.name.replace("stop", "at")).unlink(missing_ok=True)
            gate.touch()
        with ExitStack() as stack:
            forks = [stack.enter_context(self.reading(one)) for one in self.due()]
            until(
                lambda: all((state / gate.name.replace("stop", "at")).exists() for gate in gates), 60, f"all are {step}"
            )
            yield list(zip(forks, gates, strict=True))
        for gate in gates:
            gate.unlink(missing_ok=True)

    def due(self) -> list[Dispatch]:
        """What is handed out, once nobody answers any more to whom it was handed out before."""
        with self._database.connection() as connection:
            connection.execute("UPDATE finfleet.collections SET due_at = now(), lost = 0 WHERE state = 'dispatched'")
            return sorted(take(connection, datetime.now(UTC), READS), key=lambda one: one.window.start)

    def kill(self, fork: Fork) -> None:
        """Which is at work."""
        assert not fork.ended, [file.read_text() for file in self._directory.glob("*.log")]
        fork.kill()
        self.kills += 1

    def _running(self, function: str, argv: list[str], name: str) -> Any:
        return self._programs.running(function, argv, self._environment, self._directory / f"{name}.log")


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
def test_kills_at_each_step_double_nothing_and_lose_nothing(
    database: Database, database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages, state, config = tmp_path / "packages", tmp_path / "state", tmp_path / "telemetry.yaml"
    add_bill_provider(packages)
    state.mkdir()
    document = {
        "bill": {"enabled": True},
        "ingest": {"flush_interval": 0.02, "claim_after": 0.1},
        "ledger": {"signing_keys": [KEY.get_secret_value()]},
    }
    config.write_text(yaml.safe_dump(document), encoding="utf-8")
    for name, value in (("BILL_PACKAGES", packages), ("BILL_STATE", state)):
        monkeypatch.setenv(name, str(value))
    environment = {
        **os.environ,
        "FINFLEET_CONFIG": str(config),
        "FINFLEET_DATABASE_URL": database_url,
        "FINFLEET_BROKER_URL": redis_url,
    }
    versions: set[int] = set()
    with database.connection() as planner:
        plan(planner, LOOKS, READS)
        planner.execute("UPDATE finfleet.collections SET attempt = 1")
    with (
        prepared(
            "tests.faults.test_deliveries_kill", "workers.commands.ingest", "tests.support.bill_ready"
        ) as programs,
        psycopg.connect(database_url, autocommit=True) as connection,
        closing(open_carrier(SecretStr(redis_url), NAME)) as carrier,
        closing(Fleet(programs, environment, tmp_path, database)) as fleet,
        _watched(database_url, versions),
    ):
        fleet.start()
        first, second = ROWS, ROWS + 1
        _deliver(state, versions, first)
        for period in PERIODS:
            fleet.strike(connection, "finfleet.deliveries", partial(_look, carrier, first, [period]))
            until(partial(_is, connection, period, first, "seen"), 30, "it is seen")
        for dispatch in fleet.due():
            messages = bill_of(dispatch, str(first), [str(first)] * first, started=datetime.now(UTC))
            fleet.strike(connection, "finfleet.bill_versions", partial(put, carrier, *messages))
            until(partial(_is, connection, dispatch.window, first, "current"), 30, "it is current")
        _deliver(state, versions, second)
        _look(carrier, second, PERIODS)
        for period in PERIODS:
            until(partial(_is, connection, period, second, "seen"), 30, "it is seen")
        for step in ("pinned", "publishing", "proving"):
            with fleet.reading_at(step, state) as readers:
                for fork, _ in readers:
                    fleet.kill(fork)
            assert connection.execute(_BILLS).fetchall() == _bill(first), "the former version stands"
        # The next ones are held too, and let go one by one.
        with fleet.reading_at("proving", state) as readers:
            for (_, gate), period in zip(readers, PERIODS, strict=True):
                fleet.strike(connection, "finfleet.bill_versions", gate.unlink)
                until(partial(_is, connection, period, second, "current"), 30, "it is current")
        assert _states(connection, first) == {"superseded"}
        assert connection.execute("SELECT count(*) FROM finfleet.dead_letters").fetchone() == (0,)
        assert connection.execute(_BILLS).fetchall() == _bill(second)
        assert fleet.kills == 6 * len(PERIODS)


def _deliver(state: Path, versions: set[int], rows: int) -> None:
    (state / "version").write_text(str(rows))
    versions.add(rows)


def _look(carrier: Carrier, version: int, periods: list[Window]) -> None:
    """What a look at the export publishes that has found this version."""
    told = [replace(seen(str(version), period), service=READS.service) for period in periods]
    put(carrier, *look_at(told, at=datetime.now(UTC), looks=LOOKS))


def _is(connection: Rows, period: Window, version: int, state: str) -> bool:
    query = "SELECT state FROM reporting.deliveries WHERE version = %s AND period_start = %s"
    return connection.execute(query, (str(version), period.start)).fetchall() == [(state,)]


def _states(connection: Rows, version: int) -> set[str]:
    query = "SELECT state FROM reporting.deliveries WHERE version = %s"
    return {state for (state,) in connection.execute(query, (str(version),))}


def _bill(rows: int) -> list[tuple[datetime, int, int]]:
    return [(period.start, rows, rows * rows) for period in PERIODS]
