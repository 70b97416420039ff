"""``finfleet allocate``: whose each charge of the bill is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import click

from storage.allocation.allocating import Caught, allocate_due, allocate_month, rehearse
from storage.allocation.model import Rules
from storage.allocation.reading import read_rules
from storage.allocation.stored import months, save
from storage.database import Connection
from storage.revision import check_migrated
from telemetry.errors import ConfigError
from telemetry.settings import Settings
from telemetry.terminal import say
from workers.groups import Group
from workers.months import MonthType
from workers.output import json_option, print_json, print_table, progress
from workers.process import fleet_settings, open_database

_BY = "finfleet allocate"
_PERCENT = Decimal("0.01")


@click.group(name="allocate", cls=Group, invoke_without_command=True)
@click.option("--month", type=MonthType(), help="Allocate this month by the rules as they are now, closed or not.")
@json_option
@click.pass_context
def command(ctx: click.Context, *, month: date | None, as_json: bool) -> None:
    """Allocate the bill by the rules that the setting allocation.file names.

    Each month whose bill or rules have changed since it was allocated is allocated again; `finfleet db maintain` and
    the planner do the same. A month is closed ten days after its end: it keeps the rules that it was allocated by,
    unless --month names it.
    """
    if ctx.invoked_subcommand is not None:
        return
    settings = fleet_settings()
    path = _file(settings)
    document = read_rules(path)
    with open_database(settings, _BY, size=1) as database, database.connection() as connection:
        check_migrated(connection)
        now = database.clock.now(connection)
        save(connection, document, now, _BY)
        if month is None:
            done = 0
            while count := allocate_due(connection, now, _BY):
                done += count
                progress(f"{done} months")
        elif not allocate_month(connection, month, now, _BY):
            raise click.ClickException(
                f"{month:%Y-%m} has no bill, or no rules: the first version of {path} begins in"
                f" {min(one.effective_from for one in document.versions):%Y-%m}"
            )
        else:
            done = 1
        _show(connection, now, done, as_json=as_json)


@command.command(name="check")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--month", type=MonthType(), help="Try the rules on this month [default: the last one].")
@json_option
def check_command(*, file: Path | None, month: date | None, as_json: bool) -> None:
    """Check FILE, and show what each of its rules catches of a month. Nothing is changed.

    Without FILE, the file that allocation.file names.
    """
    settings = fleet_settings()
    document = read_rules(file or _file(settings))
    with open_database(settings, f"{_BY} check", size=1) as database, database.connection() as connection:
        check_migrated(connection)
        now = database.clock.now(connection)
        of = month or _last_month(now)
        rules = document.of(of)
        if rules is None:
            raise click.ClickException(f"no version of the rules is in force in {of:%Y-%m}")
        caught = rehearse(connection, rules, of, now)
    _show_caught(rules, of, caught, as_json=as_json)


def _file(settings: Settings) -> Path:
    if settings.allocation.file is None:
        raise ConfigError("configuration", ("allocation.file: name the file of the rules: config/allocation.yaml",))
    return Path(settings.allocation.file)


def _last_month(now: datetime) -> date:
    today = now.date()
    return date(today.year - (today.month == 1), (today.month - 2) % 12 + 1, 1)


def _show(connection: Connection, now: datetime, done: int, *, as_json: bool) -> None:
    found = months(connection, now)
    if as_json:
        told = [
            {"month": f"{one.month:%Y-%m}", "rules": one.before, "rules_now": one.now, "closed": one.is_closed(now)}
            for one in found
        ]
        print_json({"allocated": done, "months": told})
        return
    say(f"{done} month{'' if done == 1 else 's'} allocated")
    kept = [f"{one.month:%Y-%m}" for one in found if one.before and one.now and one.before != one.now]
    if kept:
        say(f"closed, and so by rules of before: {', '.join(sorted(kept))}; --month allocates one anew")


def _show_caught(rules: Rules, month: date, caught: list[Caught], *, as_json: bool) -> None:
    totals: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for one in caught:
        totals[one.dimension, one.currency] += one.billed_cost or 0
    unused = list(_unused(rules, caught))
    if as_json:
        told = [one._asdict() for one in caught]
        print_json({"month": f"{month:%Y-%m}", "caught": told, "unused": [f"{of}: {name}" for of, name in unused]})
        return
    say(f"{month:%Y-%m}, by the rules from {rules.effective_from:%Y-%m} on:")
    print_table(
        ("dimension", "rule", "owned", "currency", "billed cost", "share"),
        (
            (one.dimension, one.how, one.is_owned, one.currency, one.billed_cost,
             _share(one.billed_cost, totals[one.dimension, one.currency]))
            for one in caught
        ),
        right=("share",),
    )  # fmt: skip
    if not caught:
        say("the month has no bill")
    for dimension, name in unused:
        say(f"{dimension}: {name} catches nothing")


def _share(cost: Decimal | None, total: Decimal) -> str:
    return "-" if cost is None or not total else f"{(100 * cost / total).quantize(_PERCENT)} %"


def _unused(rules: Rules, caught: Iterable[Caught]) -> Iterable[tuple[str, str]]:
    used = {(one.dimension, one.how) for one in caught}
    for dimension in rules.dimensions:
        for number, rule in enumerate(dimension.rules, 1):
            if (dimension.name, rule.label(number)) not in used:
                yield dimension.name, rule.label(number)
    for shared in rules.shared:
        if not any(of == shared.dimension and how.startswith(f"shared: {shared.name}") for of, how in used):
            yield shared.dimension, f"shared: {shared.name}"
