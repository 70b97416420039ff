"""Schema `reporting`: what people read, and the role that reads it."""

import secrets
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from storage import ledger, views
from storage.database import Connection, Database
from telemetry.batch import ApiUse, Outcome
from telemetry.target import floor_time
from tests.support.ledger import NOW, at, minutes, plan, sync, take
from tests.support.plans import times
from tests.support.writing import batch, put, report, run

VIEWS = [view.name for view in views.load()]


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.connection() as connection:
        yield connection


def read(connection: Connection, statement: str) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement.encode()).fetchall()


def end(connection: Connection, dispatch: ledger.Dispatch, outcome: Outcome, error: str = "") -> None:
    of = run(dispatch.target, dispatch.window, attempt=dispatch.attempt)
    messages = [batch(of), report(of)] if outcome is Outcome.COMPLETE else [report(of, outcome, 0, error=error)]
    put(connection, *messages, now=NOW, max_attempts=1)


def test_every_column_of_times_says_that_it_is_utc() -> None:
    times = [
        (view.name, column, meaning)
        for view in views.load()
        for column, meaning in view.comments.items()
        if column.endswith(("_seen", "_at", "start", "end"))
    ]
    assert len(times) > 10
    assert [one for one in times if "UTC" not in one[2]] == []


def test_coverage_adds_up_by_day(connection: Connection) -> None:
    sync(connection, plan(interval=minutes(60), backfill=minutes(60 * 36)))
    ledger.open_windows(connection, "aws", "ec2", NOW)
    taken = take(connection, limit=5)  # 11:00, 10:00, 09:00 ...
    for dispatch, outcome in zip(taken, (Outcome.COMPLETE, Outcome.EMPTY, Outcome.FAILED), strict=False):
        end(connection, dispatch, outcome, "broken" if outcome is Outcome.FAILED else "")
    yesterday, today = read(connection, "SELECT * FROM reporting.coverage ORDER BY day")
    assert (yesterday["day"], yesterday["planned"], yesterday["waiting"]) == (date(2026, 11, 23), 24, 24)
    assert (yesterday["percent_settled"], yesterday["percent_covered"]) == (0, 0)
    assert today == {
        "target": "aws/default/us-east-1/ec2",
        "provider": "aws",
        "account": "default",
        "region": "us-east-1",
        "service": "ec2",
        "enabled": True,
        "day": date(2026, 11, 24),
        "planned": 12,
        "complete": 1,
        "empty": 1,
        "denied": 0,
        "failed": 1,
        "waiting": 9,
        "refreshing": 0,
        "percent_settled": Decimal("25.00"),
        "percent_covered": Decimal("16.66"),
        "partial": 0,
        "refused": 0,
    }


def test_days_are_of_utc_whatever_the_session_says(connection: Connection) -> None:
    sync(connection, plan(interval=minutes(60), backfill=minutes(60)))
    ledger.open_windows(connection, "aws", "ec2", NOW)
    (dispatch,) = take(connection)
    end(connection, dispatch, Outcome.COMPLETE)
    connection.execute("SET timezone TO 'Pacific/Kiritimati'")  # where it is the next day already
    assert [row["day"] for row in read(connection, "SELECT day FROM reporting.coverage")] == [date(2026, 11, 24)]
    assert [row["day"] for row in read(connection, "SELECT day FROM reporting.collection_cost")] == [date(2026, 11, 24)]


def test_a_window_that_is_read_again_still_counts_as_complete(connection: Connection) -> None:
    sync(connection, plan(backfill=minutes(5)))
    ledger.open_windows(connection, "aws", "ec2", NOW)
    end(connection, take(connection)[0], Outcome.COMPLETE)
    connection.execute("UPDATE finfleet.collections SET refresh_at = %s", (NOW,))
    take(connection)
    (row,) = read(connection, "SELECT * FROM reporting.coverage")
    assert (row["complete"], row["waiting"], row["refreshing"]) == (1, 0, 1)


# Gaps go up to the present, so these tests are about the hours before it.

HOUR = timedelta(hours=1)
PRESENT = floor_time(datetime.now(UTC), HOUR)
"""The hour that goes on now began then."""


