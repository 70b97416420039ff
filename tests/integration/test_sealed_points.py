"""Sealed points: what is read of a day is the same before and after its sealing, and what comes late is merged."""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from pydantic import SecretStr

from storage import partitions
from storage.database import Connection, Database
from storage.folding.points import DROP_AFTER, SEAL_AFTER, drop_sealed, fold_day, fold_points
from telemetry.batch import Batch
from telemetry.target import Window
from tests.support import writing as w
from tests.support.sealing import daily, hourly, make_series, rollups, values

DAY = w.START.date()
MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
CLOSED = MIDNIGHT + timedelta(days=1) + DROP_AFTER
_TABLES = ("points", "sealed_points", "points_hourly", "points_daily", "sealed_days", "outbox", "batches", "runs")
_WINDOW = Window(w.START, w.START + timedelta(hours=18))
_REST = ("collections", "targets", "series", "resources")


# What is written comes out -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """Batches of several runs of one window, and what happens: a batch is committed, or something is folded."""

    batches: list[Batch]
    #: A place in ``batches``; how many points are sealed in a transaction; the hour of the day up to which all are;
    #: or nothing, where a partition is dropped if it is empty.
    steps: list[tuple[str, int]]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    batches = []
    for place in range(draw(st.integers(1, 3))):
        run = w.run(window=_WINDOW, attempt=draw(st.integers(1, 3)), second=place)
        for number in range(1, draw(st.integers(1, 2)) + 1):
            # Of one hour and of several; with a step, with gaps, with none.
            minutes = st.sampled_from([0, 1, 2, 3, 5, 61, 62, 700, 1000])
            keys = draw(st.lists(st.tuples(st.sampled_from(["i-1", "i-2"]), minutes), min_size=1, unique=True))
            points = [(name, minute, 100.0 * place + 10 * number + minute / 7) for name, minute in keys]
            batches.append(w.batch(run, number, points))
    places = [*range(len(batches)), *draw(st.lists(st.integers(0, len(batches) - 1), max_size=2))]
    steps = [("commit", place) for place in draw(st.permutations(places))]
    folding = st.sampled_from([("fold", 1), ("fold", 100_000), ("drop", 0), ("hours", 6), ("hours", 7), ("hours", 17)])
    for step in draw(st.lists(folding, max_size=5)):
        steps.insert(draw(st.integers(0, len(steps))), step)
    return Plan(batches, steps)


def expected(batches: Sequence[Batch]) -> dict[str, dict[datetime, float]]:
    """Said once more, without a database: the newest batch with a point says its value."""
    found: dict[str, dict[datetime, float]] = {}
    for batch in sorted(batches, key=lambda one: (one.run.attempt, one.run.started_at, one.number)):
        for series, start, value in zip(batch.points.series, batch.points.start, batch.points.value, strict=True):
            name = batch.resources[batch.series[series].resource].name
            found.setdefault(name, {})[datetime.fromtimestamp(start, UTC)] = value
    return found


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=plans())
def test_the_views_do_not_hang_from_what_is_sealed(database_url: str, plan: Plan) -> None:
    with Database(SecretStr(database_url), size=1) as database, database.connection() as connection:
        empty(connection)
        w.plan(connection, window=_WINDOW, attempt=3)
        committed: list[Batch] = []
        for what, number in plan.steps:
            if what == "commit":
                w.put(connection, plan.batches[number])
                committed.append(plan.batches[number])
            elif what == "drop":
                drop_sealed(connection, CLOSED)
            elif what == "hours":
                seal(connection, number)
            else:
                fold_points(connection, CLOSED, points=number)
            check(connection, expected(committed))
        while fold_points(connection, CLOSED):
            check(connection, expected(committed))
        assert w.count(connection, "points") == 0
        drop_sealed(connection, CLOSED + timedelta(days=1))
        assert partitions.partitions_of(connection, "points") == []
        check(connection, expected(committed))


def seal(connection: Connection, hours: int) -> int:
    """Seal so many hours of the day, while it goes on."""
    return sum(iter(lambda: fold_points(connection, MIDNIGHT + timedelta(hours=hours) + SEAL_AFTER), 0))


