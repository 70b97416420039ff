"""Faults to inject: which requests one hits, how often, and what they then meet."""

import random
import threading
import time
from collections.abc import Callable
from enum import Enum
from typing import Any

import msgspec

from emulators.gcp.errors import GoogleError, bad_credentials, invalid, permission_denied

_ANY = "*"


class FaultKind(Enum):
    """What a hit request meets."""

    THROTTLE = "throttle"
    """RESOURCE_EXHAUSTED, at `rate`; with a RetryInfo where `retry_seconds` is given."""
    LIMIT = "limit"
    """RESOURCE_EXHAUSTED past `per_second` calls (bucket of `burst`) of one project and API."""
    DENY = "deny"
    """`permission` is missing."""
    UNAVAILABLE = "unavailable"
    """UNAVAILABLE, which the SDKs retry by themselves."""
    INTERNAL = "internal"
    """A server error."""
    EXPIRED_KEY = "expired_key"
    """The service account's key has expired: tokens are refused, and no new one is given."""
    BAD_PAGE_TOKEN = "bad_page_token"  # noqa: S105  # the name of a fault
    """A request for a further page is refused; first pages are not hit."""
    LATENCY = "latency"
    """`latency_ms` of waiting; the request then goes on."""


class Request(msgspec.Struct):
    """What a fault can tell requests apart by."""

    api: str
    project: str
    permission: str
    caller: str = ""
    page_token: str = ""


