"""Settled windows become ranges, and are rows again where something is to be done of them."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from storage import ledger
from storage.database import Connection, Database
from storage.folding.points import fold_points
from storage.folding.rates import fold_rates
from storage.reports import (
    planned_readings,
    read_bad_windows,
    read_coverage,
    read_gauges,
    read_lateness,
    read_partial,
    read_troubles,
)
from storage.writer import name_sources
from telemetry.batch import Outcome
from telemetry.target import Target, Window
from tests.support import writing as w
from tests.support.folded import LATER, fold, folded, ledger_of, views
from tests.support.ledger import NOW, at, minutes, plan, sync, take, windows

DAY = timedelta(days=1)
THEN = NOW + LATER


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    """With ten hours of a target, each window collected in its own way."""
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(600)))
        ledger.open_windows(connection, "aws", "ec2", NOW)
        yield connection


def collect(connection: Connection, outcomes: dict[str, Outcome] | None = None, **options: object) -> None:
    """Collect what is due: well, or as `outcomes` has it by the clock of the window's start."""
    for one in take(connection, max_attempts=1):
        run = w.run(one.target, one.window, attempt=one.attempt)
        outcome = (outcomes or {}).get(f"{one.window.start:%H:%M}", Outcome.COMPLETE)
        if outcome is Outcome.COMPLETE:
            w.put(connection, w.batch(run), w.report(run), now=NOW)
        else:
            told = {"error": "no", "permission": "ec2:Describe"} if outcome is Outcome.DENIED else {"error": "broken"}
            told = told if outcome in {Outcome.DENIED, Outcome.FAILED} else {}
            w.put(connection, w.report(run, outcome, 0, **told), now=NOW, max_attempts=1)  # type: ignore[arg-type]


def seal(connection: Connection) -> None:
    """Seal the points, and fold the rates."""
    while fold_points(connection, THEN + DAY) + fold_rates(connection, THEN + DAY):
        pass
    assert w.points(connection) == {}
    assert w.rates(connection) == {}


def read(connection: Connection) -> tuple[dict[str, float], dict[str, Decimal]]:
    """Values and rates by resource, each of which is there once."""
    values = connection.execute("SELECT name, value FROM reporting.resource_metrics").fetchall()
    rates = connection.execute("SELECT name, amount FROM reporting.cost_per_hour").fetchall()
    assert (len(dict(values)), len(dict(rates))) == (len(values), len(rates))
    return dict(values), dict(rates)


MIXED = {"05:00": Outcome.DENIED, "05:05": Outcome.DENIED, "06:00": Outcome.EMPTY}


def test_what_is_settled_becomes_a_row_a_month_and_outcome(connection: Connection) -> None:
    collect(connection, MIXED)
    before = ledger_of(connection)
    assert fold(connection, NOW + DAY) == 0
    assert fold(connection, THEN) == 119
    assert ledger_of(connection) == before
    assert list(windows(connection)) == [Window(at("11:55"), at("12:00"))]  # the newest that went well
    assert folded(connection, "state", "windows", "records", "attempt", "error", "permission") == [
        ("complete", 116, 232, 1, "", ""),
        ("denied", 2, 0, 1, "no", "ec2:Describe"),
        ("empty", 1, 0, 1, "", ""),
    ]
    assert fold(connection, THEN) == 0


