"""What the views should say of a story, computed from what was put in, to the last digit."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

from storage.database import Connection
from telemetry.batch import Batch
from telemetry.costs import COSTS
from telemetry.target import Target, Window
from tests.integration import test_bill_summaries as bills
from tests.integration import test_folding_rates as rates
from tests.support import sealing
from tests.support.folding_story import DENIED, Story

_NEVER_PLANNED_YET = datetime(2025, 1, 1, tzinfo=UTC)
"""Since the story has ended nothing is planned, which is a gap that ends now."""


def check(connection: Connection, story: Story) -> None:
    """Compare every view that shows what is folded."""
    told = story.told
    points = points_of(told.batches)
    flat = {(name, start): value for name, of in points.items() for start, value in of.items()}
    assert not differ(sealing.values(connection), flat)
    assert sealing.hourly(connection) == sealing.rollups(points, timedelta(hours=1))
    assert sealing.daily(connection) == sealing.rollups(points, timedelta(days=1))
    rates.check(connection, told.batches)
    lines = lines_of(story)
    for view, key in (("daily_costs", bills.KEY), ("cost_summaries", bills.FINE)):
        assert bills.shown(connection, view, key) == bills.sums(lines, key)
    assert bills.sums(bills.rows(connection, f"SELECT *, {_DAY} FROM reporting.costs"), bills.FINE) == bills.sums(  # noqa: S608 - ours
        lines, bills.FINE
    )
    assert current_history(connection) == {
        key: value[:3] for key, value in bills.sums(lines, ("run_id", "billing_currency")).items()
    }
    assert _rows(connection, "target, day, planned, complete, empty, denied, failed, waiting", "coverage") == coverage(
        story
    )
    assert _rows(
        connection, "target, gap_start, gap_end, reason, permission", "gaps", "gap_end < '2025-01-01'"
    ) == gaps(story)
    assert _rows(connection, "day, target, api, runs, calls, throttles, cost_usd", "collection_cost") == taken(story)


_DAY = "(charge_period_start AT TIME ZONE 'UTC')::date AS day"


def _rows(connection: Connection, columns: str, view: str, where: str = "true") -> list[tuple[Any, ...]]:
    statement = f"SELECT {columns} FROM reporting.{view} WHERE {where} ORDER BY 1, 2, 3"  # noqa: S608 - ours
    return connection.execute(statement.encode()).fetchall()


def points_of(batches: list[Batch]) -> dict[str, dict[datetime, float]]:
    """By resource and start: of each the value of the newest attempt that has one."""
    found: dict[str, dict[datetime, float]] = defaultdict(dict)
    for one in sorted(batches, key=lambda one: (one.run.attempt, one.run.started_at)):
        names = [one.resources[series.resource].name for series in one.series]
        for series, start, value in zip(one.points.series, one.points.start, one.points.value, strict=True):
            found[names[series]][datetime.fromtimestamp(start, UTC)] = value
    return found


def lines_of(story: Story) -> list[dict[str, Any]]:
    """Of the reading of each day that counts, in the columns of reporting.costs that its summaries have."""
    runs = [report.run for report in story.told.settled.values()]
    return [
        {
            "provider": "aws",
            "account": run.target.account,
            "run_id": run.run_id,
            "day": line.start.date(),
            "sub_account_id": line.sub_account_id,
            "service_name": line.service_name,
            "charge_category": line.charge_category,
            "region_id": line.region_id,
            "billing_currency": line.currency,
            "billing_period_start": line.billing_period_start,
            "estimated": line.estimated,
            **{name: getattr(line, name) for name in COSTS},
        }
        for run in runs
        for line in story.told.lines.get(run.run_id, ())
    ]


def current_history(connection: Connection) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """What the history says of the bills that count."""
    found = bills.rows(connection, "SELECT * FROM reporting.cost_history WHERE is_current")
    return {
        (one["run_id"], one["billing_currency"]): (
            one["lines"],
            *(None if one[name] is None else str(one[name]) for name in COSTS[:2]),
        )
        for one in found
    }


def state_of(story: Story, target: Target, window: Window) -> tuple[str, str]:
    """How a window ended, and what it lacks."""
    if target.region == DENIED:
        return "denied", ""
    report = story.told.settled.get((target, window))
    if report is None:
        return "failed", ""
    return str(report.outcome), "; ".join(report.partial)


def coverage(story: Story) -> list[tuple[Any, ...]]:
    """Windows by target, day and outcome."""
    counted: dict[tuple[str, Any], Counter[str]] = defaultdict(Counter)
    for target, window in story.owed:
        counted[str(target), window.start.date()][state_of(story, target, window)[0]] += 1
    states = ("complete", "empty", "denied", "failed", "waiting")
    return sorted((*key, sum(of.values()), *(of[state] for state in states)) for key, of in counted.items())


def gaps(story: Story) -> list[tuple[Any, ...]]:
    """Neighbours with the same reason are one."""
    said = {"denied": ("denied: ec2:Describe", "ec2:Describe"), "failed": ("failed: broken", "")}
    found: list[tuple[Any, ...]] = []
    for target, windows in groupby(story.owed, key=lambda one: one[0]):
        for _, window in windows:
            state, partial = state_of(story, target, window)
            reason, permission = said.get(state, (f"partial: {partial}" if partial else "", ""))
            former = found[-1] if found else None
            if former and (former[0], *former[2:]) == (str(target), window.start, reason, permission):
                found[-1] = (former[0], former[1], window.end, reason, permission)
            elif reason:
                found.append((str(target), window.start, window.end, reason, permission))
    return sorted(found)


def taken(story: Story) -> list[tuple[Any, ...]]:
    """What collecting took, by day, target and API."""
    uses: dict[tuple[Any, ...], list[Any]] = {}
    for report in story.told.reports:
        for use in report.apis:
            key = (report.run.started_at.date(), str(report.run.target), use.api)
            runs, calls, throttles, usd = uses.get(key, [0, 0, 0, Decimal(0)])
            usd = None if usd is None or use.cost_usd is None else usd + use.cost_usd
            uses[key] = [runs + 1, calls + use.calls, throttles + use.throttles, usd]
    return sorted((*key, *of) for key, of in uses.items())


def differ(found: dict[Any, Any], wanted: dict[Any, Any]) -> list[Any]:
    """The first few, for whoever looks at a failure."""
    return sorted(
        (
            (key, found.get(key), wanted.get(key))
            for key in found.keys() | wanted.keys()
            if found.get(key) != wanted.get(key)
        ),
        key=str,
    )[:20]
