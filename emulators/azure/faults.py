"""Faults to inject: which requests one hits, how often, and for how long."""

import threading
from enum import Enum
from random import Random
from typing import Any

import msgspec

from emulators.azure import fault_errors
from emulators.azure.errors import AzureError
from emulators.azure.fault_errors import Form
from emulators.azure.request import AzureRequest

_ANY = "*"


class FaultKind(Enum):
    """What a hit request meets."""

    THROTTLE = "throttle"
    """A 429 in the `form` asked for."""
    DENY = "deny"
    """No permission for `action` at `scope` and below: Resource Graph leaves the rows out, all others answer 403."""
    DISABLED = "disabled"
    """`subscription` is disabled."""
    EXPIRED_TOKEN = "expired_token"  # noqa: S105  # the name of a fault
    """A token used before the fault fired has expired from then on; later ones work."""
    INTERNAL = "internal"
    """A 500."""
    UNAVAILABLE = "unavailable"
    """A 503, with `Retry-After` where `seconds` is more than 0."""
    LATENCY = "latency"
    """`latency_ms` of waiting; the request then goes on."""
    BAD_PAGE = "bad_page"
    """A request for a further page is refused; first pages are not hit."""
    NO_CONTENT = "no_content"
    """A 204: Cost Management's word for nothing to tell."""
    PARTIAL = "partial"
    """A logs query gives some of its rows and a partial error."""