def test_everything_that_is_told_of_the_ledger_is_the_same(connection: Connection) -> None:
    collect(connection, MIXED)
    connection.execute(
        "UPDATE finfleet.collections SET partial = 'prices: unknown' WHERE window_start >= %s", (at("11:00"),)
    )

    def told() -> dict[str, object]:
        since = [None, at("05:02"), at("05:05"), at("11:30")]
        return {
            **views(connection),
            "coverage": [read_coverage(connection, THEN, since=one) for one in since],
            "troubles": [read_troubles(connection, since=one) for one in since],
            "partial": [read_partial(connection, since=one) for one in since],
            "bad": [read_bad_windows(connection, since=one) for one in since],
            "late": read_lateness(connection, THEN),
            "gauges": read_gauges(connection, THEN),
            "states": ledger.count_states(connection),
            "backfills": ledger.list_backfills(connection),
            "gaps found": ledger.heal_gaps(connection, THEN),
        }

    # The gap of what was never planned ends now.
    connection.execute("UPDATE finfleet.targets SET planned_until = '2100-01-01'")
    connection.execute("INSERT INTO finfleet.pauses VALUES (1, %s, NULL)", (at("12:00"),))
    before = told()
    assert fold(connection, THEN) == 119
    assert told() == before


def test_readings_that_fell_due_are_counted_when_they_are_folded(connection: Connection) -> None:
    sync(connection, plan())
    connection.execute("UPDATE finfleet.collections SET backfill_id = NULL, planned_at = window_end")
    collect(connection, {"05:00": Outcome.DENIED})
    again = [("aws/ec2", timedelta(hours=hours)) for hours in (1, 6)]
    spans = [(at("05:02"), at("11:01")), (at("01:00"), at("23:00")), (at("08:00"), at("09:00"))]
    before = [planned_readings(connection, *span, again) for span in spans]
    assert fold(connection, THEN) == 119
    assert [planned_readings(connection, *span, again) for span in spans] == before


@pytest.mark.parametrize(
    "change",
    [
        "state = 'planned'",
        "state = 'dispatched'",
        "refresh_at = '2027-01-01'",
        "settled_at = '2026-12-04'",
        "state = 'failed', records = NULL",  # it is tried again as soon as its target answers
        "state = 'failed', records = NULL, failed_since = settled_at - interval '6 days'",
        "state = 'denied', records = NULL, window_start = '2026-11-28', window_end = '2026-11-28 00:05Z'",
        "refused = true, partial = 'x', failed_since = '2026-11-28'",
    ],
)
def test_what_something_is_left_to_do_of_stays_a_row(connection: Connection, change: str) -> None:
    collect(connection)
    connection.execute("UPDATE finfleet.collections SET backfill_id = NULL")
    statement = f"UPDATE finfleet.collections SET {change} WHERE window_start = %s"  # noqa: S608 - of this test
    connection.execute(statement.encode(), (at("05:00"),))
    assert fold(connection, THEN) == 118


def test_a_running_back_fill_keeps_its_windows(connection: Connection) -> None:
    collect(connection)
    connection.execute("UPDATE finfleet.collections SET state = 'planned' WHERE window_start = %s", (at("05:00"),))
    assert fold(connection, THEN) == 0


