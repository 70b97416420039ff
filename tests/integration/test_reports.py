"""What `finfleet status` is told."""

from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.year.measuring import measure, statements_of
from storage import ledger, reports
from storage.database import Connection, Database
from telemetry.batch import Outcome
from tests.support.ledger import NOW, at, minutes, plan, sync, take
from tests.support.outbox import fill
from tests.support.writing import batch, put, report, run


def collect(connection: Connection, *outcomes: Outcome) -> None:
    """Plan a window for each outcome, the newest first, and have it end like that; what is left stays out."""
    sync(connection, plan(backfill=minutes(5 * len(outcomes) + 5)))
    ledger.open_windows(connection, "aws", "ec2", NOW)
    for dispatch, outcome in zip(take(connection), outcomes, strict=False):
        of = run(dispatch.target, dispatch.window)
        if outcome is Outcome.COMPLETE:
            put(connection, batch(of), report(of), now=NOW)
        else:
            put(connection, report(of, outcome, 0, error="no", permission="ec2:X"), now=NOW, max_attempts=1)


def test_coverage_counts_windows_and_measures_the_lag(database: Database) -> None:
    with database.connection() as connection:
        collect(connection, Outcome.FAILED, Outcome.COMPLETE, Outcome.EMPTY)
        (found,) = reports.read_coverage(connection, at("12:06"))
        assert str(found.target) == "aws/default/us-east-1/ec2"
        assert (found.planned, found.complete, found.empty, found.failed, found.waiting) == (4, 1, 1, 1, 1)
        assert (found.covered_until, found.lag) == (at("11:55"), minutes(10))
        (newer,) = reports.read_coverage(connection, NOW, since=at("11:50"))
        assert (newer.planned, newer.failed, newer.complete) == (2, 1, 1)


def test_a_target_without_any_window_lags_since_it_was_enabled(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(30)), plan("eu-west-1"))
        new, old = reports.read_coverage(connection, NOW)
        assert (old.planned, old.covered_until, old.lag) == (0, None, minutes(30))
        assert (new.planned, new.covered_until, new.lag) == (0, None, minutes(0))
        sync(connection)
        assert [found.lag for found in reports.read_coverage(connection, NOW)] == [None, None]


def test_a_window_that_is_read_again_stays_covered(database: Database) -> None:
    with database.connection() as connection:
        collect(connection, Outcome.COMPLETE)
        connection.execute("UPDATE finfleet.collections SET refresh_at = %s WHERE state = 'complete'", (NOW,))
        assert [dispatch.attempt for dispatch in take(connection)] == [2]
        (found,) = reports.read_coverage(connection, NOW)
        assert (found.complete, found.waiting) == (1, 1)


def test_the_same_trouble_is_told_once(database: Database) -> None:
    with database.connection() as connection:
        collect(connection, Outcome.FAILED, Outcome.FAILED, Outcome.THROTTLED, Outcome.COMPLETE)
        failed, waiting = reports.read_troubles(connection)
        assert (failed.state, failed.error, failed.windows) == ("failed", "no", 2)
        assert (failed.since, failed.until) == (at("11:50"), at("12:00"))
        assert (waiting.state, waiting.windows) == ("open", 1)
        assert len(reports.read_troubles(connection, limit=1)) == 1


def test_what_windows_lack_is_a_line_a_target_with_the_reasons_of_the_newest(database: Database) -> None:
    with database.connection() as connection:
        collect(connection, Outcome.COMPLETE, Outcome.COMPLETE, Outcome.EMPTY)
        assert reports.read_partial(connection) == []
        connection.execute("UPDATE finfleet.collections SET partial = 'old' WHERE records IS NOT NULL")
        connection.execute(
            "UPDATE finfleet.collections SET partial = %s WHERE window_start = %s", ("one\ntwo", at("11:55"))
        )
        (found,) = reports.read_partial(connection)
        assert (found.windows, found.since, found.until) == (3, at("11:45"), at("12:00"))
        assert found.reasons == ("one", "two")
        assert reports.read_partial(connection, since=at("12:00")) == []
        assert reports.read_status(connection, NOW).partial == [found]