def hours(connection: Connection) -> list[tuple[int, int, str]]:
    """Gaps before the present: from and to how many hours before it, and why."""
    rows = connection.execute(
        "SELECT gap_start, gap_end, reason FROM reporting.gaps WHERE gap_start < %s ORDER BY gap_start", (PRESENT,)
    )
    return [((PRESENT - start) // HOUR, (PRESENT - end) // HOUR, reason) for start, end, reason in rows]


def open_hours(connection: Connection, count: int) -> list[ledger.Dispatch]:
    """Plan so many hours before the present, and hand all of them out, the newest first."""
    sync(connection, plan(interval=HOUR, backfill=count * HOUR), now=PRESENT)
    ledger.open_windows(connection, "aws", "ec2", PRESENT)
    return take(connection, PRESENT)


def test_without_trouble_there_is_no_gap(connection: Connection) -> None:
    for dispatch in open_hours(connection, 3):
        end(connection, dispatch, Outcome.EMPTY)
    assert hours(connection) == []
    connection.execute("UPDATE finfleet.collections SET refresh_at = %s", (PRESENT,))
    assert len(take(connection, PRESENT)) == 3  # being read again is none either
    assert hours(connection) == []


def test_gaps_are_told_with_their_reason_and_neighbours_are_one(connection: Connection) -> None:
    first, second, third, fourth, fifth, sixth, seventh, *_ = open_hours(connection, 9)
    end(connection, first, Outcome.COMPLETE)
    for dispatch in (second, third):
        end(connection, dispatch, Outcome.FAILED, "broken")
    end(connection, fourth, Outcome.FAILED, "broken otherwise")
    end(connection, fifth, Outcome.EMPTY)
    end(connection, sixth, Outcome.FAILED, "broken")
    connection.execute("DELETE FROM finfleet.collections WHERE window_start = %s", (seventh.window.start,))
    assert hours(connection) == [
        (9, 7, "waiting"),
        (7, 6, "never planned"),
        (6, 5, "failed: broken"),
        (4, 3, "failed: broken otherwise"),
        (3, 1, "failed: broken"),
    ]


def test_a_missing_permission_is_named(connection: Connection) -> None:
    (dispatch,) = open_hours(connection, 1)
    of = run(dispatch.target, dispatch.window)
    put(connection, report(of, Outcome.DENIED, 0, error="no", permission="ec2:DescribeInstances"), now=PRESENT)
    assert hours(connection) == [(1, 0, "denied: ec2:DescribeInstances")]


def test_a_planner_that_does_not_run_shows(connection: Connection) -> None:
    sync(connection, plan(interval=HOUR), now=PRESENT - 5 * HOUR)
    (row,) = connection.execute("SELECT gap_start, gap_end >= %s, reason FROM reporting.gaps", (PRESENT,))
    assert row == (PRESENT - 5 * HOUR, True, "never planned")


def test_time_without_configuration_is_no_gap(connection: Connection) -> None:
    sync(connection, plan(interval=HOUR), now=PRESENT - 9 * HOUR)
    ledger.open_windows(connection, "aws", "ec2", PRESENT - 7 * HOUR)
    sync(connection, now=PRESENT - 6 * HOUR)
    assert hours(connection) == [(9, 7, "waiting"), (7, 6, "never planned")]
    sync(connection, plan(interval=HOUR), now=PRESENT - 2 * HOUR)
    ledger.open_windows(connection, "aws", "ec2", PRESENT)
    assert hours(connection) == [(9, 6, "waiting"), (2, 0, "waiting")]
    (row,) = connection.execute("SELECT sum(planned), sum(waiting) FROM reporting.coverage")
    assert row == (5, 5)


def lacking(connection: Connection, dispatch: ledger.Dispatch, *reasons: str) -> None:
    of = run(dispatch.target, dispatch.window, attempt=dispatch.attempt)
    put(connection, report(of, Outcome.EMPTY, 0, partial=reasons), now=NOW)


def test_a_window_that_lacks_something_counts_as_partial_and_is_a_gap_with_its_reasons(connection: Connection) -> None:
    first, second, third, fourth = open_hours(connection, 4)
    end(connection, first, Outcome.COMPLETE)
    for dispatch in (second, third):
        lacking(connection, dispatch, "rates of 3 rds instances: late", "metrics: older\nthan kept")
    lacking(connection, fourth)
    assert hours(connection) == [(3, 1, "partial: rates of 3 rds instances: late; metrics: older than kept")]
    rows = read(connection, "SELECT planned, complete, empty, partial, percent_covered FROM reporting.coverage")
    assert [sum(row[name] for row in rows) for name in ("planned", "complete", "empty", "partial")] == [4, 1, 3, 2]
    assert {row["percent_covered"] for row in rows} == {Decimal(100)}
    connection.execute("UPDATE finfleet.collections SET refresh_at = %s", (PRESENT,))
    again = {dispatch.window: dispatch for dispatch in take(connection, PRESENT)}
    assert len(hours(connection)) == 1, "what is being read again lacks what it lacked"
    lacking(connection, again[second.window])
    assert hours(connection) == [(3, 2, "partial: rates of 3 rds instances: late; metrics: older than kept")]


# What was collected ---------------------------------------------------------------------------------------------------


def collect(connection: Connection, *runs: list[ApiUse]) -> None:
    """Plan a window for each, and have it end complete, with these calls."""
    sync(connection, plan(backfill=len(runs) * minutes(5)))
    ledger.open_windows(connection, "aws", "ec2", NOW)
    for dispatch, apis in zip(take(connection), runs, strict=True):
        of = run(dispatch.target, dispatch.window)
        made = batch(of, points=[("i-1", 0, 12.5)], rates=[("i-1", 0, "0.0960")], tags={"team": "web"})
        put(connection, made, report(of, apis=apis), now=NOW)


def test_resources_metrics_and_rates_are_shown_as_they_were_collected(connection: Connection) -> None:
    collect(connection, [])
    identity = {"provider": "aws", "account": "123456789012", "region": "us-east-1", "service": "ec2"}
    identity |= {"resource_id": "arn:us-east-1:i-1", "name": "i-1"}
    (resource,) = read(connection, "SELECT * FROM reporting.resources")
    assert resource.items() >= identity.items()
    assert (resource["type"], resource["tags"]) == ("m5.large", {"team": "web"})
    assert resource["attributes"] == {"vcpus": 2, "spot": False}
    (point,) = read(connection, "SELECT * FROM reporting.resource_metrics")
    assert point == identity | {
        "metric": "cpu_utilization",
        "source_metric": "CPUUtilization",
        "unit": "percent",
        "statistic": "average",
        "start": at("11:55"),
        "period": minutes(1),
        "value": 12.5,
        "source": "",
        "day": at("11:55").date(),
    }
    (rate,) = read(connection, "SELECT * FROM reporting.cost_per_hour")
    assert rate == identity | {
        "type": "m5.large",
        "start": at("11:55"),
        "period": minutes(5),
        "amount": Decimal("0.0960"),
        "currency": "USD",
        "basis": "on_demand_list",
    }
    assert str(rate["amount"]) == "0.0960"


def test_a_range_of_start_reads_only_its_days(connection: Connection) -> None:
    collect(connection, [])
    connection.execute(
        "CREATE TABLE finfleet.points_other PARTITION OF finfleet.points"
        " FOR VALUES FROM ('2001-01-01') TO ('2001-01-02')"
    )
    question = "EXPLAIN SELECT * FROM reporting.resource_metrics WHERE start >= '2026-11-24' AND start < '2026-11-25'"
    plan_of_it = "\n".join(line for (line,) in connection.execute(question))
    assert "points_" in plan_of_it
    assert "points_other" not in plan_of_it


def test_collection_cost_adds_calls_and_keeps_unknown_prices_unknown(connection: Connection) -> None:
    free, paid = ApiUse("ec2:DescribeInstances", 2, 1, Decimal(0)), ApiUse("cw:GetMetricData", 3, 0, Decimal("0.03"))
    unknown = ApiUse("new:Api", 1, 0, None)
    known = ApiUse("new:Api", 4, 0, Decimal("0.4"))
    collect(connection, [free, paid, unknown], [free, paid, known])
    rows = read(connection, "SELECT * FROM reporting.collection_cost ORDER BY api")
    assert {row["target"] for row in rows} == {"aws/default/us-east-1/ec2"}
    assert [(row["api"], row["runs"], row["calls"], row["throttles"], row["cost_usd"]) for row in rows] == [
        ("cw:GetMetricData", 2, 6, 0, Decimal("0.06")),
        ("ec2:DescribeInstances", 2, 4, 2, Decimal(0)),
        ("new:Api", 2, 5, 0, None),
    ]


def test_what_runs_of_a_day_used_alike_is_opened_once(connection: Connection) -> None:
    used, other = ([ApiUse("ec2:DescribeInstances", calls, 1, Decimal(0))] for calls in (2, 3))
    collect(connection, used, used, used, other, [])
    assert times(connection, "SELECT * FROM reporting.collection_cost", "jsonb_to_recordset") == 2


# The role that reads --------------------------------------------------------------------------------------------------


@pytest.fixture
def reader(connection: Connection, database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """Somebody who may log in, and is granted finfleet_reader and nothing else."""
    name = f"reader_{secrets.token_hex(4)}"
    connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'canary' IN ROLE finfleet_reader".encode())
    with psycopg.connect(database_url, user=name, password="canary", autocommit=True) as theirs:
        yield theirs
    connection.execute(f"DROP ROLE {name}".encode())


def test_the_reader_sees_every_view_and_nothing_else(connection: Connection, reader: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE VIEW reporting.of_somebody AS SELECT 1 AS one")
    for view in [*VIEWS, "of_somebody"]:
        reader.execute(f"SELECT * FROM reporting.{view}".encode())  # noqa: S608 - names from above
    for table in ("targets", "dead_letters", "outbox", "alembic_version"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(f"SELECT * FROM finfleet.{table}".encode())  # noqa: S608 - names from above
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute("DELETE FROM reporting.resources")
