"""The rate limit: calls a second to one quota scope, and silence after a Retry-After.

A scope is what the provider counts: an account, a region and an API of AWS, a tenant of Azure. The fleet shares one
budget per scope (tasks.limits, in Redis); a standalone agent has its own (LocalLimiter).
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Protocol

from telemetry.errors import Throttled


@dataclass(frozen=True)
class Quota:
    """A token bucket."""

    #: Calls a second, in the long run.
    rate: float
    #: Calls that may come at once.
    burst: int


class Limiter(Protocol):
    """Shares a quota between all that call."""

    def acquire(self, scope: str, quota: Quota, deadline: float) -> None:
        """Wait until one call of ``scope`` may go out.

        ``deadline`` is a time.monotonic(); Throttled, with the wait, where the turn would come later than that.
        """

    def quiet(self, scope: str, seconds: float) -> None:
        """The provider asked everyone to be silent that long."""


@dataclass
class _Bucket:
    tokens: float
    updated: float
    quiet_until: float = 0.0


@dataclass
class LocalLimiter:
    """The quota of one process."""

    _buckets: dict[str, _Bucket] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def acquire(self, scope: str, quota: Quota, deadline: float) -> None:
        """Take a token, on credit if need be, and sleep until it is there."""
        with self._lock:
            now = time.monotonic()
            bucket = self._buckets.setdefault(scope, _Bucket(quota.burst, now))
            tokens = min(quota.burst, bucket.tokens + (now - bucket.updated) * quota.rate)
            wait = max(0.0, bucket.quiet_until - now, (1 - tokens) / quota.rate)
            if now + wait > deadline:
                raise Throttled(f"the quota of {scope} is used up for {wait:.1f} s", scope, wait)
            bucket.tokens, bucket.updated = tokens - 1, now
        while wait > 0:
            time.sleep(wait)
            # Those who wait for their turn are asked to be silent too.
            wait = bucket.quiet_until - time.monotonic()
            if wait > 0 and time.monotonic() + wait > deadline:
                raise Throttled(f"{scope} was asked to be silent for {wait:.1f} s more", scope, wait)

    def quiet(self, scope: str, seconds: float) -> None:
        """Let nobody call before."""
        with self._lock:
            now = time.monotonic()
            bucket = self._buckets.setdefault(scope, _Bucket(0, now))
            bucket.quiet_until = max(bucket.quiet_until, now + seconds)