def test_a_missing_permission_is_named(database: Database) -> None:
    with database.connection() as connection:
        collect(connection, Outcome.DENIED)
        (found,) = reports.read_coverage(connection, NOW)
        assert (found.denied, found.permission) == (1, "ec2:X")
        assert found.denied_until is not None
        (trouble,) = reports.read_troubles(connection)
        assert (trouble.state, trouble.permission) == ("denied", "ec2:X")


def test_activity_is_of_the_last_minute(database: Database) -> None:
    with database.connection() as connection:
        collect(connection, Outcome.COMPLETE, Outcome.FAILED)
        # Batches bear the database's own time.
        row = connection.execute("SELECT max(committed_at) FROM finfleet.batches").fetchone()
        assert row
        connection.execute("UPDATE finfleet.runs SET reported_at = %s", (row[0],))
        (found,) = reports.read_activity(connection, row[0] + timedelta(seconds=30))
        assert (found.provider, found.runs, found.troubled, found.calls, found.throttles) == ("aws", 2, 1, 6, 2)
        assert found.records == 2
        assert found.records_per_second == pytest.approx(2 / 60)
        (later,) = reports.read_activity(connection, row[0] + timedelta(seconds=61))
        assert (later.runs, later.records, later.records_per_second) == (0, 0, 0.0)


def test_the_status_is_one_snapshot_of_everything(database: Database) -> None:
    with database.connection() as connection:
        collect(connection, Outcome.COMPLETE, Outcome.FAILED)
        status = reports.read_status(connection, NOW)
        assert len(status.targets) == len(status.activity) == len(status.troubles) == 1
        assert [(box.destination, box.pending) for box in status.outbox] == [("openfinops", 1)]
        assert status.dead_letters == 0
        sync(connection)  # the connection may write again


def test_resources_are_counted_only_where_it_is_sure_whose_they_are(database: Database) -> None:
    with database.connection() as connection:
        assert reports.resources_by_target(connection) == {}
        collect(connection, Outcome.COMPLETE)
        assert reports.resources_by_target(connection) == {"aws/default/us-east-1/ec2": 1}
        connection.execute(
            "INSERT INTO finfleet.targets (provider, account, region, service, queue, interval_seconds, delay_seconds,"
            " enabled_since, planned_until)"
            " SELECT provider, 'other', region, service, queue, 300, 0, now(), now() FROM finfleet.targets"
        )
        assert reports.resources_by_target(connection) == {}


def _late(connection: Connection, now: str) -> reports.Lateness:
    (found,) = reports.read_lateness(connection, at(now))
    return found


def test_lateness_counts_from_what_is_covered_and_knows_since_when_it_is_open(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(60)))
        assert (_late(connection, "12:06").lag, _late(connection, "12:06").open_for) == (minutes(65), None)
        ledger.open_windows(connection, "aws", "ec2", NOW)
        connection.execute("UPDATE finfleet.collections SET planned_at = %s", (NOW,))
        new = _late(connection, "12:06")
        assert (new.covered_until, new.lag, new.open_for) == (None, minutes(65), at("12:06") - NOW)
        connection.execute(
            "UPDATE finfleet.collections SET state = 'empty', records = 0 WHERE window_end <= %s", (at("11:30"),)
        )
        found = _late(connection, "12:21")
        assert (found.covered_until, found.lag, found.open_for) == (at("11:30"), minutes(50), at("12:21") - NOW)
        assert (found.interval, found.queue, found.denied) == (minutes(5), "collect.aws", False)


def test_a_target_that_is_configured_again_is_not_late_for_its_pause(database: Database) -> None:
    with database.connection() as connection:
        sync(connection, plan())
        ledger.open_windows(connection, "aws", "ec2", NOW)
        sync(connection)
        assert reports.read_lateness(connection, at("18:00")) == []
        ledger.sync_targets(connection, [plan()], "aws", "ec2", at("18:00"))
        assert _late(connection, "18:05").lag == minutes(5)


