"""How much room things take, before and after folding, and how fast they are folded: `python -m benchmarks.storage`.

Points of five-minute metrics, a quarter each of random doubles, two decimals, integers to a million, and mostly zero.
The average of all is asked of the points, of what is sealed, and of the rollups, in one run.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from statistics import median

from rich.console import Console
from rich.table import Table

from benchmarks.servers import running
from storage import partitions
from storage.database import Connection, Database
from storage.folding.points import drop_sealed, fold_points
from storage.writer import Received, write
from telemetry.batch import Batch, Points, Run
from telemetry.costs import CostLine
from telemetry.target import Target, Window

FIRST = date(2026, 10, 5)
_BEGIN = datetime(2026, 10, 5, tzinfo=UTC)
_LATER = datetime(2027, 6, 1, tzinfo=UTC)
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
        _points(connection, arguments.series, arguments.days)
        _others(connection)


def _points(connection: Connection, series: int, days: int) -> None:
    _seed(connection, series, days)
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


def _others(connection: Connection) -> None:
    """The other kinds, and what folding makes of those that are folded, each in bytes of what it was."""
    rows = []
    for name, seed, kind in (("window of the ledger", _windows, "ledger, hot"), ("rate", _rates, "rates, hot")):
        empty = _all_bytes(connection)
        count = seed(connection)
        full = _all_bytes(connection)
        folded = _fold(connection, kind)
        after = f"{(_all_bytes(connection) - empty) / count:.2f}" if folded else ""
        rows.append((name, f"{count:,}", f"{(full - empty) / count:.1f}", after))
    empty = _all_bytes(connection)
    count = _lines(connection)
    rows.append(("line of a bill", f"{count:,}", f"{(_all_bytes(connection) - empty) / count:.1f}", ""))
    _print("Others, heap, indexes and TOAST", ("", "rows", "bytes", "folded"), rows)


def _fold(connection: Connection, kind: str) -> bool:
    """Fold all of a kind, where there is a function that does."""
    if importlib.util.find_spec(f"storage.folding.{kind}") is None:
        return False
    fold = getattr(importlib.import_module(f"storage.folding.{kind}"), f"fold_{kind}")
    while fold(connection, _LATER):
        continue
    return True


def _all_bytes(connection: Connection) -> int:
    connection.execute("VACUUM ANALYZE")
    row = connection.execute(
        "SELECT sum(pg_total_relation_size(oid)) FROM pg_class"
        " WHERE relnamespace = 'finfleet'::regnamespace AND relkind = 'r'"
    ).fetchone()
    return int(row[0]) if row else 0


def _windows(connection: Connection) -> int:
    """A month of five-minute windows of twenty targets, of which nearly all are complete."""
    return connection.execute(
        """
        WITH t AS (
            INSERT INTO finfleet.targets
                   (provider, account, region, service, queue, interval_seconds, delay_seconds, enabled_since,
                    planned_until)
            SELECT 'aws', 'account-' || n, 'eu-west-1', 'ec2', 'collect.aws', 300, 0, %(first)s,
                   %(first)s + interval '30 days'
              FROM generate_series(1, 20) AS g(n)
            RETURNING target_id
        )
        INSERT INTO finfleet.collections
               (target_id, window_start, window_end, state, due_at, attempt, planned_at, dispatched_at, settled_at,
                newest_attempt, newest_started_at, settled_run, records)
        SELECT target_id, at, at + interval '5 minutes', CASE WHEN random() < 0.999 THEN 'complete' ELSE 'empty' END,
               at, 1, at, at, at, 1, at, gen_random_uuid(), 100
          FROM generate_series(%(first)s, %(first)s + interval '30 days' - interval '5 minutes', interval '5 minutes')
                   AS g(at)
         CROSS JOIN t
        """,
        {"first": _BEGIN},
    ).rowcount


def _rates(connection: Connection) -> int:
    """Rates of a hundred instances over ten days, which do not change."""
    partitions.create(connection, [("cost_rates", FIRST + timedelta(days=place)) for place in range(10)])
    return connection.execute(
        """
        INSERT INTO finfleet.cost_rates (resource_id, start, period, amount, currency, basis, resource_type)
        SELECT resource_id, at, 300, 0.0960, 'USD', 'on_demand_list', 'm5.large'
          FROM generate_series(%(first)s, %(first)s + interval '10 days' - interval '5 minutes', interval '5 minutes')
                   AS g(at)
         CROSS JOIN (SELECT resource_id FROM finfleet.resources ORDER BY resource_id LIMIT 100) AS r
        """,
        {"first": _BEGIN},
    ).rowcount


def _lines(connection: Connection) -> int:
    """Lines of one day's bill, as the writer stores them."""
    target, window = Target("aws", "account-1", "global", "cost"), Window(_BEGIN, _BEGIN + timedelta(days=1))
    connection.execute(
        """
        WITH t AS (
            INSERT INTO finfleet.targets
                   (provider, account, region, service, queue, interval_seconds, delay_seconds, enabled_since,
                    planned_until)
            VALUES ('aws', 'account-1', 'global', 'cost', 'collect.aws', 86400, 0, %(start)s, %(end)s)
            RETURNING target_id
        )
        INSERT INTO finfleet.collections (target_id, window_start, window_end, state, attempt)
        SELECT target_id, %(start)s, %(end)s, 'dispatched', 1 FROM t
        """,
        {"start": window.start, "end": window.end},
    )
    run = Run.start(target, window, 1, window.end, "")
    lines = [
        CostLine(
            start=window.start,
            end=window.end,
            currency="USD",
            billed_cost=Decimal(place) / 100,
            service_name=f"Amazon service {place % 40}",
            region_id="eu-west-1",
            resource_id=f"arn:aws:ec2:eu-west-1:123456789012:instance/i-{place:017x}",
            estimated=True,
        )
        for place in range(20_000)
    ]
    size = 5000
    for number, place in enumerate(range(0, len(lines), size), 1):
        final = place + size >= len(lines)
        batch = Batch(run, number, final, window.end, [], [], Points([], [], []), [], lines[place : place + size])
        write(connection, [Received(batch, b"")], destinations=[], now=window.end)
    return len(lines)


def _seed(connection: Connection, series: int, days: int) -> None:
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
            SELECT series_id, (%s::timestamp AT TIME ZONE 'UTC') + n * %s * interval '1 second', {_VALUES}
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
        "SELECT series_id %% 4, avg(pg_column_size(values)) / %s FROM finfleet.sealed_points GROUP BY 1 ORDER BY 1",
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