@pytest.mark.parametrize("sealed", [True, False])
def test_a_late_batch_of_a_folded_window_adds_and_a_newer_attempt_replaces(
    connection: Connection, sealed: bool
) -> None:
    [*_, first] = take(connection)  # the oldest, of which nothing comes for now
    collect(connection)
    run = w.run(first.target, first.window, attempt=1)
    target_id, start = first.target_id, first.window.start
    connection.execute("UPDATE finfleet.collections SET attempt = 2, due_at = %s WHERE state = 'dispatched'", (THEN,))
    newer = w.run(first.target, first.window, attempt=2, second=5)
    brought = w.batch(newer, points=[("i-1", 0, 2.0)], rates=[("i-1", 0, "2")])
    w.put(connection, brought, w.report(newer), now=NOW)
    connection.execute(
        "UPDATE finfleet.collections SET state = 'complete', records = 1, settled_at = %s WHERE window_start <> %s",
        (NOW, start),
    )
    assert fold(connection, THEN) == 119
    for _ in range(2):
        written = w.put(connection, w.batch(run, points=[("i-1", 0, 1.0), ("i-2", 0, 1.0)]), w.report(run), now=NOW)
        assert not written.rejected
    assert written.duplicates == 2
    assert read(connection) == ({"i-1": 2.0, "i-2": 1.0}, {"i-1": Decimal(2)})
    # Once their runs are forgotten, the same once more, and another of the same attempt, change nothing.
    for _ in range(2):
        fold(connection, THEN, timedelta(0))
        assert connection.execute("SELECT count(*) FROM finfleet.collections").fetchone() == (1,)
        connection.execute("DELETE FROM finfleet.runs")
        if sealed:
            seal(connection)
        late = w.batch(run, points=[("i-1", 0, 1.0), ("i-3", 0, 3.0)], rates=[("i-1", 0, "1"), ("i-3", 0, "3")])
        w.put(connection, late, w.report(run), now=NOW)
        assert read(connection) == ({"i-1": 2.0, "i-2": 1.0, "i-3": 3.0}, {"i-1": Decimal(2), "i-3": Decimal(3)})
        row = "SELECT state, attempt, records FROM finfleet.collections WHERE (target_id, window_start) = (%s, %s)"
        assert connection.execute(row, (target_id, start)).fetchone() == ("complete", 2, 1)
    # And what is handed out from now on is newer than all of it.
    connection.execute("UPDATE finfleet.collections SET refresh_at = %s WHERE window_start = %s", (NOW, start))
    [again] = take(connection)
    assert again.attempt == 3
    newest = w.run(again.target, again.window, attempt=3)
    w.put(connection, w.batch(newest, points=[("i-1", 0, 9.0)]), w.report(newest), now=NOW)
    assert read(connection)[0]["i-1"] == 9.0
    assert fold(connection, THEN, timedelta(0)) == 1
    assert connection.execute("SELECT count(*) FROM finfleet.runs WHERE started_at > '2100-01-01'").fetchone() == (0,)


def test_a_window_that_was_never_planned_stays_unknown_beside_ranges(connection: Connection) -> None:
    collect(connection)
    fold(connection, THEN)
    unknown = [
        Window(at("05:00"), at("05:10")),  # not as long
        Window(at("05:02"), at("05:07")),  # not on their grid
        Window(at("01:00"), at("01:05")),  # before all of them
    ]
    for window in unknown:
        written = w.put(connection, w.report(w.run(window=window)))
        assert [one.code for one in written.rejected] == ["unplanned"]
    assert len(ledger_of(connection)) == 120


@pytest.mark.parametrize("again", [True, False])
def test_a_back_fill_has_folded_windows_collected_again(connection: Connection, again: bool) -> None:
    collect(connection, MIXED)
    fold(connection, THEN)
    targets, span = ledger.find_targets(connection), Window(at("05:02"), at("05:16"))
    [would] = ledger.preview(connection, targets, span, again=again)
    wanted = 4 if again else 2
    assert (would.missing, would.again) == (0, wanted)
    assert ledger.backfill(connection, targets, span, THEN, again=again) == (0, wanted)
    assert len(ledger_of(connection)) == 120
    handed = take(connection, THEN)
    assert [(f"{one.window.start:%H:%M}", one.attempt) for one in handed] == [
        ("05:15", 2),
        ("05:10", 2),
        ("05:05", 2),
        ("05:00", 2),
    ][-wanted:]
    for one in handed:
        run = w.run(one.target, one.window, attempt=one.attempt)
        w.put(connection, w.batch(run), w.report(run), now=THEN)
    assert fold(connection, THEN + DAY * 3) == wanted
    assert [state for (state,) in folded(connection, "state")].count("denied") == 0


def test_what_a_cancelled_back_fill_has_made_due_is_folded_again_as_it_was(connection: Connection) -> None:
    collect(connection, MIXED)
    fold(connection, THEN)
    before = ledger_of(connection)
    targets, span = ledger.find_targets(connection), Window(at("05:00"), at("07:00"))
    number = ledger.begin_backfill(connection, [ledger.Asked(1, span)], THEN)
    ledger.backfill(connection, targets, span, THEN, again=True, backfill_id=number)
    assert ledger.cancel_backfills(connection, [1], THEN, [number]).settled == 24
    assert ledger_of(connection) == before
    assert ledger.heal_gaps(connection, THEN) == (0, 0)
    assert fold(connection, THEN + DAY * 9) == 24
    assert ledger_of(connection) == before
    assert connection.execute("SELECT count(*) FROM finfleet.pauses").fetchone() == (0,)