class Fault(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One rule. `api` (`service:Method` or `service:*`), `project`, `permission` and `caller` say which requests match.

    Of the matching ones, the first `after` pass, then each is hit with probability `rate` (drawn from `seed`, so the
    sequence of draws is always the same), `count` times at most.
    """

    kind: FaultKind
    api: str = _ANY
    project: str = _ANY
    permission: str = _ANY
    caller: str = _ANY
    rate: float = 1.0
    seed: int = 0
    after: int = 0
    count: int | None = None
    latency_ms: int = 0
    retry_seconds: float | None = None
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

    def matches(self, request: Request) -> bool:
        """Whether the rule is about this request."""
        apis = {_ANY, request.api, request.api.split(":")[0] + ":*"}
        if self.api not in apis or self.project not in {_ANY, request.project}:
            return False
        if self.permission not in {_ANY, request.permission} or self.caller not in {_ANY, request.caller}:
            return False
        if self.kind is FaultKind.EXPIRED_KEY:
            return bool(request.caller)
        return self.kind is not FaultKind.BAD_PAGE_TOKEN or bool(request.page_token)


class _Rule:
    """A fault and what it has done so far."""

    def __init__(self, fault: Fault, clock: Callable[[], float]) -> None:
        self.fault = fault
        self.seen = 0
        self.hits = 0
        self._random = random.Random(fault.seed)
        self._clock = clock
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}

    def strikes(self, request: Request) -> bool:
        self.seen += 1
        if self.seen <= self.fault.after or (self.fault.count is not None and self.hits >= self.fault.count):
            return False
        limited = self.fault.kind is FaultKind.LIMIT
        hit = self._empty(request) if limited else self._random.random() < self.fault.rate
        self.hits += hit
        return hit

    def _empty(self, request: Request) -> bool:
        key = (request.project, request.api)
        now = self._clock()
        tokens, then = self._buckets.get(key, (float(self.fault.burst), now))
        tokens = min(float(self.fault.burst), tokens + (now - then) * self.fault.per_second)
        empty = tokens < 1
        self._buckets[key] = (tokens if empty else tokens - 1, now)
        return empty


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

    def throttle(self, share: float = 1.0, retry_info: float | None = None, **which: Any) -> None:
        """Refuse `share` of the calls with RESOURCE_EXHAUSTED; `retry_info` seconds ride along in a RetryInfo."""
        self.add(Fault(kind=FaultKind.THROTTLE, rate=share, retry_seconds=retry_info, **which))

    def limit(self, per_second: float, burst: int = 1, **which: Any) -> None:
        """Refuse what comes faster, by project and API."""
        self.add(Fault(kind=FaultKind.LIMIT, per_second=per_second, burst=burst, **which))

    def deny(self, permission: str, **which: Any) -> None:
        """Take a permission away, such as `monitoring.timeSeries.list`."""
        self.add(Fault(kind=FaultKind.DENY, permission=permission, **which))

    def unavailable(self, share: float = 1.0, **which: Any) -> None:
        """Answer UNAVAILABLE."""
        self.add(Fault(kind=FaultKind.UNAVAILABLE, rate=share, **which))

    def internal(self, share: float = 1.0, **which: Any) -> None:
        """Answer INTERNAL."""
        self.add(Fault(kind=FaultKind.INTERNAL, rate=share, **which))

    def latency(self, seconds: float, **which: Any) -> None:
        """Let calls wait."""
        self.add(Fault(kind=FaultKind.LATENCY, latency_ms=round(seconds * 1000), **which))

    def expired_key(self, caller: str = _ANY) -> None:
        """Expire the key of a service account (its address), or of every one."""
        self.add(Fault(kind=FaultKind.EXPIRED_KEY, caller=caller))

    def bad_page_token(self, **which: Any) -> None:
        """Refuse further pages."""
        self.add(Fault(kind=FaultKind.BAD_PAGE_TOKEN, **which))

    def clear(self) -> None:
        """Lift every rule."""
        with self._lock:
            self._rules.clear()

    def state(self) -> list[dict[str, Any]]:
        """Each rule with the number of requests it has `seen` and of those it has hit (`hits`)."""
        with self._lock:
            return [{**msgspec.to_builtins(r.fault), "seen": r.seen, "hits": r.hits} for r in self._rules]

    def denied(self, request: Request) -> bool:
        """Whether a permission that a request needs besides its first is taken away."""
        with self._lock:
            rules = [rule for rule in self._rules if rule.fault.kind is FaultKind.DENY]
            return any(rule.fault.matches(request) and rule.strikes(request) for rule in rules)

    def meet(self, request: Request) -> tuple[float, str, GoogleError] | tuple[float, None, None]:
        """(seconds to wait, kind, error): the first refusal wins, and the waits before it add up."""
        wait = 0.0
        with self._lock:
            for rule in self._rules:
                if not (rule.fault.matches(request) and rule.strikes(request)):
                    continue
                wait += rule.fault.latency_ms / 1000
                if rule.fault.kind is not FaultKind.LATENCY:
                    kind = "throttle" if rule.fault.kind is FaultKind.LIMIT else rule.fault.kind.value
                    return wait, kind, _error(rule.fault, request)
        return wait, None, None


def _error(fault: Fault, request: Request) -> GoogleError:
    service = request.api.split(":")[0]
    if fault.kind in {FaultKind.THROTTLE, FaultKind.LIMIT}:
        return _throttled(fault, request, service)
    if fault.kind is FaultKind.DENY:
        deny = {"bigquery": bigquery_denied, "monitoring": _monitoring_denied}.get(service, _denied)
        return deny(request.permission, request.project)
    return {
        FaultKind.UNAVAILABLE: GoogleError("UNAVAILABLE", "The service is currently unavailable."),
        FaultKind.INTERNAL: GoogleError("INTERNAL", "Internal error encountered."),
        FaultKind.EXPIRED_KEY: bad_credentials("the key has expired"),
        FaultKind.BAD_PAGE_TOKEN: invalid("The page token is invalid or has expired."),
    }[fault.kind]


def _denied(permission: str, project: str) -> GoogleError:
    return permission_denied(permission, f"projects/{project}")


def _monitoring_denied(permission: str, _project: str) -> GoogleError:
    """Monitoring says it in a message alone, without an ErrorInfo."""
    return GoogleError("PERMISSION_DENIED", f"Permission {permission} denied (or the resource may not exist).")


def bigquery_denied(permission: str, project: str) -> GoogleError:
    """A permission that the caller lacks on a project, as BigQuery says it."""
    message = f"Access Denied: Project {project}: User does not have {permission} permission in project {project}."
    return GoogleError("PERMISSION_DENIED", message, rest_reason="accessDenied")


def _throttled(fault: Fault, request: Request, service: str) -> GoogleError:
    limit = f"{request.api.split(':')[1]} requests per minute per project"
    if service == "bigquery":
        message = (
            "Exceeded rate limits: too many concurrent queries for this project_and_region. For more information, see "
            "https://cloud.google.com/bigquery/docs/troubleshoot-quotas"
        )
    else:
        message = (
            f"Quota exceeded for quota metric '{limit}' and limit '{limit}' of service '{service}.googleapis.com' for "
            f"consumer 'projects/{request.project}'."
        )
    return GoogleError(
        "RESOURCE_EXHAUSTED",
        message,
        reason="RATE_LIMIT_EXCEEDED",
        metadata={"service": f"{service}.googleapis.com", "consumer": f"projects/{request.project}"},
        retry_seconds=fault.retry_seconds,
        quota=(f"projects/{request.project}", message),
        # BigQuery answers 403 with this reason, the others 429.
        http=403 if service == "bigquery" else None,
    )
