"""``finfleet plan``: what the schedule will do and cost, and how far that was off; sends nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

import click

from agents.core.context import utc_now
from storage.reports import Readings
from tasks.same_accounts import same_accounts
from tasks.targets import Planned, plan_targets
from tasks.unread_exports import unread_exports
from telemetry.deliveries import DeliveredFile
from telemetry.errors import FinfleetError
from telemetry.settings import Settings, load_settings
from telemetry.settings.providers import ALL_REGIONS
from telemetry.terminal import say
from workers.estimates import Estimates
from workers.money import in_words
from workers.notices import say_what_is_missing
from workers.output import json_option, print_json, progress
from workers.paragraphs import say_wrapped
from workers.parameters import TIME
from workers.plan_lines import Line, lines_of, sum_of
from workers.plan_screen import show_plan


@click.command(name="plan")
@click.option("--resources", type=click.IntRange(min=0), help="Assume this number of resources for each target.")
@click.option("--all", "each", is_flag=True, help="Show each target, and free calls.")
@click.option("--compare", is_flag=True, help="Show how far the estimates were off: what was metered since then.")
@click.option("--since", type=TIME, help="With --compare: since when: a time, a date, or how long ago [default: 7d].")
@json_option
def command(*, resources: int | None, each: bool, compare: bool, since: datetime | None, as_json: bool) -> None:
    """Show the services, and their readings, API calls and costs a day. Sends nothing.

    If a target was collected before, its last readings say what the next ones take; otherwise its service estimates it
    for the number of resources that is known. Bills from files are read as they are delivered: the deliveries of the
    last week are counted, with the bytes of the newest one. The back-fill of `backfill:` in the configuration, and what
    waits in the ledger, is counted once. --compare shows what was estimated for a span of time, and what was metered in
    it.
    """
    if compare:
        from workers.plan_compare import compare_plan  # noqa: PLC0415 - reads the database, which a plan can do without

        compare_plan(since, resources, as_json=as_json)
        return
    if since is not None:
        raise click.UsageError("--since goes with --compare: a plan is about the time to come")
    settings = load_settings(providers=(), forwards=False)
    say_what_is_missing(settings)
    planned = plan_targets(settings)
    for line in (*same_accounts(settings, planned), *unread_exports(settings)):
        say_wrapped(f"finfleet: {line}", err=True)
    known = _known(settings, planned, hints=resources is None)
    estimates = Estimates(
        settings, utc_now(), known.resources, known.readings, resources, known.deliveries, known.files
    )
    lines = list(lines_of(known.planned or planned.values(), estimates, known.waiting))
    for budget in _above_budgets(settings, lines):
        say_wrapped(f"finfleet: {budget}", err=True)
    if as_json:
        print_json([{**line.__dict__, "interval": line.interval.total_seconds()} for line in lines])
        return
    show_plan(lines, each=each)


@dataclass
class _Known:
    """What the database knows; nothing where there is none."""

    resources: Mapping[str, int] = field(default_factory=dict)
    readings: Mapping[str, Readings] = field(default_factory=dict)
    waiting: Mapping[str, int] = field(default_factory=dict)
    deliveries: Mapping[str, Decimal] = field(default_factory=dict)
    files: Mapping[str, Sequence[DeliveredFile]] = field(default_factory=dict)
    #: With the regions that the accounts have enabled.
    planned: Sequence[Planned] = ()


def _known(settings: Settings, planned: Mapping[tuple[str, str], Planned], *, hints: bool) -> _Known:
    if settings.database.url is None:
        if hints:
            progress("no database is configured: give --resources to see calls and prices")
        return _Known()
    from storage.database import Database  # noqa: PLC0415 - only where there is one
    from storage.reports import (  # noqa: PLC0415
        deliveries_a_day,
        newest_files,
        newest_readings,
        resources_by_target,
        waiting_windows,
    )
    from tasks.regions import with_regions  # noqa: PLC0415

    now = utc_now()
    try:
        with Database(settings.database.url).connection() as connection:
            return _Known(
                resources_by_target(connection),
                newest_readings(connection, now),
                waiting_windows(connection, now),
                deliveries_a_day(connection, now),
                newest_files(connection),
                [
                    replace(plan, targets=tuple(with_regions(connection, plan.targets, now)) or plan.targets)
                    if any(one.target.region == ALL_REGIONS for one in plan.targets)
                    else plan
                    for plan in planned.values()
                ],
            )
    except FinfleetError as error:
        if hints:
            say(f"finfleet: {error}: give --resources to see calls and prices", err=True)
        return _Known()


def _above_budgets(settings: Settings, lines: Sequence[Line]) -> list[str]:
    """The accounts whose day costs more than their budget pays."""
    found = []
    for provider, section in settings.providers():
        budget = section.budget_usd_per_day
        for account in section.accounts_of(provider) if budget is not None else ():
            name = f"{provider}/{account.name}"
            daily = sum_of((one.usd_per_day, one.bound) for one in lines if one.target.startswith(f"{name}/"))
            if daily.usd > (budget or Decimal(0)):
                found.append(
                    f"{name}: {in_words(daily.usd, daily.bound)} a day, and its budget_usd_per_day is {budget}: what it"
                    " does not pay waits for the next day"
                )
    return found
