"""A settled window of which a part was refused says so, and is read again once the part can be had."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from storage import ledger
from storage.database import Connection, Database
from storage.reports import read_gauges, read_partial, read_troubles
from telemetry.batch import Message, Outcome
from telemetry.target import Window
from tests.support import writing as w
from tests.support.ledger import NOW, at, minutes, plan, sync, take

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FIVE = minutes(5)
PRICES = "prices of 3 instances: no pricing:GetProducts"
PERMISSION = "pricing:GetProducts"


def settle(
    connection: Connection, dispatch: ledger.Dispatch, now: datetime, *reasons: str, permission: str | None = None
) -> None:
    """As the worker ends it: whole without ``reasons``; a part was refused where there is a ``permission``, or ''."""
    of = w.run(dispatch.target, dispatch.window, attempt=dispatch.attempt)
    not_before = None if permission is None else now
    report = w.report(of, partial=reasons, permission=permission or "", not_before=not_before)
    w.put(connection, w.batch(of), report, now=now)


def refuse(connection: Connection, dispatches: Sequence[ledger.Dispatch], now: datetime, permission: str) -> None:
    for dispatch in dispatches:
        settle(connection, dispatch, now, PRICES, permission=permission)


def open_past(connection: Connection, length: timedelta, interval: timedelta = FIVE) -> list[ledger.Dispatch]:
    sync(connection, plan(backfill=length, interval=interval))
    ledger.open_windows(connection, "aws", "ec2", NOW)
    return take(connection)


def later(connection: Connection, now: datetime) -> ledger.Dispatch:
    """The next window of the target."""
    ledger.open_windows(connection, "aws", "ec2", now)
    (dispatch,) = take(connection, now)
    return dispatch


def again(connection: Connection, now: datetime) -> list[Window]:
    """What a healing makes due, handed out."""
    ledger.heal_gaps(connection, now)
    return [dispatch.window for dispatch in take(connection, now)]


@pytest.mark.parametrize(
    ("permission", "once"), [(PERMISSION, "pricing:GetProducts"), ("", "")], ids=["permission", "outage"]
)
def test_what_was_refused_is_read_again_once_a_newer_window_has_it(
    database: Database, permission: str, once: str
) -> None:
    with database.connection() as connection:
        past = open_past(connection, minutes(30))
        refuse(connection, past, NOW, permission)
        assert w.ledger(connection, "state", "refused", "permission") == [("complete", True, once)] * 6
        assert again(connection, at("12:03")) == [], "nothing says that it can be had"
        refuse(connection, [later(connection, at("12:05"))], at("12:06"), permission)
        assert again(connection, at("12:07")) == [], "the newest one lacks it too"
        settle(connection, later(connection, at("12:10")), at("12:11"))
        ledger.heal_gaps(connection, at("12:12"))
        due = take(connection, at("12:12"))
        assert len(due) == 7
        for dispatch in due:
            settle(connection, dispatch, at("12:13"))
        assert set(w.ledger(connection, "state", "refused", "permission", "partial", "failed_since")) == {
            ("complete", False, "", "", None)
        }
        assert again(connection, at("13:30")) == []


def test_what_nobody_can_find_out_is_not_asked_for_again(database: Database) -> None:
    with database.connection() as connection:
        for dispatch in open_past(connection, minutes(30)):
            settle(connection, dispatch, NOW, "rates of 3 rds instances: late")
        settle(connection, later(connection, at("12:05")), at("12:06"))
        for hour in range(1, 200):
            assert again(connection, NOW + hour * HOUR) == []


def test_another_refusal_than_before_is_an_answer(database: Database) -> None:
    with database.connection() as connection:
        refuse(connection, open_past(connection, minutes(5)), NOW, PERMISSION)
        refuse(connection, [later(connection, at("12:05"))], at("12:06"), "eks:ListClusters")
        assert len(again(connection, at("12:07"))) == 1


@pytest.mark.parametrize("permission", [PERMISSION, ""], ids=["permission", "outage"])
def test_a_bill_probes_by_itself_ever_more_rarely_and_comes_to_an_end(database: Database, permission: str) -> None:
    tries = []
    with database.connection() as connection:
        refuse(connection, open_past(connection, 3 * DAY, DAY), NOW, permission)
        for hour in range(24 * 12):
            now = NOW + hour * HOUR
            ledger.heal_gaps(connection, now)
            for probe in take(connection, now):
                tries.append((probe.window, hour))
                refuse(connection, [probe], now, permission)
    assert len({window for window, _ in tries}) == 1, "the newest one, since no other tells more"
    assert [hour for _, hour in tries][:6] == [1, 2, 4, 8, 16, 32]
    assert len(tries) <= 12
    assert tries[-1][1] <= 8 * 24


def test_where_answers_alternate_the_older_windows_are_not_read_each_time(database: Database) -> None:
    """A window in which nothing had to be asked says nothing of the permission."""
    tries = 0
    with database.connection() as connection:
        refuse(connection, open_past(connection, minutes(10)), NOW, PERMISSION)
        for step in range(1, 24):
            now = NOW + step * minutes(5)
            settle(connection, later(connection, now), now)
            ledger.heal_gaps(connection, now + minutes(1))
            due = take(connection, now + minutes(1))
            tries += len(due)
            refuse(connection, due, now + minutes(2), PERMISSION)
    assert tries <= 2 * 2


def test_what_is_too_old_when_it_is_granted_stays_as_it_is(database: Database) -> None:
    with database.connection() as connection:
        refuse(connection, open_past(connection, DAY, DAY), NOW, PERMISSION)
        now = NOW + 8 * DAY
        ledger.open_windows(connection, "aws", "ec2", now)
        for dispatch in take(connection, now):
            settle(connection, dispatch, now)
        assert again(connection, now + HOUR) == []
        chosen, span = ledger.find_targets(connection), Window(NOW - 2 * DAY, NOW)
        assert ledger.backfill(connection, chosen, span, now + HOUR).reopened == 1, "on request it is"


def test_a_refresh_that_lacks_a_part_takes_the_place_of_nothing_that_was_whole(database: Database) -> None:
    with database.connection() as connection:
        (dispatch,) = open_past(connection, minutes(5))
        settle(connection, dispatch, NOW)
        (first,) = w.ledger(connection, "settled_run")
        connection.execute("UPDATE finfleet.collections SET refresh_at = %s", (NOW,))
        (refresh,) = take(connection, NOW + HOUR)
        refuse(connection, [refresh], NOW + HOUR, PERMISSION)
        columns = ("state", "settled_run", "refused", "partial", "permission", "refresh_at")
        assert w.ledger(connection, *columns) == [("complete", *first, False, "", PERMISSION, NOW + HOUR + DAY)]
        (trouble,) = read_troubles(connection)
        assert (trouble.error, trouble.permission) == (PRICES, PERMISSION)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 0, 3, 2), (2, 3, 0, 1), (3, 0, 2, 1), (0, 2, 1, 3)])
def test_in_whatever_order_they_come_the_same_run_settles(database: Database, order: tuple[int, ...]) -> None:
    """A report may come before its last batch: what it says of the refused part is kept until then."""
    with database.connection() as connection:
        w.plan(connection, attempt=2)
        whole, lacking = w.run(attempt=1), w.run(attempt=2, second=60)
        refused = w.report(lacking, partial=(PRICES,), permission=PERMISSION, not_before=NOW)
        messages: list[Message] = [w.batch(whole), w.report(whole), w.batch(lacking), refused]
        for index in order:
            w.put(connection, messages[index])
        assert w.ledger(connection, "state", "settled_run", "refused", "partial") == [
            ("complete", whole.run_id, False, "")
        ]


def test_a_report_before_its_last_batch_keeps_what_was_refused(database: Database) -> None:
    with database.connection() as connection:
        w.plan(connection)
        of = w.run()
        w.put(connection, w.report(of, partial=(PRICES,), permission=PERMISSION, not_before=NOW))
        w.put(connection, w.batch(of))
        assert w.ledger(connection, "state", "refused", "permission", "partial") == [
            ("complete", True, PERMISSION, PRICES)
        ]


def test_status_views_and_metrics_name_the_refused_permission(database: Database) -> None:
    with database.connection() as connection:
        newest, other, third = open_past(connection, minutes(15))
        settle(connection, newest, NOW, PRICES, permission=PERMISSION)
        settle(connection, other, NOW, "rates of 3 rds instances: late")
        settle(connection, third, NOW)
        found = {(one.permission, one.again, one.windows, one.reasons) for one in read_partial(connection)}
        assert found == {(PERMISSION, True, 1, (PRICES,)), ("", False, 1, ("rates of 3 rds instances: late",))}
        rows = connection.execute(
            "SELECT reason, permission, again FROM reporting.gaps WHERE reason LIKE 'partial:%' ORDER BY gap_start"
        ).fetchall()
        assert rows == [
            ("partial: rates of 3 rds instances: late", "", False),
            (f"partial: {PRICES}", PERMISSION, True),
        ]
        assert connection.execute("SELECT complete, partial, refused FROM reporting.coverage").fetchall() == [(3, 2, 1)]
        assert read_gauges(connection, NOW).refused_windows == [("aws", 1)]


def test_a_failed_run_has_no_refused_part(database: Database) -> None:
    with database.connection() as connection:
        w.plan(connection)
        w.put(connection, w.report(w.run(), Outcome.THROTTLED, 0, error="slow", not_before=NOW))
        assert w.ledger(connection, "state", "refused") == [("planned", False)]
