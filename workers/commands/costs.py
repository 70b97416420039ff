"""``finfleet costs``: a bill that a person brings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import click

from agents.core.unattended import never_ask
from telemetry.errors import CollectionError, MessageError
from telemetry.target import PART, Target, Window
from telemetry.terminal import say
from telemetry.text import shown
from workers.bill_access import reader_of
from workers.bill_import import Import, Imported, bring
from workers.brought_files import url_of
from workers.groups import Group
from workers.output import json_option, print_json, print_table
from workers.process import fleet_settings, open_database

_MONTH = re.compile(r"(20\d{2})-(0[1-9]|1[0-2])")


class _Period(click.ParamType[Window]):
    name = "YYYY-MM"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Window:
        if isinstance(value, Window):
            return value
        found = _MONTH.fullmatch(value)
        if found is None:
            self.fail(f"{str(value)[:40]!r}: write a month, such as 2026-10", param, ctx)
        year, month = int(found[1]), int(found[2])
        start = datetime(year, month, 1, tzinfo=UTC)
        return Window(start, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC))


def _part(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    if not PART.fullmatch(value):
        raise click.BadParameter(f"{shown(value)[:40]!r}: letters, digits and . _ : - only, a letter or digit first")
    return value


@click.group(name="costs", cls=Group)
def command() -> None:
    """Bring a bill by hand."""


@command.command(name="import")
@click.argument("files", metavar="FILE|URL...", nargs=-1, required=True)
@click.option("--period", type=_Period(), required=True, help="The billing period, a month: 2026-10.")
@click.option("--provider", required=True, help="Whose bill it is: aws, azure, gcp; focus for anybody else.")
@click.option(
    "--account", callback=_part, default="default", show_default=True, help="The account, by a name of yours."
)
@click.option("--name", callback=_part, default="import", show_default=True, help="The export that it stands for.")
@click.option(
    "--layout", default="", help="What the columns are, where they do not tell it: cur, actual, amortized ..."
)
@click.option(
    "--credentials",
    metavar="PROVIDER/NAME",
    default="",
    help="Whose read a URL: an account (aws/payer) or a source (focus/vendor) of the configuration; else --account's.",
)
@click.option("--dry-run", is_flag=True, help="Only show what it would change.")
@json_option
def import_(
    *,
    files: tuple[str, ...],
    period: Window,
    provider: str,
    account: str,
    name: str,
    layout: str,
    credentials: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Make files (CSV or Parquet) the bill of a month, and show what changes by currency and service.

    One file, several of the same kind, a folder (with a slash at the end of a URL), or a manifest: together they are
    the bill. They are in FOCUS, or in any layout that the provider's exports have. They are read whole and proven as a
    delivery is, and take the place of what was imported before under the same provider, account and name.
    """
    never_ask()
    try:
        target = Target(provider, account, name, reader_of(provider).name)
    except LookupError as error:
        raise click.UsageError(str(error)) from None
    settings = fleet_settings()
    with open_database(settings, "finfleet costs") as database, database.connection() as connection:
        try:
            now = database.clock.now(connection)
            asked = Import(tuple(map(url_of, files)), target, period, layout, credentials)
            done = bring(connection, settings, asked, now, dry_run=dry_run)
        except (CollectionError, MessageError, ValueError, LookupError) as error:
            raise click.ClickException(str(error)) from None
    _show(done, target, dry_run=dry_run, as_json=as_json)


def _show(done: Imported, target: Target, *, dry_run: bool, as_json: bool) -> None:
    changes = [
        (currency, service, done.before.get((currency, service)), done.after.get((currency, service)))
        for currency, service in sorted(done.before.keys() | done.after.keys())
    ]
    if as_json:
        named = [
            {"currency": currency, "service": service, "before": before, "after": after}
            for currency, service, before, after in changes
        ]
        told = {"target": str(target), "rows": done.rows, "rows_of_other_periods": done.rows_of_other_periods}
        print_json(told | {"lines": done.lines, "missing": done.missing, "dry_run": dry_run, "changes": named})
        return
    print_table(
        ("currency", "service", "before", "after", "change"),
        (
            (currency, service, before, after, (after or Decimal(0)) - (before or Decimal(0)))
            for currency, service, before, after in changes
        ),
    )
    say("\n".join(_sentences(done, target, dry_run=dry_run)))


def _sentences(done: Imported, target: Target, *, dry_run: bool) -> Iterator[str]:
    others = done.rows_of_other_periods
    rows = f"{done.rows - others:,} of {_counted(done.rows, 'row')}" if others else _counted(done.rows, "row")
    verb = "would be" if dry_run else "is" if done.rows - others == 1 else "are"
    yield f"{rows}, folded to {_counted(done.lines, 'line')}, {verb} the bill of {target}"
    if others:
        left_out = "is of another month, and" if others == 1 else "are of other months, and"
        yield f"{_counted(others, 'row')} {left_out} left out: import the file again with that --period"
    for reason in done.missing:
        yield f"it lacks {reason}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
