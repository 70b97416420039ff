"""The writer: reports and batches settle windows, whichever comes first, and failures make them due again."""

from datetime import timedelta
from decimal import Decimal

import pytest

from storage.database import Connection, Database
from telemetry.batch import ApiUse, Message, Outcome
from telemetry.redact import remember
from telemetry.target import Window
from tests.support import writing as w

HOUR = timedelta(hours=1)


def state(connection: Connection) -> str:
    return str(w.ledger(connection, "state")[0][0])


def redispatch(connection: Connection, attempt: int) -> None:
    connection.execute("UPDATE finfleet.collections SET state = 'dispatched', attempt = %s", (attempt,))


@pytest.mark.parametrize("report_first", [True, False])
def test_a_window_is_complete_when_the_report_and_every_batch_is_there(database: Database, report_first: bool) -> None:
    run = w.run()
    messages: list[Message] = [w.batch(run, 1, final=False), w.batch(run, 2, [("i-2", 0, 2.0), ("i-3", 0, 2.0)])]
    messages = [w.report(run, batches=2), *messages] if report_first else [*messages, w.report(run, batches=2)]
    with database.connection() as connection:
        w.plan(connection)
        for message in messages[:-1]:
            assert not w.put(connection, message).settled
            assert state(connection) == "dispatched"
        assert w.put(connection, messages[-1]).settled == {"complete": 1}
        assert w.ledger(connection, "state", "records", "settled_run", "settled_at", "failures") == [
            ("complete", 6, run.run_id, w.NOW, 0)
        ]


@pytest.mark.parametrize("report_first", [True, False])
def test_what_a_run_lacks_is_kept_with_the_window_that_it_settles(database: Database, report_first: bool) -> None:
    remember("canary-of-a-secret")
    run, whole = w.run(attempt=1), w.run(attempt=2)
    reasons = ("rates of 2 rds instances: late", "metrics: of\ntwo lines, canary-of-a-secret")
    messages: list[Message] = [w.batch(run), w.report(run, partial=reasons)]
    with database.connection() as connection:
        w.plan(connection)
        for message in reversed(messages) if report_first else messages:
            w.put(connection, message)
        told = "rates of 2 rds instances: late\nmetrics: of two lines, ********"
        assert w.ledger(connection, "state", "partial", "error") == [("complete", told, "")]
        redispatch(connection, 2)
        w.put(connection, w.report(whole, Outcome.DENIED, 0, error="no"))
        assert w.ledger(connection, "state", "partial") == [("complete", told)], "it keeps what it has"
        redispatch(connection, 2)
        newest = w.run(attempt=2, second=5)
        w.put(connection, w.batch(newest), w.report(newest))
        assert w.ledger(connection, "state", "partial") == [("complete", "")]


@pytest.mark.parametrize("outcome", [Outcome.EMPTY, Outcome.COMPLETE])
def test_a_run_without_records_settles_as_empty(database: Database, outcome: Outcome) -> None:
    run = w.run()
    with database.connection() as connection:
        w.plan(connection)
        assert w.put(connection, w.report(run, outcome, 0)).settled == {"empty": 1}
        assert w.ledger(connection, "state", "records", "settled_run") == [("empty", 0, run.run_id)]


def test_an_older_run_changes_nothing_and_a_newer_one_settles_again(database: Database) -> None:
    oldest, middle, newest = (w.run(attempt=attempt) for attempt in (1, 2, 3))
    with database.connection() as connection:
        w.plan(connection, attempt=3)
        # Older than what is under way, and yet whole: that is enough.
        assert w.put(connection, w.batch(middle), w.report(middle)).settled == {"complete": 1}
        settled = w.ledger(connection, "state", "records", "settled_run", "settled_at")
        w.put(connection, w.report(oldest, Outcome.EMPTY, 0), now=w.NOW + HOUR)
        assert w.ledger(connection, "state", "records", "settled_run", "settled_at") == settled
        w.put(connection, w.report(newest, Outcome.EMPTY, 0), now=w.NOW + HOUR)
        assert w.ledger(connection, "state", "records", "settled_run") == [("empty", 0, newest.run_id)]


