"""``finfleet backfill list`` and ``cancel``: how far back-fills are, and the way back."""

from __future__ import annotations

import sys
from datetime import timedelta
from decimal import Decimal

import click

from storage import ledger
from telemetry.target import format_time
from telemetry.terminal import say
from workers.chosen_targets import chosen, target_options
from workers.fitting_table import print_fitting
from workers.money import bounded, dollars
from workers.output import json_option, print_json
from workers.paragraphs import say_wrapped
from workers.process import fleet_settings, open_database

_COLUMNS = ("id", "from", "days", "services", "done", "waiting", "USD")


@click.command(name="list")
@click.option("--limit", type=click.IntRange(min=1, max=10_000), default=50, show_default=True, help="The newest ones.")
@json_option
def list_command(limit: int, as_json: bool) -> None:
    """List back-fills, those of the configuration too: how far they are, and what they have cost.

    Windows that a budget does not pay are not handed out; the line says how many.
    """
    with open_database(fleet_settings(), "finfleet backfill") as database, database.connection() as connection:
        found = ledger.list_backfills(connection, limit)
    if as_json:
        print_json([one._asdict() for one in found])
        return
    for one in found:
        if one.held and one.cancelled_at is None:
            say_wrapped(
                f"back-fill {one.backfill_id}: its budget of USD {dollars(one.budget_usd or Decimal(0))} does not pay"
                f" {one.held:,} windows: finfleet backfill with a larger --budget goes on with them,"
                f" finfleet backfill cancel {one.backfill_id} gives them up"
            )
    rows = [_cells(one) for one in found]
    print_fitting(_COLUMNS, rows, droppable=("days", "from", "done"), right={"id", "days", "done", "waiting", "USD"})


def _cells(one: ledger.BackfillProgress) -> tuple[str, ...]:
    since, days = "-", "-"
    if one.since is not None and one.until is not None:
        length = (one.until - one.since) / timedelta(days=1)
        since, days = f"{one.since:%Y-%m-%d}", f"{length:,.0f}" if length >= 1 else f"{length:.2f}"
    spent = bounded(one.spent_usd, "")
    waiting = one.waiting + one.held + one.out
    return (
        str(one.backfill_id),
        since,
        days,
        _some(one.services or []),
        f"{one.done + one.bad:,}",
        "cancelled" if one.cancelled_at is not None and not waiting else f"{waiting:,}",
        spent if one.budget_usd is None else f"{spent} of {dollars(one.budget_usd)}",
    )


def _some(services: list[str]) -> str:
    shown = services[0] if services else "-"
    return f"{shown} +{len(services) - 1}" if len(services) > 1 else shown


@click.command(name="cancel")
@click.argument("ids", type=click.IntRange(min=1), nargs=-1, metavar="[ID]...")
@target_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def cancel_command(
    *,
    ids: tuple[int, ...],
    patterns: tuple[str, ...],
    providers: tuple[str, ...],
    names: tuple[str, ...],
    yes: bool,
    as_json: bool,
) -> None:
    """Give up what back-fills have not collected yet: those of these numbers, or of these targets, or all of both.

    Their windows are owed no more, and nothing opens them again by itself; what was settled before is what it was. What
    is being collected comes to its end, and what is collected stays. `finfleet backfill` asks for them anew.
    """
    if not (ids or patterns or providers or names):
        raise click.UsageError("which? give its number (finfleet backfill list), --target, --provider or --service")
    with open_database(fleet_settings(), "finfleet backfill") as database, database.connection() as connection:
        found = chosen(connection, patterns, providers, names, live=True)
        known = {one.backfill_id: one for one in ledger.list_backfills(connection, 10_000)}
        for number in ids:
            if number not in known:
                raise click.UsageError(f"there is no back-fill {number}; finfleet backfill list shows them")
            if (at := known[number].cancelled_at) is not None:
                raise click.UsageError(f"back-fill {number} was cancelled at {format_time(at)} already")
        if not yes:
            if not sys.stdin.isatty():
                raise click.UsageError("nothing is given up yet: say that you mean it with --yes")
            click.confirm("give up what is not collected yet?", abort=True, err=True)
        done = ledger.cancel_backfills(
            connection, [one.target_id for one in found], database.clock.now(connection), ids or None
        )
    if as_json:
        print_json(done._asdict())
        return
    say(f"{done.withdrawn:,} windows withdrawn, {done.settled:,} as they were before, {done.out:,} being collected")
