"""Makes forecasts, and keeps the newest ones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from storage.anomalies.bills import midnight, state_of_bills
from storage.database import Connection
from storage.forecasts.bills import Of, daily_costs
from storage.forecasts.outlook import Month, outlook
from storage.maintenance import Step
from storage.retention import Kept
from storage.sql import load

_SQL = load("forecasts")
_LOOKS_BACK = timedelta(days=400)
MONTHS = 3
"""After this one."""
GRAINS = ("all", "provider", "account", "service", "team")


class Forecast(NamedTuple):
    """A row of ``reporting.forecasts``."""

    of: str
    provider: str
    name: str
    billing_currency: str
    month: date
    actual_cost: Decimal
    expected_cost: Decimal | None
    total_cost: Decimal | None
    low_cost: Decimal | None
    high_cost: Decimal | None
    error_share: Decimal | None
    naive_error_share: Decimal | None
    tries: int
    method: str
    known_days: int
    expected_days: int
    known_until: date
    cost: str
    made_at: datetime


def step(settle: timedelta) -> Step:
    """Making forecasts, as a step of maintenance: nothing is done while the bills and the day are the same."""

    def run(connection: Connection, now: datetime, kept: Kept) -> int:  # noqa: ARG001 - as every step
        return look(connection, now, settle)

    return Step("forecasts", "forecasts made", run)


def look(connection: Connection, now: datetime, settle: timedelta, *, anyway: bool = False) -> int:
    """Forecast this month and the next ones, if the bills or the day are others than the last time; how many."""
    since = midnight((now - _LOOKS_BACK).date())
    with connection.transaction():
        if connection.execute(_SQL["begin"]).fetchone() != (True,):
            return 0
        seen = f"{state_of_bills(connection, since)} {settle.total_seconds():.0f} {now:%Y-%m-%d}"
        if connection.execute(_SQL["seen"]).fetchone() == (seen,) and not anyway:
            return 0
        made = []
        for of, cost, costs in daily_costs(connection, since, settle):
            known_until = max(costs.usage, default=None)
            made += [(of, cost, known_until, month) for month in outlook(costs, now.date(), MONTHS)]
        connection.execute(_SQL["forget"])
        connection.execute(_SQL["save"], _columns(made) | {"now": now})
        connection.execute(_SQL["look"], {"now": now, "seen": seen})
    return len(made)


def _columns(made: Sequence[tuple[Of, str, date | None, Month]]) -> dict[str, Any]:
    months = [month for *_, month in made]
    return {
        "ofs": [of.of for of, *_ in made],
        "providers": [of.provider for of, *_ in made],
        "names": [of.name for of, *_ in made],
        "currencies": [of.currency for of, *_ in made],
        "costs": [cost for _, cost, *_ in made],
        "known_untils": [known_until for _, _, known_until, _ in made],
        "months": [month.first for month in months],
        "actuals": [month.actual for month in months],
        "known_days": [month.known_days for month in months],
        "expecteds": [month.expected for month in months],
        "expected_days": [month.expected_days for month in months],
        "lows": [month.low for month in months],
        "highs": [month.high for month in months],
        "methods": [month.method for month in months],
        "errors": [month.error for month in months],
        "naive_errors": [month.naive_error for month in months],
        "tries": [month.tries for month in months],
    }


def listing(connection: Connection, of: str, *, name: str | None = None, limit: int = 1000) -> list[Forecast]:
    """The newest forecasts of that kind; of one ``name`` alone, where one is given."""
    rows = connection.execute(_SQL["listing"], {"of": of, "name": name, "limit": limit})
    return [Forecast(*row) for row in rows]
