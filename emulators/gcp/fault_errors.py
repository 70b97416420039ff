"""The error with which each service meets a fault: status, words and details as Google sends them."""

from typing import NamedTuple

from emulators.core.faults import THROTTLE
from emulators.gcp.errors import GoogleError, bad_credentials, invalid, permission_denied


class Request(NamedTuple):
    """What a fault can tell requests apart by."""

    api: str
    project: str
    permission: str
    caller: str = ""
    page_token: str = ""


def fault_error(kind: str, request: Request, retry_seconds: float | None) -> GoogleError:
    """The error of fault `kind` (a `FaultKind` value) for this request."""
    service = request.api.split(":")[0]
    if kind == THROTTLE:
        return _throttled(request, service, retry_seconds)
    if kind == "deny":
        deny = {"bigquery": bigquery_denied, "monitoring": _monitoring_denied}.get(service, _denied)
        return deny(request.permission, request.project)
    return {
        "unavailable": GoogleError("UNAVAILABLE", "The service is currently unavailable."),
        "internal": GoogleError("INTERNAL", "Internal error encountered."),
        "expired_key": bad_credentials("the key has expired"),
        "bad_page_token": invalid("The page token is invalid or has expired."),
    }[kind]


def _denied(permission: str, project: str) -> GoogleError:
    return permission_denied(permission, f"projects/{project}")


def _monitoring_denied(permission: str, _project: str) -> GoogleError:
    """Monitoring says it in a message alone, without an ErrorInfo."""
    return GoogleError("PERMISSION_DENIED", f"Permission {permission} denied (or the resource may not exist).")


def bigquery_denied(permission: str, project: str) -> GoogleError:
    """A permission that the caller lacks on a project, as BigQuery says it."""
    message = f"Access Denied: Project {project}: User does not have {permission} permission in project {project}."
    return GoogleError("PERMISSION_DENIED", message, rest_reason="accessDenied")


def _throttled(request: Request, service: str, retry_seconds: float | None) -> GoogleError:
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
        retry_seconds=retry_seconds,
        quota=(f"projects/{request.project}", message),
        # BigQuery answers 403 with this reason, the others 429.
        http=403 if service == "bigquery" else None,
    )
