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

LONGEST_WAIT = 24 * 3600.0
"""Seconds: no provider is left alone for longer by its own word, which may be a mistake."""


@dataclass(frozen=True)
class Quota:
    """A token bucket."""

    #: Calls a second, in the long run.
    rate: float
    #: Calls that may come at once.
    burst: int


@dataclass(frozen=True)
class Scope:
    """What a provider counts the calls of, and how many it takes."""

    name: str
    quota: Quota


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
    #: Seconds of silence that there were in all: so much later does everybody come who waits.
    silence: float = 0.0


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
            free = max(now, bucket.quiet_until)
            tokens = min(quota.burst, bucket.tokens + (free - bucket.updated) * quota.rate)
            wait = free - now + max(0.0, (1 - tokens) / quota.rate)
            if now + wait > deadline:
                raise Throttled(f"the quota of {scope} is used up for {wait:.1f} s", scope, wait)
            bucket.tokens, bucket.updated = tokens - 1, free
            silence = bucket.silence
        while wait > 0:
            time.sleep(wait)
            # Those who wait for their turn are asked to be silent too.
            with self._lock:
                wait, silence = bucket.silence - silence, bucket.silence
            if time.monotonic() + wait > deadline:
                raise Throttled(f"{scope} was asked to be silent for {wait:.1f} s more", scope, wait)

    def quiet(self, scope: str, seconds: float) -> None:
        """Let nobody call before. Nothing flows in meanwhile, and turns stay as far apart as they were."""
        with self._lock:
            now = time.monotonic()
            bucket = self._buckets.setdefault(scope, _Bucket(0, now))
            former = max(now, bucket.quiet_until)
            bucket.quiet_until = max(former, now + seconds)
            bucket.updated += bucket.quiet_until - former
            bucket.silence += bucket.quiet_until - former
