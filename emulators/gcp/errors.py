"""Errors in Google's shapes: a gRPC status with details, and the REST object with its list of reasons."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

# google.rpc.Code: number, and the HTTP status that REST answers with.
_CODES = {
    "INVALID_ARGUMENT": (3, HTTPStatus.BAD_REQUEST),
    "DEADLINE_EXCEEDED": (4, HTTPStatus.GATEWAY_TIMEOUT),
    "NOT_FOUND": (5, HTTPStatus.NOT_FOUND),
    "PERMISSION_DENIED": (7, HTTPStatus.FORBIDDEN),
    "RESOURCE_EXHAUSTED": (8, HTTPStatus.TOO_MANY_REQUESTS),
    "FAILED_PRECONDITION": (9, HTTPStatus.BAD_REQUEST),
    "INTERNAL": (13, HTTPStatus.INTERNAL_SERVER_ERROR),
    "UNAVAILABLE": (14, HTTPStatus.SERVICE_UNAVAILABLE),
    "UNAUTHENTICATED": (16, HTTPStatus.UNAUTHORIZED),
}
# BigQuery's own reason for a status that has no better one.
_REASONS = {
    "INVALID_ARGUMENT": "invalid",
    "NOT_FOUND": "notFound",
    "PERMISSION_DENIED": "accessDenied",
    "RESOURCE_EXHAUSTED": "rateLimitExceeded",
    "INTERNAL": "internalError",
    "UNAVAILABLE": "backendError",
    "UNAUTHENTICATED": "authError",
}
_TYPE_URL = "type.googleapis.com/google.rpc."


@dataclass
class GoogleError(Exception):
    """A refusal. `code` is a google.rpc.Code by name.

    `reason`, `domain` and `metadata` make an ErrorInfo; `retry_seconds` a RetryInfo; `quota` (subject, description) a
    QuotaFailure; `rest_reason` is the reason in REST's list of errors, `http` its status where it is an unusual one.
    """

    code: str
    message: str
    reason: str = ""
    domain: str = "googleapis.com"
    metadata: Mapping[str, str] = field(default_factory=dict)
    retry_seconds: float | None = None
    quota: tuple[str, str] | None = None
    rest_reason: str = ""
    http: int | None = None

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    @property
    def http_status(self) -> int:
        """The status of the REST answer."""
        return self.http or int(_CODES[self.code][1])

    def status(self) -> Any:
        """The google.rpc.Status with its details, for grpc-status-details-bin."""
        from google.protobuf import any_pb2  # noqa: PLC0415  # loaded when a server runs
        from google.rpc import status_pb2  # noqa: PLC0415  # loaded when a server runs

        status = status_pb2.Status(code=_CODES[self.code][0], message=self.message)
        for detail in self._details():
            packed = any_pb2.Any()
            packed.Pack(detail)
            status.details.append(packed)
        return status

    def rest_error(self) -> dict[str, Any]:
        """One entry of REST's `errors`, which is also a job's `errorResult`."""
        return {"domain": "global", "reason": self.rest_reason or _REASONS[self.code], "message": self.message}

    def rest_body(self) -> dict[str, Any]:
        """The whole REST answer."""
        details: list[dict[str, Any]] = []
        if self.reason:
            info = {"reason": self.reason, "domain": self.domain, "metadata": dict(self.metadata)}
            details.append({"@type": f"{_TYPE_URL}ErrorInfo", **info})
        if self.retry_seconds is not None:
            details.append({"@type": f"{_TYPE_URL}RetryInfo", "retryDelay": f"{self.retry_seconds:g}s"})
        error = {
            "code": self.http_status,
            "message": self.message,
            "status": self.code,
            "errors": [self.rest_error()],
        }
        return {"error": error | ({"details": details} if details else {})}

    def _details(self) -> list[Any]:
        from google.rpc import error_details_pb2 as details  # noqa: PLC0415  # loaded when a server runs

        found: list[Any] = []
        if self.reason:
            found.append(details.ErrorInfo(reason=self.reason, domain=self.domain, metadata=dict(self.metadata)))
        if self.retry_seconds is not None:
            whole = int(self.retry_seconds)
            retry = details.RetryInfo()
            retry.retry_delay.seconds = whole
            retry.retry_delay.nanos = round((self.retry_seconds - whole) * 1e9)
            found.append(retry)
        if self.quota is not None:
            failure = details.QuotaFailure()
            failure.violations.add(subject=self.quota[0], description=self.quota[1])
            found.append(failure)
        return found


def invalid(message: str) -> GoogleError:
    """INVALID_ARGUMENT."""
    return GoogleError("INVALID_ARGUMENT", message)


def invalid_field(name: str, value: object, why: str) -> GoogleError:
    """INVALID_ARGUMENT as Monitoring words it."""
    return invalid(f'Field {name} had an invalid value of "{value}": {why}')


def permission_denied(permission: str, resource: str) -> GoogleError:
    """A permission that the caller lacks, by name."""
    return GoogleError(
        "PERMISSION_DENIED",
        f"Permission '{permission}' denied on resource '{resource}' (or it may not exist).",
        reason="IAM_PERMISSION_DENIED",
        domain="iam.googleapis.com",
        metadata={"permission": permission, "resource": resource},
    )


def no_credentials() -> GoogleError:
    """A call without credentials."""
    return GoogleError(
        "UNAUTHENTICATED",
        "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other "
        "valid authentication credential.",
        reason="CREDENTIALS_MISSING",
        rest_reason="required",
    )


def bad_credentials(why: str) -> GoogleError:
    """Credentials that do not hold; the reason is in the ErrorInfo's metadata, for whoever reads a test's failure."""
    return GoogleError(
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
        "authentication credential.",
        reason="ACCESS_TOKEN_TYPE_UNSUPPORTED" if why == "not a token of this server" else "ACCESS_TOKEN_EXPIRED",
        metadata={"why": why},
    )
