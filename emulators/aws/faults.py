"""Faults to inject: which requests one hits, how often, and for how long."""

import random
import threading
import time
from collections.abc import Callable
from enum import Enum
from typing import Any

import msgspec

from emulators.aws.errors import AwsError
from emulators.aws.fault_errors import fault_error
from emulators.aws.request import AwsRequest

_ANY = "*"


class FaultKind(Enum):
    """What a hit request meets."""

    THROTTLE = "throttle"
    """A throttling error, at `rate`."""
    LIMIT = "limit"
    """A throttling error past `per_second` calls (bucket of `burst`) of one account, region and API."""
    DENY = "deny"
    """No permission."""
    EXPIRED_TOKEN = "expired_token"  # noqa: S105  # the name of a fault
    """Temporary credentials used before the fault fired are expired from then on; later ones work."""
    AUTH_FAILURE = "auth_failure"
    """Credentials that this region does not know, as in a region that is not enabled."""
    LATENCY = "latency"
    """`latency_ms` of waiting; the request then goes on."""
    BAD_PAGE_TOKEN = "bad_page_token"  # noqa: S105  # the name of a fault
    """A request for a further page is refused; first pages are not hit."""
    CLOCK_SKEW = "clock_skew"
    """The caller's clock is wrong."""
    INTERNAL = "internal"
    """A server error."""


class Fault(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One rule. `service`, `action`, `region`, `account` say which requests match; `*` is any.

    `resource` is the role's ARN in STS's AssumeRole, and the path (bucket and key in S3) elsewhere; `account` is the
    caller's.

    Of the matching ones, the first `after` pass, then each is hit with probability `rate` (drawn from `seed`, so the
    sequence of draws is always the same), `count` times at most.
    `retry_after_ms` adds `Retry-After` (whole seconds, rounded up) and `x-amz-retry-after` (milliseconds).
    """

    kind: FaultKind
    service: str = _ANY
    action: str = _ANY
    region: str = _ANY
    account: str = _ANY
    resource: str = _ANY
    rate: float = 1.0
    seed: int = 0
    after: int = 0
    count: int | None = None
    latency_ms: int = 0
    retry_after_ms: int | None = None
    per_second: float = 0.0
    burst: int = 1

    def __post_init__(self) -> None:
        """Refuse what could never fire.

        Raises:
            ValueError: a rate outside 0 to 1, or the setting that this kind lives by is missing.
        """
        if not 0 <= self.rate <= 1:
            raise ValueError(f"rate is {self.rate}: a probability from 0 to 1 is needed")
        if self.kind is FaultKind.LATENCY and self.latency_ms <= 0:
            raise ValueError(f"latency_ms is {self.latency_ms}: a latency fault needs more than 0")
        if self.kind is FaultKind.LIMIT and self.per_second <= 0:
            raise ValueError(f"per_second is {self.per_second}: a limit needs more than 0")

    def matches(self, request: AwsRequest) -> bool:
        """Whether the rule is about this request."""
        pairs = (
            (self.service, request.service),
            (self.action, request.action),
            (self.region, request.region),
            (self.account, request.account),
            (self.resource, request.resource),
        )
        if any(want not in {_ANY, got} for want, got in pairs):
            return False
        if self.kind is FaultKind.BAD_PAGE_TOKEN:
            return request.page_token is not None
        return self.kind is not FaultKind.EXPIRED_TOKEN or request.temporary_credentials


class _Rule:
    """A fault and what it has done so far."""

    def __init__(self, fault: Fault, clock: Callable[[], float]) -> None:
        self.fault = fault
        self.seen = 0
        self.hits = 0
        self._random = random.Random(fault.seed)
        self._clock = clock
        self._buckets: dict[tuple[str, str, str], tuple[float, float]] = {}
        self._known_keys: set[str] = set()
        self._expired_keys: set[str] = set()

    def strikes(self, request: AwsRequest) -> bool:
        self.seen += 1
        if self.fault.kind is FaultKind.EXPIRED_TOKEN:
            return self._expired(request.access_key)
        return self._drawn(request)

    def _drawn(self, request: AwsRequest) -> bool:
        if self.seen <= self.fault.after or (self.fault.count is not None and self.hits >= self.fault.count):
            return False
        limited = self.fault.kind is FaultKind.LIMIT
        hit = self._empty(request) if limited else self._random.random() < self.fault.rate
        self.hits += hit
        return hit

    def _empty(self, request: AwsRequest) -> bool:
        key = (request.account, request.region, request.api)
        now = self._clock()
        tokens, then = self._buckets.get(key, (float(self.fault.burst), now))
        tokens = min(float(self.fault.burst), tokens + (now - then) * self.fault.per_second)
        empty = tokens < 1
        self._buckets[key] = (tokens if empty else tokens - 1, now)
        return empty

    def _expired(self, access_key: str) -> bool:
        self._known_keys.add(access_key)
        if self.seen == self.fault.after + 1:
            self._expired_keys = set(self._known_keys)
        hit = access_key in self._expired_keys
        self.hits += hit
        return hit


class Faults:
    """The rules in force, asked in the order in which they were added. Safe to use from many threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._rules: list[_Rule] = []

    def add(self, fault: Fault) -> None:
        """Put a rule in force."""
        with self._lock:
            self._rules.append(_Rule(fault, self._clock))

    def clear(self) -> None:
        """Lift every rule."""
        with self._lock:
            self._rules.clear()

    def state(self) -> list[dict[str, Any]]:
        """Each rule with the number of requests it has `seen` and of those it has hit (`hits`)."""
        with self._lock:
            return [{**msgspec.to_builtins(r.fault), "seen": r.seen, "hits": r.hits} for r in self._rules]

    def meet(self, request: AwsRequest) -> tuple[float, str, AwsError] | tuple[float, None, None]:
        """(seconds to wait, kind, error): the first refusal wins, and the waits before it add up."""
        wait = 0.0
        with self._lock:
            for rule in self._rules:
                if not (rule.fault.matches(request) and rule.strikes(request)):
                    continue
                wait += rule.fault.latency_ms / 1000
                if rule.fault.kind is not FaultKind.LATENCY:
                    kind = "throttle" if rule.fault.kind is FaultKind.LIMIT else rule.fault.kind.value
                    return wait, kind, fault_error(kind, request, rule.fault.retry_after_ms)
        return wait, None, None