def test_batches_of_two_runs_do_not_make_one_whole(database: Database) -> None:
    first, second = w.run(second=1), w.run(second=2)
    with database.connection() as connection:
        w.plan(connection)
        w.put(
            connection, w.batch(first, 1), w.batch(second, 2), w.report(first, batches=2), w.report(second, batches=2)
        )
        assert state(connection) == "dispatched"


def test_a_report_is_recorded_with_its_calls_and_costs(database: Database) -> None:
    remember("canary-of-a-secret")
    known, unknown = w.run(second=1), w.run(second=2)
    priced = [
        ApiUse("cloudwatch:GetMetricData", 7, 2, Decimal("0.00070")),
        ApiUse("ec2:DescribeInstances", 3, 1, Decimal(0)),
    ]
    with database.connection() as connection:
        w.plan(connection)
        w.put(connection, w.report(known, Outcome.FAILED, apis=priced, error="no route with canary-of-a-secret"))
        w.put(connection, w.report(unknown, Outcome.RETRYING, apis=[*priced, ApiUse("x:Y", 1, 0, None)]))
        # The same report again is counted once.
        assert w.put(connection, w.report(known, Outcome.FAILED, apis=priced)).duplicates == 1
        rows = connection.execute(
            """
            SELECT run_id, outcome, batches_expected, calls, throttles, api_cost_usd::text, apis, error, reported_at
              FROM finfleet.runs ORDER BY started_at
            """
        ).fetchall()
    apis = [
        {"api": "cloudwatch:GetMetricData", "calls": 7, "throttles": 2, "cost_usd": "0.00070"},
        {"api": "ec2:DescribeInstances", "calls": 3, "throttles": 1, "cost_usd": "0"},
    ]
    error = "no route with ********"
    assert rows[0] == (known.run_id, "failed", 1, 10, 3, "0.00070", apis, error, w.NOW)
    # The price of one call is not known, so neither is the sum.
    assert rows[1][3:6] == (11, 3, None)


def test_failures_back_off_and_give_up(database: Database) -> None:
    with database.connection() as connection:
        w.plan(connection)
        for attempt, longest in enumerate([30, 60, 120], start=1):
            redispatch(connection, attempt)
            w.put(connection, w.report(w.run(attempt=attempt), Outcome.FAILED, 0, error="boom"), max_attempts=4)
            now, failures, due_at, error = w.ledger(connection, "state", "failures", "due_at", "error")[0]
            assert (now, failures, error) == ("planned", attempt, "boom")
            assert timedelta(0) <= due_at - w.NOW <= timedelta(seconds=longest)
        redispatch(connection, 4)
        w.put(connection, w.report(w.run(attempt=4), Outcome.FAILED, 0, error="boom"), max_attempts=4)
        assert w.ledger(connection, "state", "failures", "settled_at") == [("failed", 4, w.NOW)]
        # A run that was given up for lost is whole after all.
        late = w.run(attempt=2)
        w.put(connection, w.batch(late), w.report(late))
        assert w.ledger(connection, "state", "failures", "error") == [("complete", 0, "")]


def test_throttled_waits_as_it_is_told_and_is_no_failure(database: Database) -> None:
    until = w.NOW + timedelta(hours=3)
    with database.connection() as connection:
        w.plan(connection)
        w.put(connection, w.report(w.run(), Outcome.THROTTLED, 0, error="slow down", not_before=until))
        assert w.ledger(connection, "state", "failures", "due_at") == [("planned", 0, until)]
        redispatch(connection, 2)
        w.put(connection, w.report(w.run(attempt=2), Outcome.THROTTLED, 0, error="slow down"))
        due_at = w.ledger(connection, "due_at")[0][0]
        assert timedelta(0) <= due_at - w.NOW <= timedelta(minutes=1)
        # Nobody makes it wait for ever.
        redispatch(connection, 3)
        never = w.NOW + timedelta(days=4000)
        w.put(connection, w.report(w.run(attempt=3), Outcome.THROTTLED, 0, not_before=never))
        assert w.ledger(connection, "due_at")[0][0] <= w.NOW + timedelta(days=2)
        for attempt in range(4, 51):
            redispatch(connection, attempt)
            w.put(connection, w.report(w.run(attempt=attempt), Outcome.THROTTLED, 0, error="slow down"))
        assert w.ledger(connection, "state", "error") == [("failed", "throttled 50 times in a row, at last: slow down")]


