"""How far the estimates were off: what was estimated for a span of time, and what was metered in it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import click

from agents.core.context import utc_now
from agents.core.service import services
from storage.reports import Metered, PlannedReadings, metered, planned_readings, resources_by_target
from telemetry.target import format_time
from telemetry.terminal import say
from workers.estimates import Estimates, Reading
from workers.fitting_table import print_fitting
from workers.money import bounded, in_words
from workers.output import print_json
from workers.paragraphs import say_wrapped
from workers.plan_lines import sum_of
from workers.process import fleet_settings, open_database

_USUAL = timedelta(days=7)
_NUMBERS = ("est.", "calls", "est. USD", "USD", "off by")


@dataclass
class Difference:
    """One API of one service."""

    service: str
    api: str
    #: What was estimated; a target whose size is not known is not in it.
    #: None: of no target is the size known.
    estimated_calls: int | None
    estimated_usd: Decimal | None
    metered_calls: int
    #: None: the price of some calls is not known.
    metered_usd: Decimal | None
    bound: str = ""

    @property
    def off_by(self) -> str:
        """By how much more, or less, was metered than estimated: in dollars where it is paid, else in calls."""
        if self.estimated_calls is None or self.estimated_usd is None or self.metered_usd is None:
            return "unknown"
        told, found = self.estimated_usd, self.metered_usd
        if not told and not found:
            told, found = Decimal(self.estimated_calls), Decimal(self.metered_calls)
        if told == found:
            return "0%"
        return "not est." if not told else f"{100 * (found - told) / told:+,.0f}%"


@dataclass
class Comparison:
    """A span of time."""

    since: datetime
    until: datetime
    differences: list[Difference]
    #: Readings that fell due, and those that reported, however they ended.
    planned: int
    reported: int
    #: What makes it incomplete, in words.
    incomplete: list[str]


def compare_plan(since: datetime | None, resources: int | None, *, as_json: bool) -> None:
    """Print it. The estimates are those of the services, as the configuration and the sizes are now."""
    settings, now = fleet_settings(), utc_now()
    since = now - _USUAL if since is None else since
    if since >= now:
        raise click.UsageError(f"--since {format_time(since)} must be in the past")
    again = [("/".join(key), late) for key, service in services().items() for late in service.refresh]
    with open_database(settings, "finfleet plan") as database, database.connection() as connection:
        planned = planned_readings(connection, since, now, again)
        estimates = Estimates(settings, now, resources_by_target(connection), assumed=resources)
        found = compare(planned, metered(connection, since), estimates, since)
    kept = settings.retention.runs
    if kept and since < now - kept:
        found.incomplete.append(f"readings from before {format_time(now - kept)} are forgotten (retention.runs)")
    if as_json:
        rows: list[dict[str, Any]] = [asdict(one) | {"off_by": one.off_by} for one in found.differences]
        print_json(asdict(found) | {"differences": rows})
        return
    _show(found)


def compare(
    planned: Sequence[PlannedReadings], found: Iterable[Metered], estimates: Estimates, since: datetime
) -> Comparison:
    """What the readings that fell due were estimated to take, beside what those that reported took."""
    rows: dict[tuple[str, str], Difference] = {}
    unknown: defaultdict[str, int] = defaultdict(int)
    for one in planned:
        times = one.opened + one.again
        service = services().get((one.target.provider, one.target.service))
        if not times or service is None:
            continue
        name = f"{one.target.provider}/{one.target.service}"
        reading = estimates.estimate(service, one.target, one.interval)
        if isinstance(reading, Reading):
            _add(rows, name, reading, times)
        else:
            unknown[name] += times
    for row in rows.values():
        if row.service in unknown:
            row.bound = _joined(row.bound, "at least")
    for use in found:
        name = f"{use.provider}/{use.service}"
        row = _row(rows, name, use.api)
        if name in unknown and not row.estimated_calls:
            row.estimated_calls = row.estimated_usd = None
        row.metered_calls += use.calls
        row.metered_usd = use.usd
    return Comparison(
        since,
        estimates.now,
        sorted(rows.values(), key=lambda row: (-(row.metered_usd or 0), row.service, row.api)),
        sum(one.opened + one.again for one in planned),
        sum(one.reported for one in planned),
        list(_incomplete(planned, unknown)),
    )


def _add(rows: dict[tuple[str, str], Difference], name: str, reading: Reading, times: int) -> None:
    for api, calls in reading.calls.items():
        row = _row(rows, name, api)
        row.estimated_calls = (row.estimated_calls or 0) + math.ceil(calls * times)
        row.bound = _joined(row.bound, reading.bound)
        if reading.usd is None:
            row.estimated_usd = None
        elif row.estimated_usd is not None:
            row.estimated_usd += reading.paid.get(api, Decimal(0)) * times


def _joined(*bounds: str) -> str:
    """What a sum is of parts of these bounds."""
    found = {bound for bound in bounds if bound}
    return "about" if len(found) > 1 else next(iter(found), "")


def _row(rows: dict[tuple[str, str], Difference], service: str, api: str) -> Difference:
    return rows.setdefault((service, api), Difference(service, api, 0, Decimal(0), 0, Decimal(0)))


def _incomplete(planned: Sequence[PlannedReadings], unknown: Mapping[str, int]) -> Iterable[str]:
    for name, times in unknown.items():
        yield f"{name}: {times:,} readings could not be estimated: its size is not known"
    if unread := sum(one.unread for one in planned):
        yield f"{unread:,} windows of this time are not collected (yet), and are estimated all the same"
    if lost := sum(one.lost for one in planned):
        yield f"no report came of {lost:,} attempts: what they called is not known"
    due, reported = sum(one.opened + one.again for one in planned), sum(one.reported for one in planned)
    if reported > due:
        yield f"{reported - due:,} readings more than fell due: tried again, or waiting since before"


def _show(found: Comparison) -> None:
    told = sum_of((one.estimated_usd, one.bound) for one in found.differences)
    paid = [one.metered_usd for one in found.differences]
    estimated = told.usd if told.usd or not told.unknown else None
    whole = None if None in paid else sum((usd for usd in paid if usd is not None), Decimal(0))
    say_wrapped(
        f"since {format_time(found.since.replace(microsecond=0))}: estimated {in_words(estimated, told.bound)}, metered"
        f" {in_words(whole, '')}; {found.planned:,} readings fell due, {found.reported:,} reported"
    )
    for text in found.incomplete:
        say_wrapped(f"incomplete: {text}")
    say()
    shown = [one for one in found.differences if not one.api.startswith("login:")]
    rows: list[tuple[str, ...]] = []
    for service in dict.fromkeys(one.service for one in shown):
        rows.append((service, "", "", "", "", ""))
        rows += [_cells(one) for one in shown if one.service == service]
    print_fitting(("service, API", *_NUMBERS), rows, droppable=("est.", "calls", "off by"), right=_NUMBERS)


def _cells(one: Difference) -> tuple[str, ...]:
    return (
        f"  {one.api}",
        "unknown" if one.estimated_calls is None else f"{one.estimated_calls:,}",
        f"{one.metered_calls:,}",
        bounded(one.estimated_usd, one.bound if one.estimated_usd else ""),
        bounded(one.metered_usd, ""),
        one.off_by,
    )
