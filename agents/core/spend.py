"""The budget of a day: what paid APIs may cost an account.

An amount is reserved before the call goes out, so that workers side by side never spend more than the budget. A call
that then fails, and is not billed, has still used its share of the day: the error is on the safe side.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from telemetry.errors import BudgetReached


class Spend(Protocol):
    """Adds up what was spent under a key."""

    def reserve(self, key: str, amount: Decimal, budget: Decimal) -> bool:
        """Add ``amount`` (dollars), unless the sum would then be above ``budget``; whether it was added."""


@dataclass
class LocalSpend:
    """The spending of one process."""

    _sums: dict[str, Decimal] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reserve(self, key: str, amount: Decimal, budget: Decimal) -> bool:
        """Add ``amount`` (dollars), unless the sum would then be above ``budget``; whether it was added."""
        with self._lock:
            total = self._sums.get(key, Decimal(0)) + amount
            if total > budget:
                return False
            self._sums[key] = total
            return True


def charge(spend: Spend, account: str, amount: Decimal, budget: Decimal, now: datetime) -> None:
    """Take ``amount`` from today's budget of ``account`` (``aws/production``); BudgetReached until midnight UTC."""
    if spend.reserve(f"{account}/{now:%Y-%m-%d}", amount, budget):
        return
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    raise BudgetReached(
        f"{account}: the budget of {budget:f} USD a day for paid APIs is used up: what is due is collected after "
        "00:00 UTC; raise budget_usd_per_day to collect it sooner",
        (midnight - now).total_seconds(),
    )
