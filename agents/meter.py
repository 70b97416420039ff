"""Counts and prices every call that a collection makes."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from decimal import Decimal

from telemetry.batch import ApiUse

FREE = Decimal(0)


class Meter:
    """Calls, throttles and dollars by API, for one run. Safe to share between threads."""

    def __init__(self, prices: Mapping[str, Decimal] | None = None) -> None:
        """``prices`` are dollars a unit, for the APIs that are paid by the call or by what is asked."""
        self._prices = dict(prices or {})
        self._calls: dict[str, int] = {}
        self._throttles: dict[str, int] = {}
        self._cost: dict[str, Decimal] = {}
        self._lock = threading.Lock()
        self.unknown_prices = 0

    def call(self, api: str, units: int = 1) -> None:
        """One request of ``api`` went out; it is paid by ``units`` (metrics asked for, pages ...)."""
        with self._lock:
            self._calls[api] = self._calls.get(api, 0) + 1
            self._cost[api] = self._cost.get(api, FREE) + self.price(api, units)

    def price(self, api: str, units: int) -> Decimal:
        """What a call of ``api`` for so many units costs; zero where it is free."""
        return self._prices.get(api, FREE) * units

    def throttle(self, api: str) -> None:
        """A request of ``api`` was refused because there were too many."""
        with self._lock:
            self._throttles[api] = self._throttles.get(api, 0) + 1

    def unknown_price(self) -> None:
        """A price was asked for that the price list does not have."""
        with self._lock:
            self.unknown_prices += 1

    @property
    def cost_usd(self) -> Decimal:
        """Dollars so far."""
        with self._lock:
            return sum(self._cost.values(), FREE)

    def report(self) -> list[ApiUse]:
        """One entry per API, in the order of their names."""
        with self._lock:
            names = sorted(self._calls.keys() | self._throttles.keys())
            return [
                ApiUse(api, self._calls.get(api, 0), self._throttles.get(api, 0), self._cost.get(api, FREE))
                for api in names
            ]
