"""``finfleet backfill``: collect the past."""

from __future__ import annotations

from datetime import datetime

import click

from agents.context import utc_now
from storage import ledger
from storage.database import Connection
from telemetry.target import Window, format_time
from telemetry.terminal import say
from workers.output import json_option, print_json
from workers.parameters import TIME
from workers.process import fleet_settings, open_database


@click.command(name="backfill")
@click.option("--from", "since", type=TIME, required=True, help="Where it begins: a time, a date, or 90m, 2h, 7d ago.")
@click.option("--to", "until", type=TIME, default="now", show_default=True, help="Where it ends.")
@click.option("--target", "patterns", multiple=True, help="Only these: aws/prod/us-east-1/ec2, or 'aws/*/*/ec2'.")
@click.option("--again", is_flag=True, help="Collect complete and empty windows again, too.")
@json_option
def command(since: datetime, until: datetime, patterns: tuple[str, ...], again: bool, as_json: bool) -> None:
    """Make the windows of the past due: those never planned, denied or failed; with --again all of them.

    Without --target, of everything that has a past: live sources such as this host can only be measured as it happens.
    The planner hands the windows out after the present ones; `finfleet status` shows how far it is.
    """
    if since >= until:
        raise click.UsageError(f"--from {format_time(since)} must come before --to {format_time(until)}")
    with open_database(fleet_settings(), "finfleet backfill") as database, database.connection() as connection:
        found = _find(connection, patterns)
        try:
            done = ledger.backfill(connection, found, Window(since, until), utc_now(), again=again)
        except ledger.BackfillRefused as error:
            raise click.UsageError(str(error)) from None
    if as_json:
        print_json({"targets": [str(each.target) for each in found], **done._asdict()})
        return
    say(f"{len(found)} targets: {done.opened} windows opened, {done.reopened} due again")


def _find(connection: Connection, patterns: tuple[str, ...]) -> list[ledger.LedgerTarget]:
    if not patterns:
        return [found for found in ledger.find_targets(connection) if found.enabled and not found.live]
    found = ledger.find_targets(connection, patterns)
    if not found:
        names = ", ".join(repr(pattern) for pattern in patterns)
        raise click.UsageError(f"--target {names}: there is no such target in the ledger; `finfleet status` lists them")
    return found
