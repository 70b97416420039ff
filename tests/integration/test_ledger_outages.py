"""What an outage does to the ledger: it settles nothing that was never tried, and what it left failed heals."""

from datetime import datetime, timedelta

import pytest

from storage import ledger
from storage.database import Connection, Database
from storage.ledger.windows import settle_denied
from storage.reports import read_troubles
from telemetry.batch import Outcome
from tests.support import writing as w
from tests.support.ledger import NOW, at, clocks, minutes, plan, settle, sync, take, windows

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def open_past(connection: Connection, length: timedelta, **options: object) -> None:
    sync(connection, plan(backfill=length, **options))  # type: ignore[arg-type] # mixed options
    ledger.open_windows(connection, "aws", "ec2", NOW)


def end(connection: Connection, dispatch: ledger.Dispatch, state: str, when: datetime) -> None:
    """As the writer does it with a report of that time."""
    settle(connection, dispatch, state, 1 if state == "complete" else None)
    failures, error = (0, "") if state == "complete" else (8, "connection refused")
    connection.execute(
        "UPDATE finfleet.collections SET settled_at = %s, failures = failures + %s, error = %s"
        " WHERE target_id = %s AND window_start = %s",
        (when, failures, error, dispatch.target_id, dispatch.window.start),
    )


def test_however_often_it_is_lost_a_window_stays_open_and_says_so(database: Database) -> None:
    with database.connection() as connection:
        open_past(connection, minutes(60))
        for quarter in range(40):  # ten hours without a worker
            take(connection, NOW + quarter * minutes(15), max_attempts=3)
        rows = connection.execute("SELECT DISTINCT state, failures, settled_at FROM finfleet.collections").fetchall()
        assert {state for state, *_ in rows} <= {"planned", "dispatched"}
        assert {tuple(rest) for _, *rest in rows} == {(0, None)}
        (trouble,) = read_troubles(connection)
        assert (trouble.windows, trouble.state) == (12, "open")
        lost = connection.execute("SELECT max(lost) FROM finfleet.collections").fetchone()
        assert lost is not None
        assert lost[0] > 8
        assert trouble.error == f"lost {lost[0]} times: no report came back; is a worker of collect.aws running?"
        assert not ledger.is_settled(connection)


