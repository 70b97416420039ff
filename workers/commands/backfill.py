"""``finfleet backfill``: collect the past, at a price that is said first; and the way back."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import click

from agents.core.service import services
from storage import ledger
from storage.database import Connection
from storage.reports import newest_readings, resources_by_target
from telemetry.settings import Settings
from telemetry.target import Window, format_time
from telemetry.terminal import say
from workers.backfill_price import Price, price_of
from workers.backfills import cancel_command, list_command
from workers.chosen_targets import chosen, target_options
from workers.estimates import Estimates
from workers.fitting_table import print_fitting
from workers.groups import Group
from workers.money import dollars
from workers.output import json_option, print_json
from workers.paragraphs import say_wrapped
from workers.parameters import TIME
from workers.process import fleet_settings, open_database

_Parts = list[tuple[Window, list[ledger.LedgerTarget]]]
_COLUMNS = ("service", "targets", "to open", "again", "calls", "USD")


_MOST_USD = 1_000_000_000


class _Dollars(click.ParamType[Decimal]):
    name = "usd"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            amount = Decimal(value)
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite() or amount < 0:
            self.fail(f"{str(value)[:40]!r}: write dollars, such as 5 or 0.50", param, ctx)
        if amount > _MOST_USD:
            self.fail(f"{str(value)[:40]!r}: at most {_MOST_USD:,}", param, ctx)
        return amount


class _Asked(NamedTuple):
    """What the options say."""

    again: bool
    dry_run: bool
    yes: bool
    budget: Decimal | None
    resources: int | None
    as_json: bool
    #: By the clock of the ledger.
    now: datetime


@click.group(name="backfill", cls=Group, invoke_without_command=True)
@click.option("--from", "since", type=TIME, help="Start: a time, a date, or how long ago (90m, 2h, 7d).")
@click.option("--to", "until", type=TIME, default="now", show_default=True, help="End, in the same form.")
@target_options
@click.option("--again", is_flag=True, help="Also collect complete and empty windows again.")
@click.option("--budget", type=_Dollars(), help="Dollars for paid calls; windows beyond it are not handed out.")
@click.option("--resources", type=click.IntRange(min=0), help="Assume this number of resources for each target.")
@click.option("--dry-run", is_flag=True, help="Only show what would be collected and what it costs.")
@click.option(
    "--yes", is_flag=True, help="Do not ask; scripts need this if calls are paid or many windows are collected."
)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    since: datetime | None,
    until: datetime,
    patterns: tuple[str, ...],
    providers: tuple[str, ...],
    names: tuple[str, ...],
    again: bool,
    budget: Decimal | None,
    resources: int | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Schedule past windows that were never planned, or are denied or failed; with --again, all of them.

    Without --target, --service or --provider, this applies to all targets except live sources such as this host, which
    cannot be measured later. First prints the number of windows, API calls and dollars, and asks for confirmation on a
    terminal. Skips times for which the provider no longer has data. The planner hands out these windows after the
    current ones, and keeps to --budget; `finfleet backfill list` shows how far they are, and `finfleet backfill cancel`
    gives up what is not collected yet.
    """
    if ctx.invoked_subcommand is not None:
        return
    if since is None:
        raise click.UsageError("--from is missing: since when? 7d, 2026-11-01 ... (or: finfleet backfill list, cancel)")
    if since >= until:
        raise click.UsageError(f"--from {format_time(since)} must come before --to {format_time(until)}")
    settings = fleet_settings()
    with open_database(settings, "finfleet backfill") as database, database.connection() as connection:
        found = chosen(connection, patterns, providers, names, live=bool(patterns))
        now = database.clock.passed(connection)
        asked = _Asked(again, dry_run, yes, budget, resources, as_json, now)
        try:
            _backfill(connection, settings, found, Window(since, until), asked)
        except ledger.BackfillRefused as error:
            raise click.UsageError(str(error)) from None


command.add_command(list_command)
command.add_command(cancel_command)


