"""The daily costs of each account, of its services and teams: what is forecast, and what it is a part of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from storage.anomalies.bills import days_known
from storage.database import Connection
from storage.exact import total
from storage.forecasts.outlook import DailyCosts
from storage.sql import load

_SQL = load("forecasts")
_Account = tuple[str, str]
"""A provider, and the id of a billed account in small letters."""
COSTS = ("effective_cost", "billed_cost")


class Of(NamedTuple):
    """What a forecast is of."""

    of: str
    provider: str
    name: str
    currency: str


class Part(NamedTuple):
    """What one account has to do with some forecasts."""

    #: Those that it is a part of.
    of: Sequence[Of]
    #: ``effective_cost``, or ``billed_cost`` where some lines do not tell that.
    cost: str
    costs: DailyCosts


@dataclass
class _Gathered:
    """By day and cost; of a day that some line does not tell, None."""

    usage: dict[str, dict[date, Decimal | None]] = field(default_factory=lambda: {name: {} for name in COSTS})
    other: dict[str, dict[date, Decimal | None]] = field(default_factory=lambda: {name: {} for name in COSTS})
    of: tuple[Of, ...] = ()

    def add(self, day: date, *, of_usage: bool, costs: Sequence[Decimal | None]) -> None:
        """One more part of it."""
        kept = self.usage if of_usage else self.other
        for name, cost in zip(COSTS, costs, strict=True):
            before = kept[name].get(day, Decimal(0))
            kept[name][day] = None if cost is None or before is None else total((before, cost))


def parts(connection: Connection, since: datetime, settle: timedelta) -> Iterator[Part]:
    """The costs of the days from ``since`` on whose bill is whole, by account, and by service and team of each."""
    known = days_known(connection, since, settle)
    asked = {"since": since}
    rows = connection.execute(_SQL["costs"], asked).fetchall()
    yield from _parts(rows, _of_account, known)
    yield from _parts(rows, _of_service, known)
    # Of teams only what is allocated by the bill as it is now.
    months = {month for (month,) in connection.execute(_SQL["allocated_months"], asked)}
    allocated = {of: {day for day in days if day.replace(day=1) in months} for of, days in known.items()}
    yield from _parts(connection.execute(_SQL["team_costs"], asked), _of_team, allocated)


_Whose = Callable[[str, str, str, str], tuple[Of, ...]]
"""Of a provider, an account, a service (or team) and a currency."""


def _parts(rows: Iterable[tuple[Any, ...]], of: _Whose, known: Mapping[_Account, set[date]]) -> Iterator[Part]:
    gathered: dict[tuple[_Account, tuple[Of, ...]], _Gathered] = defaultdict(_Gathered)
    names: dict[_Account, str] = {}
    for provider, account, name, currency, day, of_usage, *costs in rows:
        key = (provider, account.lower())
        # Written in one way, whichever came first: some write it in capitals.
        spelled = names.setdefault(key, account)
        whose = of(provider, spelled, name, currency)
        one = gathered[key, whose]
        one.of = whose
        one.add(day, of_usage=of_usage, costs=costs)
    for (account, _), one in gathered.items():
        yield _of_whole_days(one, sorted(known.get(account, ())))


def _of_whole_days(one: _Gathered, days: Sequence[date]) -> Part:
    cost = COSTS[0] if None not in {*one.usage[COSTS[0]].values(), *one.other[COSTS[0]].values()} else COSTS[1]
    usage, other, nothing = one.usage[cost], one.other[cost], Decimal(0)
    told = [day for day in days if usage.get(day, nothing) is not None and other.get(day, nothing) is not None]
    of_usage = {day: usage.get(day) or nothing for day in told}
    return Part(one.of, cost, DailyCosts(of_usage, {day: other.get(day) or nothing for day in told}))


def _of_account(provider: str, account: str, _: str, currency: str) -> tuple[Of, ...]:
    return (
        Of("account", provider, account, currency),
        Of("provider", provider, provider, currency),
        Of("all", "", "", currency),
    )


def _of_service(provider: str, _: str, service: str, currency: str) -> tuple[Of, ...]:
    return (Of("service", provider, service, currency),)


def _of_team(_provider: str, _account: str, team: str, currency: str) -> tuple[Of, ...]:
    return (Of("team", "", team, currency),)
