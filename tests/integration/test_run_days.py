"""What runs took is told by day once they are forgotten."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from storage import ledger
from storage.database import Connection, Database
from storage.folding.runs import forget_runs
from telemetry.batch import ApiUse, Outcome
from tests.support import writing as w
from tests.support.folded import LATER, fold, folded, ledger_of, views
from tests.support.forgetting import forget
from tests.support.ledger import NOW, at, minutes, plan, sync, take

THEN = NOW + LATER
PRICES = [Decimal("0.01"), Decimal("0.010"), None, Decimal(0)]


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    """With an hour of two targets, whose runs called two APIs, some for a price that nobody knows."""
    with database.connection() as connection:
        sync(connection, plan(backfill=minutes(60)), plan("us-west-2", backfill=minutes(60)))
        ledger.open_windows(connection, "aws", "ec2", NOW)
        for place, one in enumerate(take(connection)):
            run = w.run(one.target, one.window, attempt=one.attempt)
            apis = [ApiUse("ec2:DescribeInstances", 3, 1, Decimal(0)), ApiUse("ce:Get", 1, 0, PRICES[place % 4])]
            w.put(connection, w.batch(run), w.report(run, apis=apis), now=NOW)
        yield connection


def runs(connection: Connection) -> int:
    return w.count(connection, "runs")


def test_what_is_forgotten_is_told_as_before_and_counted_once(connection: Connection) -> None:
    before = views(connection)["collection_cost"]
    assert len(before) == 4
    assert {row[-1] for row in before} == {Decimal(0), Decimal("0.060"), None}
    fold(connection, THEN)
    # All of the folded ones, in steps; of the rows that are left the settling ones stay.
    steps = 0
    while forget_runs(connection, THEN, None, limit=7):
        steps += 1
        assert views(connection)["collection_cost"] == before
    assert steps == 4
    assert runs(connection) == 2
    rows = connection.execute("SELECT days -> '24' FROM finfleet.run_days ORDER BY target_id").fetchall()
    assert rows[0][0]["took"] == [11, 44, 11, rows[0][0]["took"][3], rows[0][0]["took"][4]]
    assert [(day["outcomes"], day["batches"], day["records"]) for (day,) in rows] == [({"complete": 11}, 11, 22)] * 2
    assert [row[0]["took"][:3] for row in rows] == [[11, 44, 11]] * 2


def test_forgetting_twice_at_once_counts_once(connection: Connection, database: Database) -> None:
    before = views(connection)["collection_cost"]
    fold(connection, THEN)
    with database.connection() as other, connection.transaction():
        first = forget_runs(connection, THEN, None, limit=5)
        second = 0
        with other.transaction():
            # Other windows, or none: nobody waits.
            other.execute("SET LOCAL lock_timeout = '2s'")
            second = w.count(other, "runs")
        assert (first, second) == (5, 24)
    while forget_runs(connection, THEN, None):
        pass
    assert views(connection)["collection_cost"] == before


def test_runs_stay_while_a_newer_one_of_their_window_does(connection: Connection) -> None:
    fold(connection, THEN)
    connection.execute("UPDATE finfleet.runs SET reported_at = %s WHERE window_start = %s", (THEN, at("11:00")))
    kept = timedelta(days=5)
    assert forget(connection, THEN, runs=kept).runs == 20
    assert runs(connection) == 4


def test_the_day_and_month_are_those_on_which_a_run_started(connection: Connection) -> None:
    edges = ["2026-11-30 23:59:59.9Z", "2026-12-01 00:00Z", "2026-12-31 23:59Z"]
    for edge, clock in zip(edges, ("11:00", "11:05", "11:10"), strict=True):
        connection.execute("UPDATE finfleet.runs SET started_at = %s WHERE window_start = %s", (edge, at(clock)))
    before = views(connection)["collection_cost"]
    fold(connection, THEN)
    while forget_runs(connection, THEN, None):
        pass
    assert views(connection)["collection_cost"] == before
    assert {str(row[0]) for row in before} == {"2026-11-24", "2026-11-30", "2026-12-01", "2026-12-31"}


def test_an_attempt_without_a_report_is_counted_and_its_calls_are_unknown(connection: Connection) -> None:
    [target] = {one.target for one in ledger.find_targets(connection, ["*us-east-1*"])}
    [window, *_] = ledger_of(connection)
    lost = w.run(target, window)
    w.put(connection, w.batch(lost))
    before = views(connection)["collection_cost"]
    fold(connection, THEN)
    while forget_runs(connection, THEN, None):
        pass
    assert views(connection)["collection_cost"] == before
    [(outcomes,)] = connection.execute(
        "SELECT days -> '24' -> 'outcomes' FROM finfleet.run_days JOIN finfleet.targets USING (target_id)"
        " WHERE region = 'us-east-1'"
    ).fetchall()
    assert outcomes == {"complete": 11, "unreported": 1}


def test_a_window_whose_runs_are_forgotten_is_settled_anew_by_a_newer_attempt_alone(connection: Connection) -> None:
    fold(connection, THEN)
    while forget_runs(connection, THEN, None):
        pass
    [target] = {one.target for one in ledger.find_targets(connection, ["*us-east-1*"])}
    [window, *_] = ledger_of(connection)
    late = w.run(target, window)
    w.put(connection, w.report(late, Outcome.EMPTY, 0))
    state = "SELECT state, records, attempt FROM finfleet.collections WHERE window_start = %s"
    assert connection.execute(state, (window.start,)).fetchall() == [("complete", 1, 1)]
    fold(connection, THEN, timedelta(0))
    # How many records there were is not known any more, and nothing is guessed.
    assert {(state, records) for state, records in folded(connection, "state", "records")} == {
        ("complete", 22),
        ("complete", None),
    }
