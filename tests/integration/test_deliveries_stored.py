"""A delivery of a bill is a window of the ledger: seen, read, proven, current; and superseded by a newer one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from storage import ledger, reports
from storage.database import Connection, Database
from storage.folding.ledger import fold_ledger
from telemetry.batch import Outcome
from telemetry.target import Target, Window
from tests.support.deliveries import (
    HOUR,
    NOVEMBER,
    NOW,
    OCTOBER,
    READS,
    bill,
    bill_of,
    look,
    look_at,
    minutes,
    missing,
    plan,
    read,
    rows,
    seen,
    states,
    take,
)
from tests.support.writing import put, report

LEDGER = "SELECT c.* FROM finfleet.collections AS c JOIN finfleet.targets AS t USING (target_id) WHERE t.delivered"


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        plan(connection)
        yield connection


def test_a_sighting_opens_the_window_and_a_reading_makes_it_current(connection: Connection) -> None:
    look(connection, seen("v1", at=minutes(-5)), seen("old", OCTOBER))
    assert states(connection) == {"v1": "seen"}
    dispatches = {one.window: one for one in take(connection)}
    assert set(dispatches) == {NOVEMBER, OCTOBER}
    assert (states(connection), bill(connection)) == ({"v1": "pinned"}, [])
    put(connection, *bill_of(dispatches[NOVEMBER], "v1", ["1.25", "2"], started=minutes(1)), now=minutes(2))
    assert (states(connection), states(connection, OCTOBER)) == ({"v1": "current"}, {"old": "pinned"})
    assert bill(connection) == [Decimal("1.25"), Decimal(2)]
    (row,) = rows(connection, "SELECT * FROM reporting.deliveries WHERE version = 'v1'")
    assert (row["proven"], row["files"], row["rows_promised"], row["rows_read"], row["bytes_read"]) == (
        True,
        1,
        4,
        4,
        100,
    )
    (day,) = rows(connection, "SELECT lines FROM reporting.daily_costs")
    assert day["lines"] == 4, "as many as the provider has"


def test_what_is_seen_again_makes_nothing_due_and_another_version_does(connection: Connection) -> None:
    look(connection, seen("v1"))
    put(connection, *bill_of(take(connection)[0], "v1", ["1"], started=minutes(1)), now=minutes(2))
    look(connection, seen("v1"), at=minutes(60))
    assert take(connection, minutes(61)) == []
    look(connection, seen("v2"), at=minutes(120))
    (again,) = take(connection, minutes(121))
    assert (states(connection), bill(connection)) == ({"v1": "current", "v2": "pinned"}, [Decimal(1)])
    put(connection, *bill_of(again, "v2", ["3"], started=minutes(122)), now=minutes(123))
    assert (states(connection), bill(connection)) == ({"v1": "superseded", "v2": "current"}, [Decimal(3)])
    look(connection, seen("v1"), at=minutes(180))
    assert [one.window for one in take(connection, minutes(181))] == [NOVEMBER], "the provider has taken it back"


def test_what_is_seen_while_a_worker_reads_is_read_after_it(connection: Connection) -> None:
    look(connection, seen("v1"))
    (first,) = take(connection)
    look(connection, seen("v2"), at=minutes(5))
    assert take(connection, minutes(6)) == []
    put(connection, *bill_of(first, "v1", ["1"], started=minutes(1)), now=minutes(7))
    assert states(connection) == {"v1": "current", "v2": "seen"}
    (again,) = take(connection, minutes(8))
    put(connection, *bill_of(again, "v2", ["2"], started=minutes(9)), now=minutes(10))
    assert (states(connection), take(connection, minutes(11))) == ({"v1": "superseded", "v2": "current"}, [])


def test_a_reader_that_finds_another_version_reads_once_a_look_and_no_more(connection: Connection) -> None:
    look(connection, seen("v1"))
    put(connection, *bill_of(take(connection)[0], "gone", ["1"], started=minutes(1)), now=minutes(2))
    assert take(connection, minutes(3)) == []
    look(connection, seen("v1"), at=minutes(60))
    assert len(take(connection, minutes(61))) == 1


def test_an_older_version_takes_the_place_of_no_newer_one(connection: Connection) -> None:
    look(connection, seen("v2", at=minutes(-10)))
    put(connection, *bill_of(take(connection)[0], "v2", ["2"], started=minutes(1), submitted=minutes(-10)), now=NOW)
    look(connection, seen("v1", at=minutes(-60)), at=minutes(60))
    assert take(connection, minutes(61)) == [], "it is older, whenever it is seen"
    targets = ledger.find_targets(connection, ["*/bill_files"])
    ledger.backfill(connection, targets, NOVEMBER, minutes(62), again=True)
    (again,) = take(connection, minutes(63))
    late = bill_of(again, "v1", ["1"], started=minutes(64), submitted=minutes(-60))
    put(connection, *late, now=minutes(65))
    assert (states(connection), bill(connection)) == ({"v1": "superseded", "v2": "current"}, [Decimal(2)])
    assert [row["state"] for row in rows(connection, LEDGER)] == ["complete"]


def test_without_the_word_that_all_was_read_nothing_is_current(connection: Connection) -> None:
    look(connection, seen("v1"))
    put(connection, *bill_of(take(connection)[0], "v1", ["1"], proof=False), now=minutes(1))
    assert bill(connection) == []
    (window,) = rows(connection, LEDGER)
    assert (window["state"], window["failures"]) == ("planned", 1)
    assert "every file of the delivery was read whole" in window["error"]
    assert states(connection) == {"v1": "refused"}


def test_a_failure_leaves_the_former_version_and_says_why(connection: Connection) -> None:
    look(connection, seen("v1"))
    put(connection, *bill_of(take(connection)[0], "v1", ["1"], started=minutes(1)), now=minutes(2))
    look(connection, seen("v2"), at=minutes(60))
    (again,) = take(connection, minutes(61))
    run = bill_of(again, "v2", [], started=minutes(61))[-1].run
    put(connection, report(run, Outcome.FAILED, 0, error="a file was replaced"), now=minutes(62), max_attempts=1)
    assert (states(connection), bill(connection)) == ({"v1": "current", "v2": "refused"}, [Decimal(1)])
    (row,) = rows(connection, "SELECT reason FROM reporting.deliveries WHERE version = 'v2'")
    assert row["reason"] == "a file was replaced"
    look(connection, seen("v2"), at=minutes(120))
    assert take(connection, minutes(121)) == [], "what was given up waits for its turn"
    look(connection, seen("v3"), at=minutes(180))
    assert len(take(connection, minutes(181))) == 1, "unless there is a newer one"


def test_an_empty_delivery_takes_the_place_of_a_bill(connection: Connection) -> None:
    look(connection, seen("v1"))
    put(connection, *bill_of(take(connection)[0], "v1", ["1"], started=minutes(1)), now=minutes(2))
    look(connection, seen("v2"), at=minutes(60))
    put(connection, *bill_of(take(connection, minutes(61))[0], "v2", [], started=minutes(62)), now=minutes(63))
    assert (states(connection), bill(connection)) == ({"v1": "superseded", "v2": "current"}, [])


def test_what_is_missing_is_a_gap_with_its_reason_until_it_is_seen(connection: Connection) -> None:
    gaps = "SELECT * FROM reporting.gaps WHERE service = 'bill_files'"
    look(connection, missing("the export is unhealthy: INSUFFICIENT_PERMISSION"))
    (gap,) = rows(connection, gaps)
    assert (gap["gap_start"], gap["gap_end"]) == (NOVEMBER.start, NOVEMBER.end)
    assert gap["reason"] == "missing: the export is unhealthy: INSUFFICIENT_PERMISSION"
    assert (states(connection), take(connection)) == ({"": "missing"}, [])
    look(connection, seen("v1"), missing("still"), at=minutes(60))
    put(connection, *bill_of(take(connection, minutes(61))[0], "v1", ["1"], started=minutes(61)), now=minutes(62))
    assert states(connection) == {"": "missing", "v1": "current"}
    look(connection, seen("v1"), at=minutes(120))
    assert (states(connection), rows(connection, gaps)) == ({"": "superseded", "v1": "current"}, [])


@pytest.mark.parametrize("seed", range(10))
def test_messages_in_any_order_and_any_number_of_times_come_to_the_same(connection: Connection, seed: int) -> None:
    draw = random.Random(seed)
    look(connection, seen("v1", at=minutes(-9)))
    (first,) = take(connection)
    connection.execute(b"UPDATE finfleet.collections SET attempt = 3")
    second = first.__class__(first.target, first.window, 2, first.queue, first.target_id)
    third = first.__class__(first.target, first.window, 3, first.queue, first.target_id)
    messages = [
        *look_at([seen("v2", at=minutes(20)), seen("x", OCTOBER)], at=minutes(30)),
        *look_at([seen("v3", at=minutes(40))], at=minutes(50)),
        *look_at([seen("v1", at=minutes(-9)), missing("none")], at=minutes(10)),
        *bill_of(first, "v1", ["1"], started=minutes(1), submitted=minutes(-9)),
        *bill_of(second, "v2", ["2"], started=minutes(31), submitted=minutes(20)),
        *bill_of(third, "v1", ["1"], started=minutes(35), submitted=minutes(-9)),
    ]
    sent = messages + draw.sample(messages, 5)
    draw.shuffle(sent)
    while sent:
        size = draw.randint(1, 4)
        put(connection, *sent[:size], now=minutes(60))
        del sent[:size]
    assert states(connection) == {"v1": "superseded", "v2": "current", "v3": "seen", "": "superseded"}
    assert (states(connection, OCTOBER), bill(connection)) == ({"x": "seen"}, [Decimal(2)])
    assert {one.window for one in take(connection, minutes(61) + HOUR)} == {NOVEMBER, OCTOBER}


def test_only_the_part_that_was_looked_at_is_touched(connection: Connection) -> None:
    other = Target("aws", "payer", "focus", "bill_files")
    plan(connection, Target("aws", "payer", "focus", "bill_deliveries"), other)
    plan(connection)
    look(connection, seen("v1"))
    assert [one.target for one in take(connection)] == [READS]
    connection.execute(b"UPDATE finfleet.targets SET delivered = false WHERE region = 'cur'")
    written = look(connection, seen("v2"), at=minutes(60))
    assert [(one.code, "reads none" in one.reason) for one in written.rejected] == [("contradiction", True)]


def test_who_reads_no_deliveries_cannot_say_that_one_was_read(connection: Connection) -> None:
    batch, _ = look_at([read("v1", 1)])
    connection.execute(b"UPDATE finfleet.collections SET attempt = 1")
    written = put(connection, batch)
    assert [(one.code, "reads no deliveries" in one.reason) for one in written.rejected] == [("contradiction", True)]


def test_a_part_that_no_planner_knows_yet_is_told_of_again(connection: Connection) -> None:
    connection.execute(b"DELETE FROM finfleet.targets WHERE delivered")
    assert look(connection, seen("v1")).rejected == []
    plan(connection)
    look(connection, seen("v1"), at=minutes(60))
    assert len(take(connection, minutes(61))) == 1


def test_the_clock_opens_nothing_of_it_and_heals_nothing(connection: Connection) -> None:
    for later in (timedelta(0), timedelta(days=400)):
        ledger.open_windows(connection, "aws", READS.service, NOW + later)
        ledger.heal_gaps(connection, NOW + later)
    (target,) = ledger.find_targets(connection, ["*/bill_files"])
    assert ledger.backfill(connection, [target], Window(OCTOBER.start, NOVEMBER.end), NOW) == (0, 0)
    assert ledger.preview(connection, [target], NOVEMBER)[0].missing == 0
    assert rows(connection, LEDGER) == []
    assert rows(connection, "SELECT * FROM reporting.gaps WHERE service = 'bill_files'") == []


def test_a_permission_that_was_missing_is_probed_for_when_it_is_seen_again(connection: Connection) -> None:
    look(connection, seen("v1"), seen("old", OCTOBER))
    for dispatch in take(connection):
        run = bill_of(dispatch, "v1", [], started=minutes(1))[-1].run
        denied = report(run, Outcome.DENIED, 0, error="no", permission="s3:GetObject")
        put(connection, denied, now=minutes(2))
    look(connection, seen("v1"), seen("old", OCTOBER), at=minutes(30))
    assert take(connection, minutes(31)) == []
    look(connection, seen("v1"), seen("old", OCTOBER), at=minutes(90))
    (probe,) = take(connection, minutes(91))
    put(connection, *bill_of(probe, "v1", ["1"], started=minutes(92)), now=minutes(93))
    look(connection, seen("v1"), seen("old", OCTOBER), at=minutes(150))
    assert [one.window for one in take(connection, minutes(151))] == [OCTOBER]


def test_a_period_that_was_read_stays_a_row_of_the_ledger(connection: Connection) -> None:
    look(connection, seen("v1"), seen("old", OCTOBER))
    for dispatch in take(connection):
        version = "v1" if dispatch.window == NOVEMBER else "old"
        put(connection, *bill_of(dispatch, version, [], started=minutes(1)), now=minutes(2))
    fold_ledger(connection, NOW + timedelta(days=100))
    assert len(rows(connection, LEDGER)) == 2
    assert (states(connection), states(connection, OCTOBER)) == ({"v1": "current"}, {"old": "current"})


def test_a_look_goes_to_no_destination_and_a_bill_does(connection: Connection) -> None:
    look(connection, seen("v1"))
    assert rows(connection, "SELECT * FROM finfleet.outbox") == []
    put(connection, *bill_of(take(connection)[0], "v1", ["1"], started=minutes(1)), now=minutes(2))
    assert len(rows(connection, "SELECT * FROM finfleet.outbox")) == 1


def test_a_bill_that_is_late_is_trouble(connection: Connection) -> None:
    def trouble() -> list[tuple[str, str, int, str]]:
        found = reports.read_bad_windows(connection)
        return [(one.state, str(one.target), one.windows, one.error) for one in found]

    look(connection, missing("unhealthy"), missing("unhealthy", OCTOBER))
    assert trouble() == [("missing", str(READS), 2, "unhealthy")]
    look(connection, seen("v1"), seen("old", OCTOBER), at=minutes(1))
    assert trouble() == []
    look(connection, seen("v1"), at=minutes(1 + 24 * 60))
    assert trouble() == [("unread", str(READS), 1, "")]
    assert [one.lag for one in reports.read_lateness(connection, NOW) if one.target == READS] == [timedelta(0)]
    (november,) = [one for one in take(connection, minutes(2)) if one.window == NOVEMBER]
    put(connection, *bill_of(november, "v1", ["1"], started=minutes(1500)), now=minutes(1500))
    assert trouble() == []


def test_a_target_may_come_to_be_delivered_and_back(connection: Connection) -> None:
    (target,) = [found.target for found in ledger.find_targets(connection, ["*/bill_deliveries"])]

    def owes() -> bool:
        (row,) = rows(connection, "SELECT enabled_since FROM finfleet.targets WHERE service = 'bill_deliveries'")
        return bool(row["enabled_since"] <= NOW)

    fields = {"queue": "q", "interval": HOUR, "delay": timedelta(0), "live": False}
    for delivered in (True, False, True):
        planned = ledger.TargetPlan(target=target, delivered=delivered, **fields)  # type: ignore[arg-type]  # mixed
        ledger.sync_targets(connection, [planned], "aws", target.service, NOW)
        assert owes() is not delivered


def test_status_shows_how_far_a_month_is(connection: Connection) -> None:
    look(connection, seen("v1"))
    put(connection, *bill_of(take(connection)[0], "v1", ["1"], started=minutes(1)), now=minutes(2))
    (line,) = [one for one in reports.read_status(connection, minutes(5)).targets if one.target == READS]
    assert (line.covered_until, line.lag, line.complete) == (minutes(5), None, 1)


def test_of_an_export_that_is_not_configured_nothing_is_read_until_it_is_again(connection: Connection) -> None:
    ledger.sync_targets(connection, [], "aws", READS.service, NOW)
    look(connection, seen("v1"))
    assert (states(connection), rows(connection, LEDGER)) == ({"v1": "seen"}, [])
    plan(connection)
    assert rows(connection, "SELECT * FROM finfleet.pauses") == []
    look(connection, seen("v1"), at=minutes(60))
    assert len(take(connection, minutes(61))) == 1


def test_a_month_that_waits_is_a_gap_and_one_that_is_read_is_none(connection: Connection) -> None:
    gaps = "SELECT gap_start, gap_end, reason FROM reporting.gaps WHERE service = 'bill_files'"
    look(connection, seen("v1"))
    assert [tuple(row.values()) for row in rows(connection, gaps)] == [(NOVEMBER.start, NOVEMBER.end, "waiting")]
    put(connection, *bill_of(take(connection)[0], "v1", ["1"], started=minutes(1)), now=minutes(2))
    look(connection, seen("v2"), at=minutes(60))
    assert rows(connection, gaps) == [], "while a newer version is read, the former one stands"
    coverage = rows(connection, "SELECT * FROM reporting.coverage WHERE service = 'bill_files'")
    assert [(row["planned"], row["complete"], row["refreshing"]) for row in coverage] == [(1, 1, 1)]


def test_deliveries_of_a_day_are_those_after_the_first_look(connection: Connection) -> None:
    look(connection, seen("v1"), seen("old", OCTOBER))
    assert reports.deliveries_a_day(connection, NOW + HOUR) == {}, "what had gathered before says nothing of a day"
    day = timedelta(days=1)
    for number in range(1, 5):
        look(connection, seen(f"n{number}"), at=NOW + number * day / 2)
    look(connection, missing("gone"), at=NOW + 2 * day)
    (known,) = reports.deliveries_a_day(connection, NOW + HOUR + 2 * day).items()
    assert known == (str(READS), Decimal(2))
    assert round(reports.deliveries_a_day(connection, NOW + 9 * day)[str(READS)] * 7, 6) == 1, "of the last week"
    assert reports.deliveries_a_day(connection, NOW + 20 * day)[str(READS)] == 0, "known to be none"


def test_a_comparison_counts_each_version_that_was_seen(connection: Connection) -> None:
    look(connection, seen("v1"), seen("old", OCTOBER))
    look(connection, seen("v2"), at=minutes(60))
    planned = reports.planned_readings(connection, NOW, minutes(90), [])
    assert {one.target: one.opened for one in planned}[READS] == 3
    later = reports.planned_readings(connection, minutes(30), minutes(90), [])
    assert {one.target: one.opened for one in later}[READS] == 1
