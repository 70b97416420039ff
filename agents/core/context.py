"""What a collection is given: the account, the meter, the limiter, the price cache, the clock."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

from agents.core.foreign import THROUGH, ours
from agents.core.limits import Limiter, LocalLimiter
from agents.core.meter import Meter
from agents.core.spend import LocalSpend, Spend
from telemetry.errors import BudgetReached, DeadlineReached, FleetUnavailable, Throttled
from telemetry.settings import Account, Settings

logger = logging.getLogger(__name__)

T = TypeVar("T")


class PriceCache(Protocol):
    """Keeps price look-ups: shared by the fleet in Redis, or in this process."""

    def get(self, key: str) -> str | None:
        """The text kept under ``key``, unless it is too old."""

    def put(self, key: str, value: str, ttl: timedelta) -> None:
        """Keep ``value`` for ``ttl``."""


@dataclass
class LocalPriceCache:
    """The price cache of one process."""

    _kept: dict[str, tuple[float, str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: str) -> str | None:
        """The text kept under ``key``, unless it is too old."""
        with self._lock:
            until, value = self._kept.get(key, (0.0, ""))
        return value if time.monotonic() < until else None

    def put(self, key: str, value: str, ttl: timedelta) -> None:
        """Keep ``value`` for ``ttl``."""
        with self._lock:
            self._kept[key] = (time.monotonic() + ttl.total_seconds(), value)


def utc_now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Shared:
    """What all collections of one process have in common. Made once per process."""

    settings: Settings
    limiter: Limiter = field(default_factory=LocalLimiter)
    prices: PriceCache = field(default_factory=LocalPriceCache)
    spend: Spend = field(default_factory=LocalSpend)
    now: Callable[[], datetime] = utc_now
    #: The provider's sessions and samplers, by a key of the provider's; made under the lock, once.
    cache: dict[object, Any] = field(default_factory=dict, repr=False)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def once(self, key: object, make: Callable[[], T]) -> T:
        """The object under ``key``, made by the first who asks."""
        with self.lock:
            if key not in self.cache:
                self.cache[key] = make()
            made: T = self.cache[key]
            return made


@dataclass(frozen=True)
class Context:
    """What one collection is given."""

    shared: Shared
    account: Account
    meter: Meter
    #: time.monotonic() at which the collection must give up.
    deadline: float
    #: The provider's own names of the resources that are wanted; None for all.
    only: tuple[str, ...] | None = None

    def partial(self, missing: str, why: str, *, of: str = "", count: int = 1) -> None:
        """Say what is missing and why: ``partial("rates", "its state is not told", of="rds instances")``."""
        self.meter.partial(missing, why, of=of, count=count)

    @contextmanager
    def part(self, missing: str, *, of: str = "") -> Iterator[None]:
        """Settle an independent part of a collection by itself: what refuses it costs its neighbours nothing.

        Inside, a missing permission, an outage or whatever else is raised leaves out the rest of the part, and the
        report says so: ``with context.part("prices", of="rds instances"):``. Where no part brings a record, the
        first such error is the collection's. What asks to wait (Throttled, BudgetReached), a quota that
        nobody can ask (FleetUnavailable) and the end of the collection's time go through: they are not about one part.
        """
        try:
            yield
        except (Throttled, BudgetReached, DeadlineReached, FleetUnavailable, *THROUGH):
            raise
        except BaseException as error:
            found = ours(error)
            if found is not error:
                logger.exception("%s", missing)
            self.meter.refused(missing, found, of=of)

    def check_deadline(self) -> None:
        """Raise DeadlineReached where the collection has used up its time."""
        if time.monotonic() >= self.deadline:
            limit = self.shared.settings.collect.deadline.total_seconds()
            raise DeadlineReached(f"not done within {limit:.0f} s: raise collect.deadline, or shorten the interval")
