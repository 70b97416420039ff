"""What tests of sealed points have in common: what the views say of them, and what they should say."""

from datetime import UTC, date, datetime, timedelta
from functools import reduce
from operator import add
from typing import Any

from storage.database import Connection

Rollup = tuple[int, float | None, float | None, float, float, float]
"""Count, sum, average, minimum, maximum, last."""


def make_series(connection: Connection, name: str, period: int = 60) -> int:
    """The series of a resource of this name."""
    connection.execute(
        """
        INSERT INTO finfleet.resources
               (provider, account, region, service, provider_id, name, first_seen, last_seen)
        VALUES ('aws', '1', 'r', 'ec2', %(name)s, %(name)s, now(), now())
            ON CONFLICT DO NOTHING
        """,
        {"name": name},
    )
    connection.execute(
        """
        INSERT INTO finfleet.series (resource_id, metric, source_metric, unit, statistic, period)
        SELECT resource_id, 'cpu_utilization', 'CPUUtilization', 'percent', 'average', %s
          FROM finfleet.resources WHERE name = %s
            ON CONFLICT DO NOTHING
        """,
        (period, name),
    )
    row = connection.execute(
        "SELECT series_id FROM finfleet.series JOIN finfleet.resources USING (resource_id) WHERE name = %s", (name,)
    ).fetchone()
    assert row is not None
    return int(row[0])


def values(connection: Connection) -> dict[tuple[str, datetime], float]:
    """Of ``reporting.resource_metrics``, by resource and start."""
    rows = connection.execute("SELECT name, start, value, day FROM reporting.resource_metrics").fetchall()
    found = {(name, start): value for name, start, value, _ in rows}
    assert len(found) == len(rows), "a point is there twice"
    assert all(start.date() == day for _, start, _, day in rows)
    return found


def hourly(connection: Connection) -> dict[tuple[str, datetime], Rollup]:
    """Of ``reporting.metric_hourly``, by resource and hour."""
    rows = connection.execute(
        "SELECT name, start, count, sum, average, minimum, maximum, last, day FROM reporting.metric_hourly"
    ).fetchall()
    assert all(row[1].date() == row[-1] for row in rows)
    return _unique([row[:-1] for row in rows])


def daily(connection: Connection) -> dict[tuple[str, datetime], Rollup]:
    """Of ``reporting.metric_daily``, by resource and day."""
    rows = connection.execute(
        "SELECT name, day, count, sum, average, minimum, maximum, last FROM reporting.metric_daily"
    ).fetchall()
    return _unique([(name, _midnight(day), *rest) for name, day, *rest in rows])


def rollups(points: dict[str, dict[datetime, float]], span: timedelta) -> dict[tuple[str, datetime], Rollup]:
    """Said once more, without a database."""
    grouped: dict[tuple[str, datetime], list[float]] = {}
    for name, of in points.items():
        for start in sorted(of):
            midnight = _midnight(start.date())
            grouped.setdefault((name, midnight + (start - midnight) // span * span), []).append(of[start])
    return {key: _rolled_up(found) for key, found in grouped.items()}


def _rolled_up(found: list[float]) -> Rollup:
    total = reduce(add, found) if all(abs(value) <= 1e300 for value in found) else None
    # Postgres takes NaN for greater than any number.
    numbers = [value for value in found if value == value]  # noqa: PLR0124 - NaN does not
    least = min(numbers, default=float("nan"))
    most = max(found) if len(numbers) == len(found) else float("nan")
    average = None if total is None or 0 < abs(total) < 1e-300 else total / len(found)
    return (len(found), total, average, least, most, found[-1])


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _unique(rows: list[Any]) -> dict[tuple[str, datetime], Rollup]:
    found = {(name, start): tuple(rest) for name, start, *rest in rows}
    assert len(found) == len(rows), "a rollup is there twice"
    return found
