"""``finfleet forecast``: what months will come to."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import click

from storage.forecasts import keeping
from storage.forecasts.keeping import GRAINS, MONTHS, Forecast
from storage.revision import check_migrated
from telemetry.target import format_time
from telemetry.terminal import say
from workers.output import json_option, print_json, print_table, progress
from workers.process import fleet_settings, open_database

_MOST = 100_000
_NONE = "no forecast: no bill of a whole day is there, or the planner has made none yet; --again makes them now"
_OF_A_PROVIDER = ("account", "service")


@click.command(name="forecast")
@click.option("--by", type=click.Choice(GRAINS), default="all", show_default=True, help="What is forecast.")
@click.option("--name", help="Only this account, service, provider or team.")
@click.option(
    "--months", type=click.IntRange(0, MONTHS), default=MONTHS, show_default=True, help="Months after this one."
)
@click.option("--again", is_flag=True, help="Make the forecasts anew first.")
@click.option("--limit", type=click.IntRange(1, _MOST), default=1000, show_default=True, help="Maximum number.")
@json_option
def command(*, by: str, name: str | None, months: int, again: bool, limit: int, as_json: bool) -> None:
    """Show what this month and the next ones will come to, by currency.

    The days whose bill is whole count as they are; the others are forecast. Beside each figure stands what eight of ten
    such forecasts would have met, and by how much they were off, on the user's own past. The planner makes them anew
    every six hours, where a bill has changed.
    """
    settings = fleet_settings()
    with open_database(settings, "finfleet forecast") as database, database.connection() as connection:
        now = database.clock.passed(connection)
        if again:
            check_migrated(connection)
            keeping.look(connection, now, settings.anomalies.settle, anyway=True)
        found = keeping.listing(connection, by, now.date(), name=name, limit=limit)
        is_any = bool(found or keeping.listing(connection, "all", now.date(), limit=1))
    shown = sorted({one.month for one in found})[: months + 1]
    found = [one for one in found if one.month in shown]
    if as_json:
        print_json([one._asdict() for one in found])
    elif not found:
        say(_nothing(by, name) if is_any else _NONE)
    else:
        _print(found, by)


def _print(found: Sequence[Forecast], by: str) -> None:
    columns = (
        "month",
        *(() if by == "all" else (by,)),
        "currency",
        "so far",
        "in all",
        "8 of 10",
        "error",
        "naive",
        "by",
    )
    right = ("so far", "in all", "8 of 10", "error", "naive")
    print_table(columns, [_row(one, by) for one in found], right=right)
    progress(f"made {format_time(found[0].made_at)}")
    if any(one.total_cost is None for one in found):
        progress("unknown: fewer than seven days are known, or none of the last 45")
    if left_out := max(one.accounts_left_out for one in found):
        progress(f"{left_out} accounts are left out, of which that holds: --by account shows which")


def _nothing(by: str, name: str | None) -> str:
    if by == "team" and name is None:
        return "no forecast of teams: nothing is allocated by the bill as it is now (finfleet allocate)"
    return f"no forecast of that {by}: `finfleet forecast --by {by}` shows which there are"


def _row(one: Forecast, by: str) -> Sequence[object]:
    whose = () if by == "all" else (f"{one.provider}/{one.name}" if by in _OF_A_PROVIDER else one.name,)
    between = "-" if one.low_cost is None or one.high_cost is None else f"{one.low_cost:,.0f} to {one.high_cost:,.0f}"
    total = "unknown" if one.total_cost is None else f"{one.total_cost:,.2f}"
    month = f"{one.month:%Y-%m}"
    errors = (_percent(one.error_share), _percent(one.naive_error_share))
    return (
        month,
        *whose,
        one.billing_currency,
        f"{one.actual_cost:,.2f}",
        total,
        between,
        *errors,
        one.method or _without_method(one),
    )


def _without_method(one: Forecast) -> str:
    return "-" if one.total_cost is None else "known"


def _percent(share: Decimal | None) -> str:
    return "-" if share is None else f"{share:.1%}"
