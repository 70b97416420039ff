"""The faults of Google Cloud: their kinds, and which requests one hits."""

from enum import Enum
from typing import Any, ClassVar

from emulators.core import faults
from emulators.core.faults import ANY, Rule
from emulators.gcp.errors import GoogleError
from emulators.gcp.fault_errors import Request, fault_error


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


class Fault(faults.Fault, kw_only=True):
    """One rule. `api` (`service:Method` or `service:*`), `project`, `permission` and `caller` say which requests match.

    `retry_seconds` makes a RetryInfo of a throttled call.
    """

    which: ClassVar[tuple[str, ...]] = ("api", "project", "permission", "caller")

    kind: FaultKind
    api: str = ANY
    project: str = ANY
    permission: str = ANY
    caller: str = ANY
    retry_seconds: float | None = None

    def matches(self, request: Request) -> bool:
        """Whether the rule is about this request."""
        if not super().matches(request):
            return False
        if self.kind is FaultKind.EXPIRED_KEY:
            return bool(request.caller)
        return self.kind is not FaultKind.BAD_PAGE_TOKEN or bool(request.page_token)

    def limited_by(self, request: Request) -> tuple[str, str]:
        """A project and an API."""
        return request.project, request.api


class Faults(faults.Faults[Fault, Request, GoogleError]):
    """The rules in force, in Google's words."""

    def __init__(self) -> None:
        super().__init__(Fault)

    def throttle(self, share: float = 1.0, retry_info: float | None = None, **which: Any) -> None:
        """Refuse `share` of the calls with RESOURCE_EXHAUSTED; `retry_info` seconds ride along in a RetryInfo."""
        self.inject("throttle", rate=share, retry_seconds=retry_info, **which)

    def limit(self, per_second: float, burst: int = 1, **which: Any) -> None:
        """Refuse what comes faster, by project and API."""
        self.inject("limit", per_second=per_second, burst=burst, **which)

    def deny(self, permission: str, **which: Any) -> None:
        """Take a permission away, such as `monitoring.timeSeries.list`."""
        self.inject("deny", permission=permission, **which)

    def unavailable(self, share: float = 1.0, **which: Any) -> None:
        """Answer UNAVAILABLE."""
        self.inject("unavailable", rate=share, **which)

    def internal(self, share: float = 1.0, **which: Any) -> None:
        """Answer INTERNAL."""
        self.inject("internal", rate=share, **which)

    def latency(self, seconds: float, **which: Any) -> None:
        """Let calls wait."""
        self.inject("latency", latency_ms=round(seconds * 1000), **which)

    def expired_key(self, caller: str = ANY) -> None:
        """Expire the key of a service account (its address), or of every one."""
        self.inject("expired_key", caller=caller)

    def bad_page_token(self, **which: Any) -> None:
        """Refuse further pages."""
        self.inject("bad_page_token", **which)

    def denied(self, request: Request) -> bool:
        """Whether a permission that a request needs besides its first is taken away."""
        return self.strikes(FaultKind.DENY, request)

    def refusal(self, kind: str, rule: Rule[Fault], request: Request) -> GoogleError:
        """The error of a fault as its service words it."""
        return fault_error(kind, request, rule.fault.retry_seconds)