class Fault(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One rule. `api`, `subscription`, `resource_group`, `region`, `tenant` say which requests match; `*` is any.

    Of the matching ones, the first `after` pass, then each is hit with probability `rate` (drawn from `seed`, so that
    the sequence of draws is always the same), `count` times at most. `seconds` is the wait that a throttled caller
    is told. `further` rules are for further pages alone. `action` and `scope` are for `deny`, which is no matter of
    chance.
    """

    kind: FaultKind
    api: str = _ANY
    subscription: str = _ANY
    resource_group: str = _ANY
    region: str = _ANY
    tenant: str = _ANY
    action: str = _ANY
    scope: str = "/"
    form: Form = Form.NATIVE
    seconds: int = 1
    rate: float = 1.0
    seed: int = 0
    after: int = 0
    count: int | None = None
    latency_ms: int = 0
    further: bool = False

    def __post_init__(self) -> None:
        """Refuse what could never fire.

        Raises:
            ValueError: a rate outside 0 to 1, or the setting that this kind lives by is missing.
        """
        if not 0 <= self.rate <= 1:
            raise ValueError(f"rate is {self.rate}: a probability from 0 to 1 is needed")
        if self.kind is FaultKind.LATENCY and self.latency_ms <= 0:
            raise ValueError(f"latency_ms is {self.latency_ms}: a latency fault needs more than 0")
        if self.kind is FaultKind.DISABLED and self.subscription == _ANY:
            raise ValueError("subscription is not set: name the subscription that is to be disabled")

    def matches(self, request: AzureRequest) -> bool:
        """Whether the rule is about this request."""
        pairs = (
            (self.api, request.api),
            (self.subscription, request.subscription),
            (self.resource_group, request.resource_group),
            (self.region, request.region),
            (self.tenant, request.tenant),
        )
        if any(want not in {_ANY, got} and want.lower() != got.lower() for want, got in pairs):
            return False
        if (self.further or self.kind is FaultKind.BAD_PAGE) and not request.further_page:
            return False
        return self.kind is not FaultKind.EXPIRED_TOKEN or bool(request.claims)


class _Rule:
    """A fault and what it has done so far."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.seen = 0
        self.hits = 0
        self.random = Random(fault.seed)
        self._known: set[str] = set()
        self._expired: set[str] = set()

    def strikes(self, request: AzureRequest) -> bool:
        self.seen += 1
        hit = self._has_expired(request) if self.fault.kind is FaultKind.EXPIRED_TOKEN else self._drawn()
        self.hits += hit
        return hit

    def _drawn(self) -> bool:
        if self.seen <= self.fault.after or (self.fault.count is not None and self.hits >= self.fault.count):
            return False
        return self.random.random() < self.fault.rate

    def _has_expired(self, request: AzureRequest) -> bool:
        token = request.headers.get("authorization", "")
        self._known.add(token)
        if self.seen == self.fault.after + 1:
            self._expired = set(self._known)
        return token in self._expired

    def denies(self, action: str, scope: str) -> bool:
        wanted = self.fault.scope.rstrip("/").lower()
        if self.fault.kind is not FaultKind.DENY or self.fault.action.lower() not in {_ANY, action.lower()}:
            return False
        hit = f"{scope.lower().rstrip('/')}/".startswith(f"{wanted}/")
        self.hits += hit
        return hit


_STATES = {FaultKind.DENY, FaultKind.DISABLED}
_OURS = {FaultKind.NO_CONTENT, FaultKind.PARTIAL}


class Faults:
    """The rules in force, asked in the order in which they were added. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[_Rule] = []

    def add(self, fault: Fault) -> None:
        """Put a rule in force."""
        with self._lock:
            self._rules.append(_Rule(fault))

    def inject(self, kind: str, **settings: Any) -> None:
        """Put a rule in force: `inject("throttle", api="metrics:getBatch", rate=0.3, form="any")`.

        Raises:
            ValueError: an unknown kind or setting, or a value that is not allowed.
        """
        self.add(msgspec.convert({"kind": kind, **settings}, Fault))

    def throttle(self, share: float = 1.0, form: str = "native", **settings: Any) -> None:
        """Answer a share of the requests with 429; see `Form` for the forms."""
        self.inject("throttle", rate=share, form=form, **settings)

    def deny(self, scope: str = "/", action: str = _ANY, **settings: Any) -> None:
        """Take a permission away at a scope and below."""
        self.inject("deny", scope=scope, action=action, **settings)

    def disable_subscription(self, subscription: str) -> None:
        """Disable a subscription."""
        self.inject("disabled", subscription=subscription)

    def clear(self) -> None:
        """Lift every rule."""
        with self._lock:
            self._rules.clear()

    def state(self) -> list[dict[str, Any]]:
        """Each rule with the number of requests it has `seen` and of those it has hit (`hits`)."""
        with self._lock:
            return [{**msgspec.to_builtins(r.fault), "seen": r.seen, "hits": r.hits} for r in self._rules]

    def denied(self, action: str, scope: str) -> bool:
        """Whether `action` is denied at this scope."""
        with self._lock:
            return any(rule.denies(action, scope) for rule in self._rules)

    def is_disabled(self, subscription: str) -> bool:
        """Whether the subscription is disabled."""
        with self._lock:
            return any(
                rule.fault.kind is FaultKind.DISABLED and rule.fault.subscription.lower() == subscription.lower()
                for rule in self._rules
            )

    def strikes(self, kind: FaultKind, request: AzureRequest) -> bool:
        """Whether a fault that the service itself plays out hits this request."""
        with self._lock:
            rules = [rule for rule in self._rules if rule.fault.kind is kind and rule.fault.matches(request)]
            hits = [rule.strikes(request) for rule in rules]  # every rule counts what it has seen
        return any(hits)

    def meet(self, request: AzureRequest) -> tuple[float, str, AzureError] | tuple[float, None, None]:
        """(seconds to wait, kind, error): the first refusal wins, and the waits before it add up."""
        wait = 0.0
        with self._lock:
            for rule in self._rules:
                if rule.fault.kind in _STATES | _OURS or not (rule.fault.matches(request) and rule.strikes(request)):
                    continue
                wait += rule.fault.latency_ms / 1000
                if rule.fault.kind is not FaultKind.LATENCY:
                    return wait, rule.fault.kind.value, _error(rule, request)
        return wait, None, None


def _error(rule: _Rule, request: AzureRequest) -> AzureError:
    fault = rule.fault
    match fault.kind:
        case FaultKind.THROTTLE:
            return fault_errors.throttled(request, fault.form, fault.seconds, rule.random)
        case FaultKind.EXPIRED_TOKEN:
            return fault_errors.expired_token()
        case FaultKind.UNAVAILABLE:
            return fault_errors.unavailable(request, fault.seconds or None)
        case FaultKind.BAD_PAGE:
            return fault_errors.bad_page(request)
    return fault_errors.internal(request)
