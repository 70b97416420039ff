"""AWS's error codes, by what they mean."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress

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
NOT_THERE = frozenset({"ResourceNotFound", "ResourceNotFoundException"})
VALIDATION = "ValidationException"
"""SageMaker's word for a name that it does not know, among other faults."""


def wait_of(headers: Mapping[str, str]) -> float | None:
    """Seconds that AWS asks to wait, where it says so."""
    with suppress(ValueError):
        return _seconds(headers.get("x-amz-retry-after"), 1000)
    with suppress(ValueError):
        return _seconds(headers.get("retry-after"), 1)  # the form with a date is not AWS's
    return None


def _seconds(text: str | None, parts: int) -> float:
    seconds = float(text or "") / parts
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError(text)
    return seconds