def _backfill(
    connection: Connection, settings: Settings, found: list[ledger.LedgerTarget], span: Window, asked: _Asked
) -> None:
    now = asked.now
    parts = _parts(found, span, now)
    previews = [
        (part, one) for part, some in parts for one in ledger.preview(connection, some, part, again=asked.again)
    ]
    estimates = Estimates(
        settings, now, resources_by_target(connection), newest_readings(connection, now), asked.resources
    )
    price = price_of(previews, estimates, now)
    if asked.dry_run:
        _show(found, price, None, asked)
        return
    if asked.budget is not None and price.unknown:
        raise click.UsageError(
            f"--budget {asked.budget}: the price of {', '.join(price.unknown)} is not known, so no budget can be kept:"
            " give --resources, or leave them out with --service"
        )
    _ask(price, asked)
    _show(found, price, _run(connection, parts, price, asked), asked)


def _parts(found: Iterable[ledger.LedgerTarget], span: Window, now: datetime) -> _Parts:
    """The span of each target, without what its provider keeps no longer."""
    parts: dict[Window, list[ledger.LedgerTarget]] = {}
    told: set[str] = set()
    for one in found:
        service = services().get((one.target.provider, one.target.service))
        since = span.start
        if service is not None and service.look_back is not None and now - service.look_back > since:
            since = now - service.look_back
            name = f"{one.target.provider}/{one.target.service}"
            if name not in told:
                say(f"{name}: nothing from before {format_time(since)}, which is kept no longer", err=True)
                told.add(name)
        if since < span.end:
            parts.setdefault(Window(since, span.end), []).append(one)
    return list(parts.items())


def _ask(price: Price, asked: _Asked) -> None:
    """Go on only where somebody has agreed to the price, or it is nothing to speak of."""
    asks = not asked.yes and price.windows > 0 and sys.stdin.isatty()
    refuses = not asked.yes and price.needs_consent and not asks
    if asks or refuses or not asked.as_json:
        for line in str(price).splitlines():
            say_wrapped(line, err=True)
        if asked.budget is not None and price.sum.usd > asked.budget:
            say_wrapped(f"the budget of USD {dollars(asked.budget)} does not pay all of it: the newest first", err=True)
    if asks:
        click.confirm("collect them?", abort=True, err=True)
    elif refuses:
        raise click.UsageError("nothing is collected yet: agree to that price with --yes")


class _Done(NamedTuple):
    """What was done, and the number to cancel it by; None where there was nothing to do."""

    opened: int
    reopened: int
    backfill_id: int | None


def _run(connection: Connection, parts: _Parts, price: Price, asked: _Asked) -> _Done:
    opened = reopened = 0
    number = None
    if price.windows:
        usd = price.by_target
        past = [ledger.Asked(one.target_id, span, usd.get(one.target_id)) for span, some in parts for one in some]
        number = ledger.begin_backfill(connection, past, asked.now, budget_usd=asked.budget)
    try:
        for span, some in parts:
            done = ledger.backfill(connection, some, span, asked.now, again=asked.again, backfill_id=number)
            opened, reopened = opened + done.opened, reopened + done.reopened
    except KeyboardInterrupt:
        say("interrupted: the planner opens what is missing of what was begun; run it again for the rest", err=True)
        raise
    return _Done(opened, reopened, number)


def _show(found: list[ledger.LedgerTarget], price: Price, done: _Done | None, asked: _Asked) -> None:
    if asked.as_json:
        lines: list[dict[str, Any]] = [asdict(line) for line in price.lines]
        fields: dict[str, Any] = done._asdict() if done is not None else {}
        print_json({"targets": [str(each.target) for each in found], **fields, "price": lines, "usd": price.usd})
    elif done is not None:
        say(f"{len(found)} targets: {done.opened} windows opened, {done.reopened} due again")
        if done.backfill_id is not None:
            say(f"back-fill {done.backfill_id}: finfleet backfill cancel {done.backfill_id} gives up what still waits")
    elif sys.stdout.isatty():
        for text in price.summary:
            say_wrapped(text)
        say()
        rows = [line.cells for line in price.lines]
        print_fitting(_COLUMNS, rows, droppable=("targets", "calls", "again", "to open"), right=_COLUMNS[1:])
    else:
        say(str(price), lines=True)
