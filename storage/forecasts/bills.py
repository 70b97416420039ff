"""The daily costs of all, of each provider, account and service: what is forecast."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from storage.anomalies.bills import days_known
from storage.database import Connection
from storage.forecasts.outlook import DailyCosts
from storage.sql import load

_SQL = load("forecasts")
_ALIVE = timedelta(days=7)
"""An account of which nothing is known for longer than the others is none any more that they wait for."""
_Account = tuple[str, str]
COSTS = ("effective_cost", "billed_cost")


class Of(NamedTuple):
    """What a forecast is of."""

    of: str
    provider: str
    name: str
    currency: str


@dataclass
class _Gathered:
    """By day and cost; of a day that some line does not tell, None."""

    usage: dict[str, dict[date, Decimal | None]] = field(default_factory=lambda: {name: {} for name in COSTS})
    other: dict[str, dict[date, Decimal | None]] = field(default_factory=lambda: {name: {} for name in COSTS})
    accounts: set[_Account] = field(default_factory=set)

    def add(self, day: date, *, of_usage: bool, costs: Sequence[Decimal | None]) -> None:
        """One more part of it."""
        kept = self.usage if of_usage else self.other
        for name, cost in zip(COSTS, costs, strict=True):
            before = kept[name].get(day, Decimal(0))
            kept[name][day] = None if cost is None or before is None else before + cost


class Forecastable(NamedTuple):
    """What can be forecast."""

    of: Of
    #: ``effective_cost``, or ``billed_cost`` where some lines do not tell that.
    cost: str
    costs: DailyCosts


def daily_costs(connection: Connection, since: datetime, settle: timedelta) -> Iterator[Forecastable]:
    """The costs of the days from ``since`` on whose bill is whole."""
    known = days_known(connection, since, settle)
    gathered: dict[Of, _Gathered] = defaultdict(_Gathered)
    for provider, account, service, currency, day, of_usage, *costs in connection.execute(
        _SQL["costs"], {"since": since}
    ):
        for of in _all_of(provider, account, service, currency):
            one = gathered[of]
            one.accounts.add((provider, account))
            one.add(day, of_usage=of_usage, costs=costs)
    for of, one in gathered.items():
        cost = COSTS[0] if None not in {*one.usage[COSTS[0]].values(), *one.other[COSTS[0]].values()} else COSTS[1]
        usage, other = one.usage[cost], one.other[cost]
        days = _days(known, one.accounts)
        first = min([*usage, *other])
        told = [
            day for day in days if day >= first and usage.get(day, Decimal(0)) is not None
            and other.get(day, Decimal(0)) is not None
        ]  # fmt: skip
        of_usage = {day: usage.get(day) or Decimal(0) for day in told}
        yield Forecastable(of, cost, DailyCosts(of_usage, {day: other.get(day) or Decimal(0) for day in told}))


def _all_of(provider: str, account: str, service: str, currency: str) -> tuple[Of, ...]:
    return (
        Of("all", "", "", currency),
        Of("provider", provider, provider, currency),
        Of("account", provider, account, currency),
        Of("service", provider, service, currency),
    )


def _days(known: Mapping[_Account, set[date]], accounts: set[_Account]) -> list[date]:
    """The days that are whole for all of these accounts, but for those that have ended."""
    told = {account: days for account in accounts if (days := known.get(account))}
    if not told:
        return []
    newest = max(max(days) for days in told.values())
    alive = [days for days in told.values() if max(days) >= newest - _ALIVE]
    return sorted(set.intersection(*alive))
