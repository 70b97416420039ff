"""The daily costs of all, of each provider, account, service and team: what is forecast."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

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
    asked = {"since": since}
    yield from _forecastable(connection.execute(_SQL["costs"], asked), _grains, known)
    # Of teams only what is allocated by the bill as it is now.
    months = {month for (month,) in connection.execute(_SQL["allocated_months"], asked)}
    allocated = {of: {day for day in days if day.replace(day=1) in months} for of, days in known.items()}
    yield from _forecastable(connection.execute(_SQL["team_costs"], asked), _team, allocated)


def _forecastable(
    rows: Iterable[tuple[Any, ...]], grains: Callable[..., Sequence[Of]], known: Mapping[_Account, set[date]]
) -> Iterator[Forecastable]:
    gathered: dict[Of, _Gathered] = defaultdict(_Gathered)
    for provider, account, name, currency, day, of_usage, *costs in rows:
        for of in grains(provider, account, name, currency):
            one = gathered[of]
            one.accounts.add((provider, account))
            one.add(day, of_usage=of_usage, costs=costs)
    for of, one in gathered.items():
        yield _of_whole_days(of, one, _days(known, one.accounts))


def _of_whole_days(of: Of, one: _Gathered, days: Sequence[date]) -> Forecastable:
    cost = COSTS[0] if None not in {*one.usage[COSTS[0]].values(), *one.other[COSTS[0]].values()} else COSTS[1]
    usage, other = one.usage[cost], one.other[cost]
    first, nothing = min([*usage, *other]), Decimal(0)
    told = [
        day
        for day in days
        if day >= first and usage.get(day, nothing) is not None and other.get(day, nothing) is not None
    ]
    return Forecastable(
        of,
        cost,
        DailyCosts({day: usage.get(day) or nothing for day in told}, {day: other.get(day) or nothing for day in told}),
    )


def _grains(provider: str, account: str, service: str, currency: str) -> tuple[Of, ...]:
    return (
        Of("all", "", "", currency),
        Of("provider", provider, provider, currency),
        Of("account", provider, account, currency),
        Of("service", provider, service, currency),
    )


def _team(_provider: str, _account: str, team: str, currency: str) -> tuple[Of, ...]:
    return (Of("team", "", team, currency),)


def _days(known: Mapping[_Account, set[date]], accounts: set[_Account]) -> list[date]:
    """The days that are whole for all of these accounts, but for those that have ended."""
    told = {account: days for account in accounts if (days := known.get(account))}
    if not told:
        return []
    newest = max(max(days) for days in told.values())
    alive = [days for days in told.values() if max(days) >= newest - _ALIVE]
    return sorted(set.intersection(*alive))