def test_what_a_back_fill_did_and_cost_is_told_of_what_is_folded(connection: Connection) -> None:
    targets, span = ledger.find_targets(connection), Window(at("01:00"), at("02:00"))
    number = ledger.begin_backfill(connection, [ledger.Asked(1, span, Decimal(0))], NOW - DAY, budget_usd=Decimal(5))
    ledger.backfill(connection, targets, span, NOW, backfill_id=number)
    collect(connection, {"01:00": Outcome.DENIED})
    before = ledger.list_backfills(connection)[0]
    assert (before.done, before.bad, before.spent_usd) == (11, 1, Decimal(0))
    assert fold(connection, THEN) == 131
    assert ledger.list_backfills(connection)[0] == before


def test_gaps_beside_ranges_are_found_and_filled_once(connection: Connection) -> None:
    collect(connection)
    connection.execute("DELETE FROM finfleet.collections WHERE window_start = %s", (at("05:00"),))
    fold(connection, THEN)
    assert ledger.heal_gaps(connection, THEN).opened == 1
    assert ledger.heal_gaps(connection, THEN).opened == 0
    assert len(ledger_of(connection)) == 120


def test_while_a_process_of_another_release_may_write_nothing_is_folded(connection: Connection) -> None:
    collect(connection)
    tell = (
        "INSERT INTO finfleet.processes (process_id, role, host, pid, version, started_at, last_seen)"
        " VALUES (gen_random_uuid(), %s, 'a', 1, '0.1.0', now(), now() - %s::interval)"
    )
    connection.execute(tell, ("worker aws", "1 second"))  # it has no database
    connection.execute(tell, ("ingest", "11 minutes"))  # it is dead
    connection.execute(tell, ("ingest", "1 minute"))
    assert fold(connection, THEN) == 0
    connection.execute("UPDATE finfleet.processes SET stopped_at = now() WHERE role = 'ingest'")
    assert fold(connection, THEN) == 119


def test_of_a_target_that_does_not_answer_the_newest_window_stays_the_one_that_probes(connection: Connection) -> None:
    handed = take(connection)
    for one in handed:
        run = w.run(one.target, one.window, attempt=one.attempt)
        w.put(connection, w.report(run, Outcome.FAILED, 0, error="broken"), now=NOW, max_attempts=1)
    connection.execute(
        "UPDATE finfleet.collections SET failed_since = settled_at - interval '7 days', backfill_id = NULL"
    )
    assert fold(connection, THEN) == 119
    assert list(windows(connection)) == [handed[0].window]
    assert ledger.heal_gaps(connection, THEN) == (0, 0)


def test_what_is_pushed_to_a_folded_window_finds_it(connection: Connection) -> None:
    name_sources(connection, ["training"], NOW)
    target = Target("generic", "training", "global", "push")
    runs = [w.run(target, Window(at(clock), at(clock) + minutes(5))) for clock in ("11:00", "11:05", "11:10")]
    for run in runs:
        w.put(connection, w.batch(run), w.report(run), now=NOW)
    assert fold(connection, THEN) == 2
    again = w.run(target, runs[0].window, second=60)
    for _ in range(2):
        written = w.put(connection, w.batch(again, points=[("i-9", 0, 5.0)]), w.report(again), now=THEN)
        assert not written.rejected
    assert written.duplicates == 2
    assert list(ledger_of(connection, "global").values()) == ["complete"] * 3
    assert fold(connection, THEN + DAY * 3) == 1
    assert folded(connection, "windows", "records") == [(2, 4)]
