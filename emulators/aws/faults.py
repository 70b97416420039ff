"""The faults of AWS: their kinds, and which requests one hits."""

from enum import Enum
from typing import ClassVar

from emulators.aws.errors import AwsError
from emulators.aws.fault_errors import fault_error
from emulators.aws.request import AwsRequest
from emulators.core import faults
from emulators.core.faults import ANY, Rule


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


class Fault(faults.Fault, kw_only=True):
    """One rule. `service`, `action`, `region`, `account` say which requests match.

    `resource` is the role's ARN in STS's AssumeRole, and the path (bucket and key in S3) elsewhere; `account` is the
    caller's.
    `retry_after_ms` adds `Retry-After` (whole seconds, rounded up) and `x-amz-retry-after` (milliseconds).
    """

    which: ClassVar[tuple[str, ...]] = ("service", "action", "region", "account", "resource")

    kind: FaultKind
    service: str = ANY
    action: str = ANY
    region: str = ANY
    account: str = ANY
    resource: str = ANY
    retry_after_ms: int | None = None

    def matches(self, request: AwsRequest) -> bool:
        """Whether the rule is about this request."""
        if not super().matches(request):
            return False
        if self.kind is FaultKind.BAD_PAGE_TOKEN:
            return request.page_token is not None
        return self.kind is not FaultKind.EXPIRED_TOKEN or request.temporary_credentials

    def limited_by(self, request: AwsRequest) -> tuple[str, str, str]:
        """An account, a region and an API."""
        return request.account, request.region, request.api

    def credential(self, request: AwsRequest) -> str:
        """The access key."""
        return request.access_key


class Faults(faults.Faults[Fault, AwsRequest, AwsError]):
    """The rules in force, in AWS's words."""

    def __init__(self) -> None:
        super().__init__(Fault)

    def refusal(self, kind: str, rule: Rule[Fault], request: AwsRequest) -> AwsError:
        """The error of a fault in the protocol of its request."""
        return fault_error(kind, request, rule.fault.retry_after_ms)
