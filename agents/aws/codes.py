"""AWS's error codes, by what they mean."""

from __future__ import annotations

from collections.abc import Mapping

from agents.core.limits import LONGEST_WAIT
from agents.core.retry_after import parse_seconds

TOO_MANY_REQUESTS = 429
THROTTLES = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})
REQUEST_EXPIRED = "RequestExpired"
"""EC2's word for two things: the credentials are expired, or the clock is wrong."""
CLOCK_SKEW = frozenset({"RequestTimeTooSkewed", "RequestInTheFuture"})
SIGNATURE = frozenset({"SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature"})
INVALID_KEYS = frozenset(
    {
        "AuthFailure",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "UnrecognizedClientException",
    }
)
NOT_ENABLED = frozenset({"OptInRequired", "SubscriptionRequiredException", "Blocked", "PendingVerification"})
NOT_ALLOWED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "Forbidden",
        "NotAuthorized",
        "UnauthorizedException",
        "UnauthorizedOperation",
    }
)
PAGE_TOKEN = frozenset(
    {
        "BillExpirationException",
        "ExpiredNextTokenException",
        "InvalidNextToken",
        "InvalidNextTokenException",
        "InvalidPaginationToken",
        "InvalidPaginationTokenException",
        "RequestChangedException",
    }
)
NOT_THERE = frozenset({"404", "NoSuchKey", "ResourceNotFound", "ResourceNotFoundException"})
"""S3 answers a head without a word but the status."""
VALIDATION = "ValidationException"
"""SageMaker's word for a name that it does not know, among other faults."""


def wait_of(headers: Mapping[str, str]) -> float | None:
    """Seconds that AWS asks to wait, where it says so. The form with a date is not AWS's."""
    milliseconds = parse_seconds(headers.get("x-amz-retry-after", ""), 1000 * LONGEST_WAIT)
    if milliseconds is not None:
        return milliseconds / 1000
    return parse_seconds(headers.get("retry-after", ""), LONGEST_WAIT)