def test_denied_stops_the_target_until_a_window_of_it_is_complete(database: Database) -> None:
    later = Window(w.WINDOW.end, w.WINDOW.end + timedelta(minutes=5))
    denied, granted = w.run(), w.run(window=later)
    with database.connection() as connection:
        w.plan(connection)
        w.plan(connection, window=later)
        w.put(connection, w.report(denied, Outcome.DENIED, 0, error="may not", permission="ec2:DescribeInstances"))
        assert w.ledger(connection, "state", "error", "permission")[0] == ("denied", "may not", "ec2:DescribeInstances")
        target = "SELECT denied_until, denied_error, denied_permission FROM finfleet.targets"
        assert connection.execute(target).fetchall() == [(w.NOW + HOUR, "may not", "ec2:DescribeInstances")]
        w.put(connection, w.batch(granted), w.report(granted))
        assert connection.execute(target).fetchall() == [(None, "", "")]


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.THROTTLED, Outcome.DENIED])
def test_a_report_that_comes_too_late_is_only_recorded(database: Database, outcome: Outcome) -> None:
    columns = ("state", "failures", "due_at", "error", "settled_at")
    with database.connection() as connection:
        w.plan(connection, attempt=2)
        before = w.ledger(connection, *columns)
        w.put(connection, w.report(w.run(attempt=1), outcome, 0, error="late"))  # the second attempt is out already
        assert w.ledger(connection, *columns) == before
        connection.execute("UPDATE finfleet.collections SET state = 'planned'")  # taken for lost
        before = w.ledger(connection, *columns)
        w.put(connection, w.report(w.run(attempt=2), outcome, 0, error="late"))
        assert w.ledger(connection, *columns) == before
        assert w.count(connection, "runs WHERE outcome IS NOT NULL AND error = 'late'") == 2
        denied = connection.execute("SELECT denied_until FROM finfleet.targets").fetchall()
        assert denied == [(None,)]


def test_refreshes_follow_one_another_and_end(database: Database) -> None:
    policy = {("aws", "ec2"): (HOUR, 6 * HOUR)}
    with database.connection() as connection:
        w.plan(connection)
        for attempt, hours, expected in [(1, 0, 1), (2, 1, 6), (3, 6, None)]:
            redispatch(connection, attempt)
            run = w.run(attempt=attempt, second=3600 * hours)
            w.put(connection, w.batch(run), w.report(run), refresh=policy)
            due = None if expected is None else w.WINDOW.end + expected * HOUR
            assert w.ledger(connection, "refresh_at") == [(due,)]


def test_a_back_fill_is_not_refreshed_for_times_that_are_past(database: Database) -> None:
    run = w.run(second=7200)
    with database.connection() as connection:
        w.plan(connection)
        w.put(connection, w.batch(run), w.report(run), refresh={("aws", "ec2"): (HOUR,)})
        assert w.ledger(connection, "state", "refresh_at") == [("complete", None)]


@pytest.mark.parametrize(
    ("outcome", "reopened"), [(Outcome.FAILED, "complete"), (Outcome.DENIED, "complete"), (Outcome.EMPTY, "empty")]
)
def test_a_refresh_that_does_not_succeed_keeps_what_is_there(
    database: Database, outcome: Outcome, reopened: str
) -> None:
    first = w.run()
    with database.connection() as connection:
        w.plan(connection)
        w.put(connection, w.batch(first), w.report(first))
        redispatch(connection, 2)
        w.put(connection, w.report(w.run(attempt=2), outcome, 0, error="not now"), max_attempts=1)
        assert state(connection) == reopened
        if outcome is not Outcome.EMPTY:
            assert w.ledger(connection, "records", "refresh_at") == [(2, w.NOW + timedelta(days=1))]
        assert w.points(connection) == {("i-1", 0): 1.0}
