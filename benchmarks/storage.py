"""How much room things take, before and after folding, and how fast they are folded: `python -m benchmarks.storage`.

Points of five-minute metrics, a quarter each of random doubles, two decimals, integers to a million, and mostly zero.
The average of all is asked of the points, of what is sealed, and of the rollups, in one run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks import folded
from benchmarks.servers import running
from storage import partitions
from storage.database import Connection, Database
from storage.folding.points import drop_sealed, fold_points

FIRST = date(2026, 10, 5)
_BEGIN = datetime(2026, 10, 5, tzinfo=UTC)
KINDS = ("random doubles", "two decimals", "integers", "mostly zero")
_PERIOD = 300
_POINTS_A_DAY = 86_400 // _PERIOD
_ROUNDS = 3
_VALUES = """
CASE series_id % 4
    WHEN 0 THEN random() * 100
    WHEN 1 THEN round((random() * 100)::numeric, 2)::float8
    WHEN 2 THEN floor(random() * 1e6)
    ELSE CASE WHEN random() < 0.97 THEN 0 ELSE floor(random() * 10) END
END
"""
"""By kind, in the order of KINDS."""


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=3000)
    parser.add_argument("--days", type=int, default=3)
    arguments = parser.parse_args()
    with running() as servers, Database(servers.database, size=1) as database, database.connection() as connection:
        size = (arguments.series, arguments.days)
        kinds = [_points(connection, *size), _all_random(connection, *size), *folded.measure(connection)]
        rows = [(name, f"{n:,}", f"{hot:.1f}", f"{cold:.2f}", f"{cold / hot:.4f}") for name, n, hot, cold in kinds]
        _print("Before and after folding, heap, indexes and TOAST", ("", "rows", "bytes", "folded", "of it"), rows)


def _points(connection: Connection, series: int, days: int) -> tuple[str, int, float, float]:
    _seed(connection, series, days, _VALUES)
    points = series * days * _POINTS_A_DAY
    connection.execute("VACUUM ANALYZE finfleet.points")
    before, hot = _bytes(connection, "points"), _average(connection, "avg(value)", "resource_metrics")
    began, chunks = time.monotonic(), 0
    now = _BEGIN + timedelta(days=days + 2)
    longest = 0.0
    while True:
        step = time.monotonic()
        if not fold_points(connection, now):
            break
        longest = max(longest, time.monotonic() - step)
        chunks += 1
    sealed_in = time.monotonic() - began
    while drop_sealed(connection, now + timedelta(hours=2)):
        continue
    for table in ("sealed_points", "points_hourly", "points_daily"):
        connection.execute(f"VACUUM ANALYZE finfleet.{table}".encode())
    rows = [("point, hot", before / points)]
    names = {"sealed_points": "point, sealed", "points_hourly": "its hourly rollup", "points_daily": "its daily rollup"}
    rows += [(name, _bytes(connection, table) / points) for table, name in names.items()]
    _print(
        f"{points:,} points of {series:,} series and {days} days, heap, indexes and TOAST",
        ("", "bytes a point"),
        [(name, f"{size:.2f}") for name, size in rows],
    )
    _print("Values as they are kept", ("values", "bytes a point"), _by_kind(connection))
    print(f"sealed at {points / sealed_in:,.0f} points/s in {chunks} transactions, the longest {longest:.2f} s")
    asked = [
        ("points, hot", hot),
        ("points, sealed", _average(connection, "avg(value)", "resource_metrics")),
        ("hourly rollups", _average(connection, "sum(sum) / sum(count)", "metric_hourly")),
        ("daily rollups", _average(connection, "sum(sum) / sum(count)", "metric_daily")),
    ]
    _print(
        "The average of every series, over all days",
        ("from", "seconds", "of hot"),
        [(name, f"{seconds:.3f}", f"{seconds / hot:.2f}") for name, seconds in asked],
    )
    return "point, mixed values", points, rows[0][1], rows[1][1]


def _all_random(connection: Connection, series: int, days: int) -> tuple[str, int, float, float]:
    """Nothing but random doubles: bytes of a point before and after."""
    connection.execute(
        "TRUNCATE finfleet.points, finfleet.sealed_points, finfleet.sealed_days, finfleet.resources CASCADE"
    )
    connection.execute("TRUNCATE finfleet.points_hourly, finfleet.points_daily")
    _seed(connection, series, days, "random() * 100")
    points = series * days * _POINTS_A_DAY
    connection.execute("VACUUM ANALYZE finfleet.points")
    before = _bytes(connection, "points") / points
    while fold_points(connection, _BEGIN + timedelta(days=days + 2)):
        continue
    connection.execute("VACUUM ANALYZE finfleet.sealed_points")
    return "point, random doubles", points, before, _bytes(connection, "sealed_points") / points


def _seed(connection: Connection, series: int, days: int, values: str) -> None:
    connection.execute(
        """
        INSERT INTO finfleet.resources (provider, account, region, service, provider_id, name, first_seen, last_seen)
        SELECT 'aws', '123456789012', 'eu-west-1', 'ec2', 'i-' || n, 'i-' || n, now(), now()
          FROM generate_series(1, (%s + 4) / 5) AS g(n)
        """,
        (series,),
    )
    connection.execute(
        """
        INSERT INTO finfleet.series (resource_id, metric, source_metric, unit, statistic, period)
        SELECT resource_id, 'metric_' || n, 'Metric' || n, 'percent', 'average', %s
          FROM finfleet.resources CROSS JOIN generate_series(1, 5) AS g(n)
         ORDER BY resource_id, n
         LIMIT %s
        """,
        (_PERIOD, series),
    )
    for place in range(days):
        day = FIRST + timedelta(days=place)
        partitions.create(connection, [("points", day)])
        connection.execute(
            # In the order of time, as they come.
            f"""
            INSERT INTO finfleet.points
            SELECT series_id, (%s::timestamp AT TIME ZONE 'UTC') + n * %s * interval '1 second', {values}
              FROM generate_series(0, %s) AS g(n) CROSS JOIN finfleet.series
             ORDER BY n, series_id
            """.replace("% 4", "%% 4").encode(),  # noqa: S608 - our own
            (day, _PERIOD, _POINTS_A_DAY - 1),
        )


def _bytes(connection: Connection, table: str) -> int:
    row = connection.execute(
        "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = %s::regclass",
        (f"finfleet.{table}",),
    ).fetchone()
    return int(row[0]) if row and row[0] else 0


def _by_kind(connection: Connection) -> list[tuple[str, str]]:
    rows = connection.execute(
        """
        SELECT series_id %% 4, avg(pg_column_size(values) + coalesce(pg_column_size(more_values), 0)) / %s
          FROM finfleet.sealed_points
         GROUP BY 1
         ORDER BY 1
        """,
        (_POINTS_A_DAY,),
    )
    return [(KINDS[kind], f"{size:.2f}") for kind, size in rows]


def _average(connection: Connection, what: str, view: str) -> float:
    """Seconds, warm, of the average of every series, over all days."""
    statement = f"SELECT resource_id, metric, {what} FROM reporting.{view} GROUP BY 1, 2".encode()  # noqa: S608 - ours
    return _timed(lambda: connection.execute(statement).fetchall())


def _timed(work: Callable[[], object]) -> float:
    seconds = []
    for _ in range(_ROUNDS):
        began = time.monotonic()
        work()
        seconds.append(time.monotonic() - began)
    return median(seconds)


def _print(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="left" if column == columns[0] else "right")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
