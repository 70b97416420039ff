"""``finfleet backfill``: collect the past."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click

from agents.core.context import utc_now
from agents.core.service import services
from storage import ledger
from storage.database import Connection
from storage.reports import resources_by_target
from telemetry.target import Window, format_time
from telemetry.terminal import say
from workers import completion
from workers.backfill_price import Price, price_of
from workers.output import json_option, print_json
from workers.parameters import TIME
from workers.patterns import unmatched
from workers.process import fleet_settings, open_database

_Parts = list[tuple[Window, list[ledger.LedgerTarget]]]


@click.command(name="backfill")
@click.option("--from", "since", type=TIME, required=True, help="Start: a time, a date, or how long ago (90m, 2h, 7d).")
@click.option("--to", "until", type=TIME, default="now", show_default=True, help="End, in the same form.")
@click.option(
    "--target",
    "patterns",
    multiple=True,
    shell_complete=completion.targets,
    help="Only these targets, for example aws/prod/us-east-1/ec2 or 'aws/*/*/ec2'.",
)
@click.option("--again", is_flag=True, help="Also collect complete and empty windows again.")
@click.option("--dry-run", is_flag=True, help="Only show what would be collected and what it costs.")
@click.option(
    "--yes", is_flag=True, help="Do not ask; scripts need this if calls are paid or many windows are collected."
)
@json_option
def command(
    *, since: datetime, until: datetime, patterns: tuple[str, ...], again: bool, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Schedule past windows that were never planned, or are denied or failed; with --again, all of them.

    Without --target, this applies to all targets except live sources such as this host, which cannot be measured later.
    First prints the minimum number of windows, API calls and dollars, and asks for confirmation on a terminal. Skips
    times for which the provider no longer has data. The planner hands out these windows after the current ones;
    `finfleet status` shows the progress.
    """
    if since >= until:
        raise click.UsageError(f"--from {format_time(since)} must come before --to {format_time(until)}")
    with open_database(fleet_settings(), "finfleet backfill") as database, database.connection() as connection:
        found = _find(connection, patterns)
        try:
            parts = _parts(found, Window(since, until), utc_now())
            previews = [one for span, some in parts for one in ledger.preview(connection, some, span, again=again)]
            price = price_of(previews, resources_by_target(connection), utc_now())
            if dry_run:
                _show(found, price, None, as_json=as_json)
                return
            _ask(price, yes=yes, quiet=as_json)
            done = _run(connection, parts, again=again)
        except ledger.BackfillRefused as error:
            raise click.UsageError(str(error)) from None
    _show(found, price, done, as_json=as_json)


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


def _ask(price: Price, *, yes: bool, quiet: bool) -> None:
    """Go on only where somebody has agreed to the price, or it is nothing to speak of."""
    asks = not yes and price.windows > 0 and sys.stdin.isatty()
    refuses = not yes and price.needs_consent and not asks
    if asks or refuses or not quiet:
        say(str(price), err=True)
    if asks:
        click.confirm("collect them?", abort=True, err=True)
    elif refuses:
        raise click.UsageError("nothing is collected yet: agree to that price with --yes")


def _run(connection: Connection, parts: _Parts, *, again: bool) -> ledger.Backfill:
    opened = reopened = 0
    try:
        for span, some in parts:
            done = ledger.backfill(connection, some, span, utc_now(), again=again)
            opened, reopened = opened + done.opened, reopened + done.reopened
    except KeyboardInterrupt:
        say("interrupted: the planner opens what is missing of what was begun; run it again for the rest", err=True)
        raise
    return ledger.Backfill(opened, reopened)


def _show(found: list[ledger.LedgerTarget], price: Price, done: ledger.Backfill | None, *, as_json: bool) -> None:
    if as_json:
        lines: list[dict[str, Any]] = [asdict(line) for line in price.lines]
        fields: dict[str, Any] = done._asdict() if done is not None else {}
        print_json({"targets": [str(each.target) for each in found], **fields, "price": lines, "usd": price.usd})
    elif done is None:
        say(str(price))
    else:
        say(f"{len(found)} targets: {done.opened} windows opened, {done.reopened} due again")


def _find(connection: Connection, patterns: tuple[str, ...]) -> list[ledger.LedgerTarget]:
    if not patterns:
        return [found for found in ledger.find_targets(connection) if found.enabled and not found.live]
    if names := unmatched(patterns, [str(found.target) for found in ledger.find_targets(connection)]):
        raise click.UsageError(
            f"--target {', '.join(names)}: there is no such target in the ledger; `finfleet status` lists them"
        )
    return ledger.find_targets(connection, patterns)
