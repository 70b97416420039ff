"""Makes forecasts, and keeps the newest ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from storage.anomalies.bills import is_too_soon, midnight, state_of_bills
from storage.database import Connection
from storage.forecasts.bills import Of, parts
from storage.forecasts.outlook import Month, firsts, outlook
from storage.forecasts.together import together
from storage.maintenance import Step
from storage.retention import Kept
from storage.sql import load

_SQL = load("forecasts")
_LOOKS_BACK = timedelta(days=400)
_ENDED = timedelta(days=120)
"""An account of which nothing is known for so long has ended. ..."""
_LATE = timedelta(days=45)
"""... Of one that is late, what it costs now is unknown: some bills come once a month."""
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
    known_until: date | None
    accounts_left_out: int
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
        before, looked_at = connection.execute(_SQL["seen"]).fetchone() or ("", None)
        if not anyway and (before == seen or is_too_soon(looked_at, now)):
            return 0
        made = _forecasts(connection, since, settle, now.date())
        connection.execute(_SQL["forget"])
        connection.execute(_SQL["save"], _columns(made) | {"now": now})
        connection.execute(_SQL["look"], {"now": now, "seen": seen})
    return len(made)


class _Made(NamedTuple):
    of: Of
    cost: str
    known_until: date | None
    month: Month


def _forecasts(connection: Connection, since: datetime, settle: timedelta, today: date) -> list[_Made]:
    of_parts: dict[Of, list[_Outlook]] = defaultdict(list)
    for part in parts(connection, since, settle):
        last = max(part.costs.usage, default=None)
        if last is not None and today - last > _ENDED:
            continue
        is_late = last is None or today - last > _LATE
        months = [] if is_late else outlook(part.costs, today, MONTHS)
        one = _Outlook(part.cost, last, months or [_unknown(first) for first in firsts(today, MONTHS)])
        for of in part.of:
            of_parts[of].append(one)
    made = []
    for of, outlooks in of_parts.items():
        cost = "effective_cost" if all(one.cost == "effective_cost" for one in outlooks) else "billed_cost"
        if len({one.cost for one in outlooks}) > 1:
            cost = "effective_cost or billed_cost"
        until = min((one.until for one in outlooks if one.until is not None), default=None)
        by_month = zip(*(one.months for one in outlooks), strict=True)
        made += [_Made(of, cost, until, together(month)) for month in by_month]
    return made


class _Outlook(NamedTuple):
    cost: str
    until: date | None
    months: Sequence[Month]


def _unknown(first: date) -> Month:
    days = ((first + timedelta(days=31)).replace(day=1) - first).days
    return Month(first, Decimal(0), 0, None, days, None, None, "", None, None, 0)


def _columns(made: Sequence[_Made]) -> dict[str, Any]:
    months = [one.month for one in made]
    return {
        "ofs": [one.of.of for one in made],
        "providers": [one.of.provider for one in made],
        "names": [one.of.name for one in made],
        "currencies": [one.of.currency for one in made],
        "costs": [one.cost for one in made],
        "known_untils": [one.known_until for one in made],
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
        "left_outs": [month.left_out for month in months],
    }


def listing(
    connection: Connection, of: str, today: date, *, name: str | None = None, limit: int = 1000
) -> list[Forecast]:
    """The newest forecasts of that kind, from this month on; of one ``name`` alone, where one is given."""
    asked = {"of": of, "name": name, "limit": limit, "month": today.replace(day=1)}
    rows = connection.execute(_SQL["listing"], asked)
    return [Forecast(*row) for row in rows]
