"""``finfleet plan``: what the schedule will do and cost; sends nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import click

from agents.core.service import Service
from storage.ledger import TargetPlan
from tasks.same_accounts import same_accounts
from tasks.targets import Planned, plan_targets
from telemetry.errors import FinfleetError
from telemetry.settings import Settings, load_settings
from telemetry.target import Window, floor_time
from telemetry.terminal import say
from workers.notices import say_what_is_missing
from workers.output import json_option, print_json, print_table, progress

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Line:
    """One target in the schedule."""

    target: str
    queue: str
    interval: timedelta
    windows_per_day: int
    #: How many times a day a window is read again because its figures may have changed.
    rereads_per_day: int
    #: None: never collected yet, and no --resources given.
    resources: int | None
    calls_per_day: dict[str, int] | None
    usd_per_day: Decimal | None


@click.command(name="plan")
@click.option("--resources", type=click.IntRange(min=0), help="Assume this number of resources for each target.")
@json_option
def command(resources: int | None, as_json: bool) -> None:
    """Show the targets, and their windows, API calls and costs per day. Sends nothing.

    If a target was collected before, its number of resources is read from the database.
    """
    settings = load_settings(providers=(), forwards=False)
    say_what_is_missing(settings)
    known = {} if resources is not None else _known_resources(settings)
    planned = plan_targets(settings)
    for line in same_accounts(settings, planned):
        say(f"finfleet: {line}", err=True)
    lines = [
        _line(plan, target, known.get(str(target.target), resources))
        for plan in planned.values()
        for target in plan.targets
    ]
    if as_json:
        print_json([{**line.__dict__, "interval": line.interval.total_seconds()} for line in lines])
        return
    print_table(
        ("target", "queue", "interval", "windows/day", "re-reads/day", "resources", "calls/day", "USD/day"),
        (
            (x.target, x.queue, x.interval, x.windows_per_day, x.rereads_per_day, x.resources, _calls(x), x.usd_per_day)
            for x in lines
        ),
    )
    for total in _totals(lines):
        say(total)


def _line(plan: Planned, target: TargetPlan, resources: int | None) -> Line:
    windows = _DAY // target.interval
    rereads = windows * len(plan.service.refresh)
    calls, price = (None, None) if resources is None else _per_day(plan.service, target.interval, resources)
    return Line(str(target.target), target.queue, target.interval, windows, rereads, resources, calls, price)


def _per_day(service: Service, interval: timedelta, resources: int) -> tuple[dict[str, int] | None, Decimal | None]:
    end = floor_time(datetime.now(UTC), interval)
    estimate = service.estimated(Window(end - interval, end), resources)
    if estimate is None:
        return None, None
    times = (_DAY // interval) * (1 + len(service.refresh))
    price = None if estimate.cost_usd is None else estimate.cost_usd * times
    return {api: calls * times for api, calls in estimate.calls.items()}, price


def _calls(line: Line) -> str:
    if line.calls_per_day is None:
        return "-"
    return ", ".join(f"{calls:,} {api}" for api, calls in line.calls_per_day.items()) or "0"


def _totals(lines: list[Line]) -> Iterator[str]:
    calls: Counter[str] = Counter()
    for line in lines:
        calls.update(line.calls_per_day or {})
    for api, count in sorted(calls.items()):
        yield f"{count:>12,} {api} a day"
    unknown = [line.target for line in lines if line.usd_per_day is None]
    total = sum((line.usd_per_day for line in lines if line.usd_per_day is not None), Decimal(0))
    targets = f"{len(unknown)} target{'s' if len(unknown) > 1 else ''}"
    yield f"USD {total:f} a day" + (f", without {targets} whose size is not known yet" if unknown else "")


def _known_resources(settings: Settings) -> dict[str, int]:
    if settings.database.url is None:
        progress("no database is configured: give --resources to see calls and prices")
        return {}
    from storage.database import Database  # noqa: PLC0415 - only where there is one
    from storage.reports import resources_by_target  # noqa: PLC0415

    try:
        with Database(settings.database.url).connection() as connection:
            return resources_by_target(connection)
    except FinfleetError as error:
        say(f"finfleet: {error}: give --resources to see calls and prices", err=True)
        return {}
