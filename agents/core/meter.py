"""Counts and prices every call that a collection makes, and keeps what it could not find out."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from decimal import Decimal

from telemetry.batch import MAX_REASON, MAX_REASONS, ApiUse
from telemetry.errors import CollectionError, Denied
from telemetry.fitting import fit_text
from telemetry.redact import redact

FREE = Decimal(0)
_MOST_REASONS = MAX_REASONS - 1
"""One more says how many are left out."""


class Meter:
    """Calls, throttles and dollars by API, and what is missing, for one run. Safe to share between threads."""

    def __init__(self, prices: Mapping[str, Decimal] | None = None) -> None:
        """``prices`` are dollars a unit, for the APIs that are paid by the call or by what is asked."""
        self._prices = dict(prices or {})
        self._calls: dict[str, int] = {}
        self._throttles: dict[str, int] = {}
        self._cost: dict[str, Decimal] = {}
        self._unpriced: set[str] = set()
        self._lock = threading.Lock()
        self.unknown_prices = 0
        self._partial: dict[tuple[str, str, str], int] = {}
        #: What refused a part of the run, the first one first.
        self.refusals: list[CollectionError] = []

    def call(self, api: str, units: int = 1) -> None:
        """One request of ``api`` went out; it is paid by ``units`` (metrics asked for, pages ...)."""
        with self._lock:
            self._calls[api] = self._calls.get(api, 0) + 1
            self._cost[api] = self._cost.get(api, FREE) + self.price(api, units)

    def call_at(self, api: str, usd: Decimal | None) -> None:
        """One request of ``api`` went out, whose price its maker knows; None: nobody does."""
        with self._lock:
            self._calls[api] = self._calls.get(api, 0) + 1
            if usd is None:
                self._unpriced.add(api)
            else:
                self._cost[api] = self._cost.get(api, FREE) + usd

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

    def partial(self, missing: str, why: str, *, of: str = "", count: int = 1) -> None:
        """Something is missing that nobody can find out any more: ``missing`` (rates) of a thing (rds instances).

        What is missing for the same reason is told once, with the number of things.
        """
        key = (missing, of, why)
        with self._lock:
            self._partial[key] = self._partial.get(key, 0) + count

    def refused(self, missing: str, error: CollectionError, *, of: str = "", count: int = 1) -> None:
        """A part is missing because of ``error``: unlike what nobody can find out, it may be there at another time."""
        self.partial(missing, why_refused(error), of=of, count=count)
        with self._lock:
            self.refusals.append(error)

    def missing(self) -> tuple[str, ...]:
        """A line for each reason, for a person; not more of them, nor longer ones, than a report may have."""
        with self._lock:
            found = [_reason(*key, count) for key, count in self._partial.items()]
        further = len(found) - MAX_REASONS
        if further > 0:
            found[_MOST_REASONS:] = [f"and {further + 1} further reasons"]
        return tuple(found)

    def lacking(self, missing: str) -> int:
        """How many things lack ``missing``, for whatever reason."""
        with self._lock:
            return sum(count for (what, _, _), count in self._partial.items() if what == missing)

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
                ApiUse(
                    api,
                    self._calls.get(api, 0),
                    self._throttles.get(api, 0),
                    None if api in self._unpriced else self._cost.get(api, FREE),
                )
                for api in names
            ]


def why_refused(error: CollectionError) -> str:
    """What a refusal says, and the permission that is missing where it does not name it itself."""
    permission = error.permission if isinstance(error, Denied) else ""
    why = str(error)
    return why if permission in why else f"{permission}: {why}"


def _reason(missing: str, of: str, why: str, count: int) -> str:
    """``rates of 12 rds instances: it is not known which``."""
    things = of.removesuffix("s") if count == 1 else of
    what = f"{missing} of {count:,} {things}" if of else missing
    return fit_text(f"{what}: {redact(why)}", MAX_REASON)