def test_what_was_lost_waits_longer_each_time_and_an_hour_at_the_most(database: Database) -> None:
    waits = []
    with database.connection() as connection:
        open_past(connection, minutes(5))
        clock = NOW
        for _ in range(10):
            assert len(take(connection, clock)) == 1
            lease_end = clock + minutes(15)
            assert take(connection, lease_end, max_in_flight=0) == []
            row = connection.execute("SELECT due_at FROM finfleet.collections").fetchone()
            assert row is not None
            waits.append((row[0] - lease_end) / minutes(1))
            clock = row[0]
    assert waits == [0, 1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_only_a_report_ends_the_counting_of_losses(database: Database) -> None:
    with database.connection() as connection:
        w.plan(connection)
        connection.execute("UPDATE finfleet.collections SET lost = 5")
        run = w.run()
        w.put(connection, w.batch(run, 1, final=False))  # whoever sent it may have ended of the rest
        assert w.ledger(connection, "state", "lost") == [("dispatched", 5)]
        w.put(connection, w.report(w.run(), Outcome.FAILED, 0, error="boom"))
        assert w.ledger(connection, "state", "lost", "failures") == [("planned", 0, 1)]
        connection.execute("UPDATE finfleet.collections SET lost = 5")
        w.put(connection, w.report(run, batches=1))  # late, and whole
        assert w.ledger(connection, "state", "lost") == [("complete", 0)]


def test_what_an_outage_left_failed_is_due_when_the_target_answers_again(database: Database) -> None:
    with database.connection() as connection:
        open_past(connection, minutes(30))
        newest, *others = take(connection)
        for dispatch in others:
            end(connection, dispatch, "failed", NOW)
        end(connection, newest, "failed", NOW)
        assert ledger.heal_gaps(connection, NOW + minutes(10)) == (0, 0)
        ledger.open_windows(connection, "aws", "ec2", at("12:05"))
        (later,) = take(connection, at("12:05"))
        end(connection, later, "complete", at("12:06"))
        assert ledger.heal_gaps(connection, at("12:07")) == (0, 6)
        rows = connection.execute("SELECT DISTINCT failures, error FROM finfleet.collections WHERE state = 'planned'")
        assert rows.fetchall() == [(8, "connection refused")]  # one failure more settles it again
        assert len(take(connection, at("12:07"))) == 6


def test_an_answer_from_before_the_failure_says_nothing(database: Database) -> None:
    with database.connection() as connection:
        open_past(connection, minutes(10))
        newest, older = take(connection)
        end(connection, newest, "complete", at("12:01"))
        end(connection, older, "failed", at("12:02"))
        assert ledger.heal_gaps(connection, at("12:30")).reopened == 0
        assert ledger.heal_gaps(connection, at("13:02")).reopened == 1


def test_a_refresh_that_failed_is_no_answer(database: Database) -> None:
    with database.connection() as connection:
        open_past(connection, minutes(10))
        newest, older = take(connection)
        end(connection, newest, "complete", at("12:03"))
        connection.execute("UPDATE finfleet.collections SET error = 'refused', failures = 3 WHERE state = 'complete'")
        end(connection, older, "failed", at("12:02"))
        assert ledger.heal_gaps(connection, at("12:30")).reopened == 0


def test_of_a_target_that_does_not_answer_one_window_probes_ever_more_rarely(database: Database) -> None:
    tries = []
    with database.connection() as connection:
        open_past(connection, 3 * DAY, interval=DAY)
        for dispatch in take(connection):
            end(connection, dispatch, "failed", NOW)
        for hour in range(24 * 12):
            now = NOW + hour * HOUR
            ledger.heal_gaps(connection, now)
            for probe in take(connection, now):
                tries.append((probe.window.start, (now - NOW) / HOUR))
                end(connection, probe, "failed", now)
        assert set(windows(connection).values()) == {"failed"}
        windows_of_target = [window.start for window in windows(connection)]
    assert {start for start, _ in tries} == {max(windows_of_target)}
    assert [hours for _, hours in tries][:6] == [1, 2, 4, 8, 16, 32]
    assert len(tries) <= 12
    assert tries[-1][1] <= 8 * 24


def test_a_window_that_fails_while_its_target_answers_is_tried_at_a_slow_pace(database: Database) -> None:
    tries = []
    with database.connection() as connection:
        open_past(connection, minutes(10))
        newest, bad = take(connection)
        end(connection, newest, "complete", NOW)
        end(connection, bad, "failed", NOW)
        for hour in range(1, 24 * 12):
            now = NOW + hour * HOUR
            connection.execute("UPDATE finfleet.collections SET settled_at = %s WHERE state = 'complete'", (now,))
            ledger.heal_gaps(connection, now)
            for again in take(connection, now):
                tries.append((now - NOW) / HOUR)
                end(connection, again, "failed", now)
    assert tries[0] == 1
    assert len(tries) <= 14
    assert tries[-1] <= 8 * 24


def test_of_a_live_target_what_failed_stays(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(live=True), now=at("11:50"))
        ledger.open_windows(connection, "aws", "ec2", NOW)
        newest, older = take(connection)
        end(connection, older, "failed", NOW)
        end(connection, newest, "complete", at("12:05"))
        assert ledger.heal_gaps(connection, NOW + DAY).reopened == 0


def test_while_a_permission_is_missing_nothing_failed_is_tried(database: Database) -> None:
    with database.connection() as connection:
        open_past(connection, minutes(5))
        (only,) = take(connection)
        end(connection, only, "failed", NOW)
        connection.execute("UPDATE finfleet.targets SET denied_until = %s", (at("23:00"),))
        assert ledger.heal_gaps(connection, at("14:00")).reopened == 0


def test_a_denied_target_probes_with_one_window_however_many_are_planned(database: Database) -> None:
    with database.connection() as connection:
        open_past(connection, minutes(60))
        connection.execute(
            "UPDATE finfleet.targets SET denied_until = %s, denied_error = 'not allowed'", (at("12:10"),)
        )
        # A planner that may settle only one window at a time leaves the others planned.
        choice = {"now": at("12:20"), "provider": None, "service": None}
        settle_denied(connection, choice, 1)
        assert sorted(windows(connection).values()) == ["denied"] + ["planned"] * 11
        (probe,) = take(connection, at("12:20"), limit=1)
        assert clocks([probe.window]) == ["11:55-12:00"]
        assert take(connection, at("12:20"), limit=1) == []


def test_the_refresh_of_a_denied_target_keeps_what_the_window_has(database: Database) -> None:
    with database.connection() as connection:
        open_past(connection, minutes(10))
        for dispatch, (state, records) in zip(take(connection), [("complete", 3), ("empty", 0)], strict=True):
            settle(connection, dispatch, state, records)
        connection.execute("UPDATE finfleet.collections SET state = 'planned'")  # a refresh that failed once
        connection.execute("UPDATE finfleet.targets SET denied_until = %s, denied_error = 'not now'", (at("13:00"),))
        assert take(connection) == []
        assert list(windows(connection).values()) == ["empty", "complete"]
        rows = connection.execute("SELECT DISTINCT refresh_at FROM finfleet.collections").fetchall()
        assert rows == [(NOW + DAY,)]


@pytest.mark.parametrize("limit", [1, 3])
def test_each_transaction_is_bounded(database: Database, limit: int) -> None:
    with database.connection() as connection:
        sync(connection, *(plan(f"region-{number}", backfill=minutes(10)) for number in range(5)))
        opened = []
        while count := ledger.open_windows(connection, None, None, NOW, limit=limit):
            opened.append(count)
        assert sum(opened) == 10
        assert max(opened) <= limit
        for dispatch in take(connection):
            end(connection, dispatch, "failed", NOW)
        ledger.open_windows(connection, None, None, at("12:05"))
        for dispatch in take(connection, at("12:05")):
            end(connection, dispatch, "complete", at("12:06"))
        healed = []
        while count := ledger.heal_gaps(connection, at("12:07"), limit=limit).reopened:
            healed.append(count)
        assert sum(healed) == 10
        assert max(healed) <= limit