def check(connection: Connection, wanted: dict[str, dict[datetime, float]]) -> None:
    """Every view says what it should, to the last bit."""
    assert values(connection) == {(name, start): value for name, of in wanted.items() for start, value in of.items()}
    assert hourly(connection) == rollups(wanted, timedelta(hours=1))
    assert daily(connection) == rollups(wanted, timedelta(days=1))


def empty(connection: Connection) -> None:
    names = sql.SQL(", ").join(sql.Identifier("finfleet", name) for name in (*_TABLES, *_REST))
    connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(names))


_ODD = [0.0, -0.0, 5e-324, -5e-324, 1e300, -1e300, 1.7e308, math.inf, -math.inf, math.nan, 0.1, 1 / 3]


@st.composite
def days(draw: st.DrawFn) -> dict[int, float]:
    """Values of a day by their second: at a step, with gaps in it, or anywhere."""
    step = draw(st.sampled_from([1, 7, 60, 300, 3600]))
    first = draw(st.integers(0, 86_399))
    places = draw(
        st.one_of(
            st.integers(1, 40).map(lambda count: list(range(count))),
            st.lists(st.integers(0, 60), min_size=1, max_size=30, unique=True),
        )
    )
    starts = {first + place * step for place in places if first + place * step < 86_400}
    if draw(st.booleans()):
        starts |= set(draw(st.lists(st.integers(0, 86_399), max_size=4)))
    value = st.one_of(st.floats(width=64), st.sampled_from(_ODD), st.integers(0, 5).map(float))
    return {start: draw(value) for start in starts or {first}}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.lists(days(), min_size=1, max_size=3), late=st.lists(days(), max_size=3), hours=st.integers(0, 24))
def test_every_value_comes_back_bit_for_bit(
    database_url: str, before: list[dict[int, float]], late: list[dict[int, float]], hours: int
) -> None:
    with Database(SecretStr(database_url), size=1) as database, database.connection() as connection:
        empty(connection)
        wanted: dict[str, dict[datetime, float]] = {}
        for arrival in (before, late):
            put(connection, arrival, wanted)
            check_bits(connection, wanted)
            seal(connection, hours)
            check_bits(connection, wanted)
            while fold_points(connection, CLOSED):
                pass
            check_bits(connection, wanted)


def put(connection: Connection, arrival: list[dict[int, float]], wanted: dict[str, dict[datetime, float]]) -> None:
    """Points past the writer, which refuses what is not finite; a value that is there is replaced."""
    if not partitions.partitions_of(connection, "points"):
        partitions.create(connection, [("points", DAY)])
    for place, points in enumerate(arrival):
        for second, value in points.items():
            series = make_series(connection, f"i-{place}")
            start = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC) + timedelta(seconds=second)
            wanted.setdefault(f"i-{place}", {})[start] = value
            connection.execute(
                "INSERT INTO finfleet.points VALUES (%s, %s, %s)"
                " ON CONFLICT (series_id, start) DO UPDATE SET value = excluded.value",
                (series, start, value),
            )


def check_bits(connection: Connection, wanted: dict[str, dict[datetime, float]]) -> None:
    found = {key: bits(value) for key, value in values(connection).items()}
    assert found == {(name, start): bits(value) for name, of in wanted.items() for start, value in of.items()}
    assert as_text(hourly(connection)) == as_text(rollups(wanted, timedelta(hours=1)))
    assert as_text(daily(connection)) == as_text(rollups(wanted, timedelta(days=1)))


def bits(value: float) -> bytes:
    return b"NaN" if math.isnan(value) else struct.pack("<d", value)


def as_text(found: dict[Any, Any]) -> dict[Any, str]:
    """NaN equals itself then; which of two zeros a minimum is does not matter."""
    return {key: repr([None if one is None else one + 0.0 for one in row]) for key, row in found.items()}


# Beside those who write -----------------------------------------------------------------------------------------------


def seeded(connection: Connection, names: Sequence[str]) -> dict[str, dict[datetime, float]]:
    """A value of every fifth minute of a day, of each of these."""
    wanted: dict[str, dict[datetime, float]] = {}
    for place in range(len(names)):
        put(connection, [{}] * place + [{minute * 60: minute + place / 7 for minute in range(0, 1440, 5)}], wanted)
    # What sealing does in transactions of their own, before the one that a test holds open.
    partitions.create(connection, [(table, DAY) for table in ("sealed_points", "points_hourly", "points_daily")])
    for days in range(2):
        connection.execute("INSERT INTO finfleet.sealed_days (day) VALUES (%s)", (DAY + timedelta(days=days),))
    return wanted


