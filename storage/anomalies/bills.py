"""The daily costs of every service and account, with the days whose bill is whole: as the ledger tells it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

from storage.anomalies.series import Key, Series
from storage.database import Connection
from storage.sql import load

_SQL = load("anomalies")
_LARGEST = Decimal("1e150")
"""Amounts beyond that are no costs, and would not fit into what is reckoned with."""
_Account = tuple[str, str]
"""A provider, and the id of a billed account in small letters: some write it in others."""


def days_known(connection: Connection, since: datetime, settle: timedelta) -> dict[_Account, set[date]]:
    """By billed account, the days from ``since`` on whose bill is whole.

    A day is, where the target whose bill counts has settled its window no earlier than ``settle`` after the end of the
    day, and nothing is missing in it. On a day on which nothing of an account is billed, all targets that tell of the
    account have to have: then it cost nothing.
    """
    read: dict[int, set[date]] = defaultdict(set)
    for target_id, day in connection.execute(_SQL["known"], {"since": since, "settle": settle}):
        read[target_id].add(day)
    counted: dict[_Account, dict[date, set[int]]] = defaultdict(lambda: defaultdict(set))
    telling: dict[_Account, set[int]] = defaultdict(set)
    for provider, account, target_id, day, counts in connection.execute(_SQL["told"], {"since": since}):
        telling[provider, account].add(target_id)
        if counts:
            counted[provider, account][day].add(target_id)
    known = {}
    for account, targets in telling.items():
        told = counted[account]
        days = set.intersection(*(read[target] for target in targets)) - told.keys()
        known[account] = days | {day for day, by in told.items() if all(day in read[target] for target in by)}
    return known


class _Day(NamedTuple):
    provider: str
    sub_account_id: str
    service_name: str
    currency: str
    day: date
    effective_cost: Decimal | None
    billed_cost: Decimal | None

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.provider, self.sub_account_id.lower(), self.service_name, self.currency


def series(connection: Connection, since: datetime, settle: timedelta) -> Iterator[Series]:
    """What usage cost, by service, account and currency, on the days from ``since`` on whose bill is whole."""
    known = {account: sorted(days) for account, days in days_known(connection, since, settle).items()}
    rows = (_Day(*row) for row in connection.execute(_SQL["costs"], {"since": since}))
    for (provider, account, _, _), group in groupby(rows, key=lambda row: row.key):
        days = {row.day: row for row in group}
        one = _series(days, known.get((provider, account), []))
        if one is not None:
            yield one


def _series(days: dict[date, _Day], known: list[date]) -> Series | None:
    first, *_ = days.values()
    # One kind of cost for all of its days: that which all of them tell.
    told: Any = next((name for name in ("effective_cost", "billed_cost") if _all_tell(days, name)), "effective_cost")
    if any(abs(cost) > _LARGEST for row in days.values() for cost in (row.effective_cost, row.billed_cost) if cost):
        return None
    costs = {}
    for day in known:
        cost = getattr(days[day], told) if day in days else Decimal(0)
        if cost is not None:
            costs[day] = cost
    key = Key(first.provider, first.sub_account_id, first.service_name, first.currency)
    return Series(key, costs, told) if costs else None


def _all_tell(days: dict[date, _Day], name: str) -> bool:
    return all(getattr(row, name) is not None for row in days.values())


def midnight(day: date) -> datetime:
    """The beginning of a day in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def state_of_bills(connection: Connection, since: datetime) -> str:
    """A text that is another one once the bills of the days from ``since`` on are others."""
    ((state,),) = connection.execute(_SQL["state_of_bills"], {"since": since})
    return str(state)


_PAUSE = timedelta(hours=6)


def is_too_soon(looked_at: datetime | None, now: datetime) -> bool:
    """Whether it was looked at a moment ago, on the same day: bills of a large fleet change all the time."""
    return looked_at is not None and looked_at.date() == now.date() and timedelta(0) <= now - looked_at < _PAUSE
