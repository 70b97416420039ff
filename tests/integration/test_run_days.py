"""What runs took is told by day once they are forgotten."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from storage import ledger
from storage.database import Connection, Database
from storage.folding.runs import fold_runs, forget_runs
from storage.sql import load
from telemetry.batch import ApiUse, Outcome
from tests.support import writing as w
from tests.support.folded import LATER, fold, folded, ledger_of, views
from tests.support.forgetting import forget
from tests.support.ledger import NOW, at, minutes, plan, sync, take

THEN = NOW + LATER
LATE_THAT_DAY, AFTER_IT = at("23:59") + timedelta(hours=2), at("23:59") + timedelta(hours=2, minutes=1)
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


def metered(connection: Connection) -> object:
    """What `finfleet plan` tells of the same runs."""
    readings = connection.execute(load("usage")["readings"], {"since": NOW - LATER, "newest": 5}).fetchall()
    return sorted(readings), sorted(connection.execute(load("usage")["metered"], {"since": NOW - LATER}).fetchall())


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


def test_a_day_that_is_over_is_summed_up_and_told_as_before_at_each_moment(connection: Connection) -> None:
    before, used = views(connection)["collection_cost"], metered(connection)
    assert not fold_runs(connection, LATE_THAT_DAY)
    summed = []
    while some := fold_runs(connection, AFTER_IT, limit=7):
        summed.append(some)
        assert (views(connection)["collection_cost"], metered(connection)) == (before, used)
    assert summed == [7, 7, 7, 3]
    # Nothing of it is read run by run any more, and a run that is forgotten adds only what is not told yet.
    assert connection.execute("SELECT count(*) FROM finfleet.runs WHERE apis <> '[]'").fetchone() == (0,)
    fold(connection, THEN)
    while forget_runs(connection, THEN, None, limit=7):
        assert views(connection)["collection_cost"] == before
    rows = connection.execute("SELECT days -> '24' FROM finfleet.run_days ORDER BY target_id").fetchall()
    assert [(day["outcomes"], day["took"][:3]) for (day,) in rows] == [({"complete": 11}, [11, 44, 11])] * 2


def test_what_comes_late_or_again_is_summed_up_once(connection: Connection) -> None:
    [target] = {one.target for one in ledger.find_targets(connection, ["*us-east-1*"])}
    [window, *_] = ledger_of(connection)
    fold_runs(connection, AFTER_IT)
    late = w.run(target, window)
    report = w.report(late, apis=[ApiUse("ce:Get", 1, 0, Decimal("0.25"))])
    before = views(connection)["collection_cost"]
    w.put(connection, report, now=AFTER_IT)
    with_it = views(connection)["collection_cost"]
    assert [row[-4:] for row in with_it if row not in before] == [(13, 13, 0, None)]
    assert fold_runs(connection, AFTER_IT) == 1
    # Its batch comes behind its report, and that once more.
    w.put(connection, w.batch(late), report, now=AFTER_IT)
    assert not fold_runs(connection, AFTER_IT)
    assert views(connection)["collection_cost"] == with_it


def test_two_at_once_sum_up_other_runs_and_forgetting_waits_for_neither(
    connection: Connection, database: Database
) -> None:
    before = views(connection)["collection_cost"]
    fold(connection, THEN)
    with database.connection() as other, connection.transaction():
        assert fold_runs(connection, AFTER_IT, limit=12) == 12  # those of a target
        with other.transaction():
            other.execute("SET LOCAL lock_timeout = '2s'")
            assert fold_runs(other, AFTER_IT) == 12
        assert views(other)["collection_cost"] == before
    assert views(connection)["collection_cost"] == before


def test_nothing_is_summed_up_while_a_process_of_another_release_lives(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO finfleet.processes (process_id, role, host, pid, version, started_at, last_seen)"
        " VALUES (gen_random_uuid(), 'ingest', 'h', 1, '0.0.1', now(), now())"
    )
    assert not fold_runs(connection, AFTER_IT)
    connection.execute("UPDATE finfleet.processes SET last_seen = now() - interval '11 minutes'")
    assert fold_runs(connection, AFTER_IT) == 24


def test_a_former_release_that_forgets_what_is_summed_up_counts_nothing_twice(connection: Connection) -> None:
    """It deletes runs by statements of its own, and adds what their rows have in `apis`."""
    fold_runs(connection, AFTER_IT)
    before = views(connection)["collection_cost"]
    rows = connection.execute("DELETE FROM finfleet.runs RETURNING apis").fetchall()
    assert rows == [([],)] * 24
    assert views(connection)["collection_cost"] == before


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
