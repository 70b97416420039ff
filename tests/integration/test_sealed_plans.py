"""What the views of points read: of sealed days those that are named, of one resource its own rows."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest

from storage import partitions
from storage.database import Connection, Database
from storage.folding.points import SEAL_AFTER, fold_points
from tests.support.plans import rows_read
from tests.support.sealing import make_series


def plan_of(connection: Connection, query: str) -> str:
    connection.execute("ANALYZE finfleet.sealed_points, finfleet.points_daily, finfleet.points_hourly, finfleet.points")
    rows = connection.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, BUFFERS OFF) {query}".encode()).fetchall()
    return "\n".join(row[0] for row in rows if "never executed" not in row[0])


@pytest.fixture
def months(database: Database) -> Connection:
    """Two months of sealed days of a hundred series, and a day that is not sealed."""
    with database.connection() as connection:
        for place in range(100):
            make_series(connection, f"i-{place}", 3600)
        days = [date(2026, 10, 1) + timedelta(days=n) for n in range(60)]
        partitions.create(
            connection, [(t, day) for t in ("sealed_points", "points_hourly", "points_daily") for day in days]
        )
        partitions.create(connection, [("points", date(2026, 12, 1) + timedelta(days=n)) for n in range(3)])
        connection.execute(
            """
            WITH d AS (
                SELECT series_id, day::date AS day
                  FROM finfleet.series
                 CROSS JOIN generate_series(timestamp '2026-10-01', timestamp '2026-11-29', interval '1 day') AS g(day)
            ), sealed AS (
                INSERT INTO finfleet.sealed_points (series_id, day, first_second, step_seconds, values)
                SELECT series_id, day, 0, 3600, array_fill(1.0::float8, ARRAY[24]) FROM d
            ), hourly AS (
                INSERT INTO finfleet.points_hourly
                SELECT series_id, day, array_fill(1::smallint, ARRAY[24]), v, v, v, v
                  FROM d CROSS JOIN (SELECT array_fill(1.0::float8, ARRAY[24]) AS v) AS v
            ), hot AS (
                INSERT INTO finfleet.points
                SELECT series_id, timestamptz '2026-12-01 00:00Z' + hour * interval '1 hour', 1.0
                  FROM finfleet.series CROSS JOIN generate_series(0, 23) AS g(hour)
            )
            INSERT INTO finfleet.points_daily SELECT series_id, day, 24, 24.0, 1.0, 1.0, 1.0 FROM d
            """
        )
        return connection


_OF_A_DAY = [
    ("reporting.resource_metrics", "day = '2026-11-05'", 2400),
    ("reporting.resource_metrics", "day >= '2026-11-05' AND day < '2026-11-06'", 2400),
    ("reporting.metric_hourly", "day = '2026-11-05'", 2400),
    ("reporting.metric_daily", "day BETWEEN '2026-11-05' AND '2026-11-05'", 100),
]


@pytest.mark.parametrize(("view", "condition", "rows"), _OF_A_DAY)
def test_a_sealed_day_is_read_alone(months: Connection, view: str, condition: str, rows: int) -> None:
    assert months.execute(f"SELECT count(*) FROM {view} WHERE {condition}".encode()).fetchone() == (rows,)  # noqa: S608
    plan = plan_of(months, f"SELECT * FROM {view} WHERE {condition}")  # noqa: S608 - of ours
    assert "202610" not in plan, "another month is read"
    assert not re.search(r"Scan.* on (sealed_points|points_hourly|points_daily)\w* .*rows=(?!100\b)\d{3,}", plan), plan
    assert not re.search(r"Scan.* on points_2026\d{4} .*rows=(?!1\b)[1-9]", plan), plan


@pytest.mark.parametrize("view", ["reporting.resource_metrics", "reporting.metric_hourly", "reporting.metric_daily"])
def test_of_one_resource_only_its_rows_are_read(months: Connection, view: str) -> None:
    condition = "provider = 'aws' AND resource_id = 'i-7' AND day BETWEEN '2026-11-01' AND '2026-12-31'"
    plan = plan_of(months, f"SELECT * FROM {view} WHERE {condition}")  # noqa: S608 - of ours
    assert not re.search(r"Scan.* on (sealed_points|points_hourly|points_daily)\w* .*rows=\d{3,}", plan), plan
    assert not re.search(r"Scan.* on points_2026\d{4} .*rows=\d{3,}", plan), plan


def test_of_the_last_days_only_those_are_read(months: Connection) -> None:
    condition = (
        "start >= '2026-12-02T00:00Z' AND start < '2026-12-03T00:00Z' AND day BETWEEN '2026-12-02' AND '2026-12-02'"
    )
    plan = plan_of(months, f"SELECT * FROM reporting.resource_metrics WHERE {condition}")  # noqa: S608 - of ours
    assert "points_20261201" not in plan
    assert "points_20261203" not in plan
    assert "sealed_points_" not in plan


@pytest.mark.parametrize("view", ["reporting.metric_hourly", "reporting.metric_daily"])
def test_of_an_open_day_what_is_sealed_is_not_opened(months: Connection, view: str) -> None:
    query = f"SELECT * FROM {view} WHERE day = '2026-12-01' ORDER BY resource_id, day"  # noqa: S608 - of ours
    whole = months.execute(query.encode()).fetchall()
    while fold_points(months, datetime(2026, 12, 1, 22, tzinfo=UTC) + SEAL_AFTER):
        pass
    months.execute(b"VACUUM ANALYZE finfleet.points")
    assert months.execute(query.encode()).fetchall() == whole
    read = rows_read(months, query)
    # Of each series its two points, for their first and for themselves, and whether there are sealed ones.
    assert read["points_20261201"] <= 4 * 100 + 2
    assert read["sealed_points_202612"] == 100
    assert read["points_hourly_202612"] <= 200
    assert read["points_daily_2026"] <= 200
    assert not {name for name, rows in read.items() if rows and name.endswith(("202610", "202611"))}


@pytest.mark.parametrize("view", ["reporting.resource_metrics", "reporting.metric_hourly", "reporting.metric_daily"])
def test_any_plan_will_do(months: Connection, view: str) -> None:
    # Names of other tables are none of days: an expression over them must stand whatever it is evaluated on.
    query = f"SELECT count(*) FROM {view} WHERE day BETWEEN '2026-11-29' AND '2026-12-01'"  # noqa: S608 - of ours
    for without in ("nestloop", "hashjoin", "mergejoin", "indexscan", "seqscan"):
        months.execute(f"SET enable_{without} = off".encode())
        assert months.execute(query.encode()).fetchone() == (200 if "daily" in view else 2 * 2400,)
        months.execute(f"RESET enable_{without}".encode())
