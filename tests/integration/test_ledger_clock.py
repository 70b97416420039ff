"""A planner or an ingest whose own clock is wrong does no harm, and says so."""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from pydantic import SecretStr

import storage.clock
from storage import processes
from storage.clock import Clock
from storage.database import Connection, Database
from tasks import plan
from tasks.handing import HandOut
from tasks.keeping import TargetKeeper
from tasks.results import open_carrier
from telemetry.presence import Sign
from tests.support import writing
from tests.support.ingesting import put, run_messages, running_ingest, windows
from tests.support.planning import planning
from tests.support.waiting import until
from workers.health.presence import by_database

_CONFIG = "aws: {services: [ec2], regions: [us-east-1], backfill: 1h, collection_interval: 5m}"
_OFF = [timedelta(minutes=7), timedelta(hours=3), timedelta(days=800)]
_CLOSED = (
    "SELECT count(*), count(*) FILTER (WHERE window_end + make_interval(secs => delay_seconds) <= clock_timestamp()),"
    " count(*) FILTER (WHERE due_at <= clock_timestamp() OR state = 'dispatched' AND"
    " due_at - clock_timestamp() BETWEEN interval '14 min' AND interval '15 min'),"
    " bool_and(t.enabled_since BETWEEN now() - interval '70 min' AND now() - interval '55 min')"
    " FROM finfleet.collections JOIN finfleet.targets AS t USING (target_id)"
)


@pytest.fixture
def connection(database: Database, database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Connection]:
    with planning(database, database_url, redis_url, tmp_path, _CONFIG), database.connection() as connection:
        yield connection


def _off(database: Database, monkeypatch: pytest.MonkeyPatch, ahead: timedelta) -> None:
    monkeypatch.setattr(database, "clock", Clock(lambda: datetime.now(UTC) + ahead))
    monkeypatch.setattr(storage.clock, "_said_at", float("-inf"))


def _look() -> None:
    hand_out = HandOut(TargetKeeper())
    hand_out.look()
    hand_out.handing.close()


def _sweep() -> None:
    plan.sweep()


def _fan_out() -> None:
    plan.fan_out("aws", "ec2")


@pytest.mark.parametrize("off", [(ahead, ways) for ahead in _OFF for ways in ((_look,), (_fan_out, _sweep))])
def test_a_planner_ahead_opens_nothing_early(
    connection: Connection,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    off: tuple[timedelta, tuple[Callable[[], None], ...]],
) -> None:
    ahead, ways = off
    _off(database, monkeypatch, ahead)
    monkeypatch.setattr(plan, "keeper", TargetKeeper())
    with caplog.at_level(logging.WARNING, "storage.clock"):
        for way in ways:
            way()
    opened = connection.execute(_CLOSED.encode()).fetchone()
    assert opened is not None
    assert 10 <= opened[0] <= 13
    assert opened[1:] == (opened[0], opened[0], True)
    assert writing.count(connection, "collections WHERE state = 'dispatched'") == opened[0]
    assert f"{ahead} ahead of that of the database" in caplog.text


@pytest.mark.parametrize("ahead", _OFF)
def test_nothing_is_open_before_both_clocks_say_so(
    connection: Connection, database: Database, monkeypatch: pytest.MonkeyPatch, ahead: timedelta
) -> None:
    """Where the database's is wrong, all planners seem behind."""
    _off(database, monkeypatch, -ahead)
    _look()
    newest = "SELECT coalesce(max(window_end + make_interval(secs => delay_seconds)), '-infinity') <= now() - %s"
    of = " FROM finfleet.collections JOIN finfleet.targets USING (target_id)"
    assert connection.execute((newest + of).encode(), [ahead]).fetchone() == (True,)
    # No more is owed of the past than by a planner that is right.
    since = "SELECT min(enabled_since) > now() - interval '70 min' FROM finfleet.targets"
    assert connection.execute(since.encode()).fetchone() == (True,)


@pytest.mark.parametrize("ahead", [timedelta(minutes=7), -timedelta(minutes=7)])
def test_status_tells(database: Database, monkeypatch: pytest.MonkeyPatch, ahead: timedelta) -> None:
    sign = Sign(uuid4(), "worker plan", ("plan",), "here", "boot/1", 42, "1.0", 1_790_000_000.0)
    by_database(database)(sign)
    with database.connection() as connection:
        assert [one.trouble for one in processes.listing(connection)] == [""]
        _off(database, monkeypatch, ahead)
        by_database(database)(sign)
        (told,) = processes.listing(connection)
    assert f"0:07:00 {'ahead of' if ahead > timedelta(0) else 'behind'} that of the database" in told.trouble


@pytest.mark.parametrize("ahead", [timedelta(hours=3), -timedelta(hours=3)])
def test_an_ingest_reads_and_settles_by_the_clock_of_the_database(
    redis_url: str, database: Database, monkeypatch: pytest.MonkeyPatch, ahead: timedelta
) -> None:
    _off(database, monkeypatch, ahead)
    with closing(open_carrier(SecretStr(redis_url))) as carrier, database.connection() as connection:
        (window,) = windows(connection, 1)
        started = datetime.now(UTC) - timedelta(seconds=30)
        run = msgspec.structs.replace(writing.run(window=window), started_at=started)
        put(carrier, *run_messages(run, series=1, batches=1))
        with running_ingest(carrier, database):
            until(lambda: writing.ledger(connection, "state") == [("complete",)], 20, "the run settles it")
        settled = "SELECT settled_at BETWEEN now() - interval '1 min' AND clock_timestamp() FROM finfleet.collections"
        assert connection.execute(settled.encode()).fetchone() == (True,)
