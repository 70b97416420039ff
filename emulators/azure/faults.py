"""The faults of Azure: their kinds, and which requests one hits."""

from enum import Enum
from typing import Any, ClassVar

from emulators.azure import fault_errors
from emulators.azure.errors import AzureError, RawAnswer
from emulators.azure.fault_errors import Form
from emulators.azure.request import AzureRequest
from emulators.core import faults
from emulators.core.faults import ANY, THROTTLE, Rule


class FaultKind(Enum):
    """What a hit request meets."""

    THROTTLE = "throttle"
    """A 429 in the `form` asked for."""
    LIMIT = "limit"
    """A 429 past `per_second` calls (bucket of `burst`) of one subscription, or tenant where there is none, and API."""
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
    RAW = "raw"
    """An answer of `status` with `body`, as a proxy in between makes one; `Retry-After` where `seconds` is not 0."""


class Fault(faults.Fault, kw_only=True):
    """One rule. `api`, `subscription`, `resource_group`, `region`, `tenant` say which requests match.

    `seconds` is the wait that a throttled caller is told. `further` rules are for further pages alone. `action` and
    `scope` are for `deny`, which is no matter of chance; `status`, `body` and `content_type` for `raw`.
    """

    which: ClassVar[tuple[str, ...]] = ("api", "subscription", "resource_group", "region", "tenant")

    kind: FaultKind
    api: str = ANY
    subscription: str = ANY
    resource_group: str = ANY
    region: str = ANY
    tenant: str = ANY
    action: str = ANY
    scope: str = "/"
    form: Form = Form.NATIVE
    seconds: int = 1
    further: bool = False
    status: int = 502
    body: str = ""
    content_type: str = "text/html"

    def __post_init__(self) -> None:
        """Refuse what could never fire.

        Raises:
            ValueError: see the rules of all clouds; or the subscription that is to be disabled is missing.
        """
        super().__post_init__()
        if self.kind is FaultKind.DISABLED and self.subscription == ANY:
            raise ValueError("subscription is not set: name the subscription that is to be disabled")

    def matches(self, request: AzureRequest) -> bool:
        """Whether the rule is about this request."""
        if not super().matches(request):
            return False
        if (self.further or self.kind is FaultKind.BAD_PAGE) and not request.further_page:
            return False
        return self.kind is not FaultKind.EXPIRED_TOKEN or bool(request.claims)

    def limited_by(self, request: AzureRequest) -> tuple[str, str]:
        """A subscription, or the tenant where there is none, and an API."""
        return request.subscription or request.tenant, request.api

    def credential(self, request: AzureRequest) -> str:
        """The token."""
        return request.headers.get("authorization", "")

    def takes_away(self, action: str, scope: str) -> bool:
        """Whether it denies an action at this scope."""
        if self.kind is not FaultKind.DENY or self.action.lower() not in {ANY, action.lower()}:
            return False
        return f"{scope.lower().rstrip('/')}/".startswith(f"{self.scope.rstrip('/').lower()}/")

    def disables(self, subscription: str) -> bool:
        """Whether it disables this subscription."""
        return self.kind is FaultKind.DISABLED and self.subscription.lower() == subscription.lower()


class Faults(faults.Faults[Fault, AzureRequest, AzureError]):
    """The rules in force, in Azure's words."""

    played_elsewhere = frozenset({FaultKind.DENY, FaultKind.DISABLED, FaultKind.NO_CONTENT, FaultKind.PARTIAL})

    def __init__(self) -> None:
        super().__init__(Fault)

    def throttle(self, share: float = 1.0, form: str = "native", **settings: Any) -> None:
        """Answer a share of the requests with 429; see `Form` for the forms."""
        self.inject("throttle", rate=share, form=form, **settings)

    def deny(self, scope: str = "/", action: str = ANY, **settings: Any) -> None:
        """Take a permission away at a scope and below."""
        self.inject("deny", scope=scope, action=action, **settings)

    def disable_subscription(self, subscription: str) -> None:
        """Disable a subscription."""
        self.inject("disabled", subscription=subscription)

    def denied(self, action: str, scope: str) -> bool:
        """Whether `action` is denied at this scope."""
        with self._lock:
            rule = next((rule for rule in self._rules if rule.fault.takes_away(action, scope)), None)
            if rule is not None:
                rule.hits += 1
        return rule is not None

    def is_disabled(self, subscription: str) -> bool:
        """Whether the subscription is disabled."""
        with self._lock:
            return any(rule.fault.disables(subscription) for rule in self._rules)

    def refusal(self, kind: str, rule: Rule[Fault], request: AzureRequest) -> AzureError:
        """The error of a fault as this API words it."""
        fault = rule.fault
        if kind == THROTTLE:
            return fault_errors.throttled(request, fault.form, fault.seconds, rule.random)
        match fault.kind:
            case FaultKind.EXPIRED_TOKEN:
                return fault_errors.expired_token()
            case FaultKind.UNAVAILABLE:
                return fault_errors.unavailable(request, fault.seconds or None)
            case FaultKind.BAD_PAGE:
                return fault_errors.bad_page(request)
            case FaultKind.RAW:
                return RawAnswer(fault.status, fault.body, fault.content_type, fault.seconds)
        return fault_errors.internal(request)