def test_ingest_waits_for_no_sealing_and_what_it_writes_meanwhile_counts(database: Database) -> None:
    with database.connection() as sealing, database.connection() as ingest:
        wanted = seeded(sealing, ["i-0", "i-1"])
        with sealing.transaction():
            assert fold_day(sealing, "points_20261124", DAY, CLOSED, until=CLOSED, points=1) == 288
            ingest.execute("SET lock_timeout = '10ms'")
            # A new point of what is being sealed, and an old one of what is not.
            put(ingest, [{7: 1.5}, {300: 2.5}], wanted)
        check(sealing, wanted)
        while fold_points(sealing, CLOSED):
            check(sealing, wanted)
        assert w.count(sealing, "points") == 0


def test_a_row_that_ingest_holds_is_left_to_it(database: Database) -> None:
    with database.connection() as sealing, database.connection() as ingest:
        wanted = seeded(sealing, ["i-0"])
        with ingest.transaction():
            put(ingest, [{300: 99.0}], wanted)
            assert fold_points(sealing, CLOSED) == 0
        assert w.count(sealing, "sealed_points") == 0
        assert fold_points(sealing, CLOSED) == 288
        check(sealing, wanted)


def test_several_seal_one_day_after_the_other_never_the_same(database: Database) -> None:
    with database.connection() as one, database.connection() as other:
        wanted = seeded(one, ["i-0", "i-1"])
        partitions.create(one, [("points", DAY + timedelta(days=1))])
        tomorrow = w.START + timedelta(days=1)
        one.execute("INSERT INTO finfleet.points VALUES (%s, %s, 1)", (make_series(one, "i-0"), tomorrow))
        wanted["i-0"][tomorrow] = 1.0
        later = CLOSED + timedelta(days=1)
        with one.transaction():
            assert fold_points(one, later, points=1) == 288
            assert fold_points(other, later) == 1
            assert fold_points(other, later) == 0
        assert fold_points(other, later) == 288
        check(other, wanted)


def test_an_hour_is_sealed_once_it_has_been_over_for_a_while(database: Database) -> None:
    with database.connection() as connection:
        wanted = seeded(connection, ["i-0", "i-1"])
        before = MIDNIGHT + timedelta(hours=1) + SEAL_AFTER - timedelta(seconds=1)
        assert fold_points(connection, before) == 0
        for hours in range(1, 24):
            assert seal(connection, hours) == 2 * 12
            assert seal(connection, hours) == 0
            check(connection, wanted)
        assert drop_sealed(connection, CLOSED + timedelta(days=9)) == 0, "it is not sealed"
        assert seal(connection, 24) == 2 * 12
        assert w.count(connection, "sealed_points") == 2


def test_a_partition_is_there_for_what_comes_late(database: Database) -> None:
    with database.connection() as connection:
        seeded(connection, ["i-0"])
        assert seal(connection, 24) == 288
        assert drop_sealed(connection, CLOSED - timedelta(seconds=1)) == 0
        assert drop_sealed(connection, CLOSED) == 1


# What was forgotten ---------------------------------------------------------------------------------------------------


def test_late_points_of_a_forgotten_day_leave_its_rollups_as_they_are(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with database.connection() as connection:
        wanted = seeded(connection, ["i-0"])
        while fold_points(connection, CLOSED):
            pass
        connection.execute("DROP TABLE finfleet.sealed_points_202611")
        whole = rollups(wanted, timedelta(days=1))
        late: dict[str, dict[datetime, float]] = {}
        put(connection, [{7: 1.0}, {7: 2.0}], late)
        for _ in range(2):
            found = daily(connection)
            # One that has no rollup is of its points, late as they are.
            assert found == whole | {
                key: row for key, row in rollups(late, timedelta(days=1)).items() if key[0] == "i-1"
            }
            while fold_points(connection, CLOSED):
                pass
        assert values(connection) == {("i-1", start): value for start, value in late["i-1"].items()}
        assert "sealing: late points of 1 series of 2026-11-24 are forgotten, as that day is" in caplog.messages