def test_windows_that_are_not_as_they_should_be_are_told_by_kind(database: Database) -> None:
    with database.connection() as connection:
        collect(connection, Outcome.FAILED, Outcome.DENIED, Outcome.COMPLETE, Outcome.COMPLETE, Outcome.COMPLETE)
        assert [(one.state, one.windows) for one in reports.read_bad_windows(connection)] == [
            ("denied", 1),
            ("failed", 1),
        ]
        connection.execute("UPDATE finfleet.targets SET denied_until = now(), denied_permission = 'ec2:X'")
        assert (_late(connection, "12:06").denied, _late(connection, "12:06").permission) == (True, "ec2:X")
        starts = [row[0] for row in connection.execute("SELECT window_start FROM finfleet.collections ORDER BY 1")]
        for change, start in (
            ("lost = 2, error = 'nobody came'", starts[0]),
            ("refused = true, partial = 'rates', permission = 'x:Y'", starts[1]),
            ("error = 'no', refresh_at = now()", starts[2]),
        ):
            statement = f"UPDATE finfleet.collections SET {change} WHERE window_start = %s"  # noqa: S608 - of this test
            connection.execute(statement.encode(), (start,))
        found = {one.state: one for one in reports.read_bad_windows(connection)}
        assert found.keys() == {"denied", "failed", "refused", "not_read_again", "lost"}
        assert (found["refused"].permission, found["refused"].error) == ("x:Y", "rates")
        assert (found["not_read_again"].error, found["lost"].error) == ("no", "nobody came")
        assert {one.state for one in reports.read_bad_windows(connection, starts[2])} >= {"not_read_again"}
        assert "lost" not in {one.state for one in reports.read_bad_windows(connection, starts[2])}
        sync(connection)
        assert reports.read_bad_windows(connection) == [], "what is not configured is nobody's trouble"


def test_what_a_destination_does_not_have_is_told_with_its_reason(database: Database) -> None:
    with database.connection() as connection:
        fill(connection, targets=2, entries=2, destinations=("openfinops", "other"))
        assert reports.read_dead_letters(connection) == {}
        connection.execute("UPDATE finfleet.outbox SET state = 'sent', body = NULL WHERE destination = 'other'")
        rows = connection.execute("SELECT outbox_id FROM finfleet.outbox WHERE state = 'pending' ORDER BY 1")
        first, second, *_ = [row[0] for row in rows]
        connection.execute("UPDATE finfleet.outbox SET attempts = 3, error = 'away' WHERE outbox_id = %s", (first,))
        connection.execute("UPDATE finfleet.outbox SET state = 'dead', error = 'bad' WHERE outbox_id = %s", (second,))
        (found,) = reports.read_unsent(connection, datetime.now(UTC))
        assert (found.destination, found.pending, found.dead, found.failures) == ("openfinops", 3, 1, 3)
        assert (found.error, found.dead_error) == ("away", "bad")
        assert found.oldest is not None


def test_counting_resources_reads_each_of_them_twice_at_most(database: Database) -> None:
    many = 400
    with database.connection() as connection:
        sync(connection, plan())
        connection.execute(
            "INSERT INTO finfleet.resources"
            " (provider, account, region, service, provider_id, first_seen, last_seen)"
            " SELECT 'aws', '1', 'us-east-1', 'ec2', 'i-' || n, now(), now() FROM generate_series(1, %s) AS n",
            (many,),
        )
        connection.execute("ANALYZE finfleet.resources")
        assert reports.resources_by_target(connection) == {"aws/default/us-east-1/ec2": many}
        (statement,) = statements_of(lambda: reports.resources_by_target(connection))
        read = measure(connection, statement.text, rounds=0, limit=60).rows_read
    assert read is not None
    assert read < 2.5 * many
