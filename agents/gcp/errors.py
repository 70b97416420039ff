"""What Google and its libraries say, in our words: what happened, where, and what mends it. Never a secret."""

from __future__ import annotations

import logging
import re
import traceback
from typing import Any

from agents.core.api_call import throttled
from agents.core.errors import ExpiredCredentials
from agents.gcp.api_call import GcpCall
from agents.gcp.details import Details
from agents.gcp.permissions import permission_of
from telemetry.errors import CollectionError, CollectionFailed, Denied, Unavailable
from telemetry.redact import redact

logger = logging.getLogger(__name__)

_NAME = r"[a-z]\w*(?:\.\w+){2,3}"
_PERMISSION = re.compile(rf"(?i:permission)s? '?({_NAME})\b|\b({_NAME}) (?i:permission)")
_DELETED = re.compile(r"(?i)has been deleted|is (?:scheduled|marked) for deletion|project .*not (?:be )?found")
_NOT_ENABLED = re.compile(r"(?i)has not been used in project|it is disabled|is not enabled")
_NO_METRIC = re.compile(r"(?i)cannot find metric")
_NO_PARTITIONS = re.compile(r"(?i)unrecognized name: `?_PARTITIONTIME")
# What the program printed may be a token.
_OUTPUT = re.compile(r"(?s)(?<=return code).*")
_HTML = re.compile(r"(?i)<(?:!doctype|html|head|body)\b")
_CERTIFICATE = re.compile(r"(?i)certificate.verify.failed|handshake")
_PAGE_TOKEN = re.compile(r"(?i)\bpage.?token\b")
_TABLE_DATA = "bigquery.tables.getData"
_DELETED_REASONS = frozenset({"CONSUMER_INVALID", "RESOURCE_PROJECT_INVALID", "CONSUMER_SUSPENDED"})
_THROTTLE_REASONS = frozenset({"rateLimitExceeded", "quotaExceeded", "RATE_LIMIT_EXCEEDED", "jobRateLimitExceeded"})
_SERVER_REASONS = frozenset({"backendError", "internalError", "jobBackendError", "jobInternalError"})
_MAX_TEXT = 500
_SERVER_ERROR = 500
_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TOO_MANY, _CANCELLED = 400, 401, 403, 404, 429, 499


class NoSuchMetric(CollectionFailed):
    """Nothing in the project has ever written this metric: that of an agent which is installed nowhere."""


class NotPartitioned(CollectionFailed):
    """A query names BigQuery's pseudo column of partitions, which this table or view does not have."""


def translate(error: Exception, call: GcpCall) -> CollectionError:
    """Our error for whatever Google's libraries raise: of an answer that is none of Google's they raise anything."""
    import requests  # noqa: PLC0415 - an SDK is loaded where it is used
    from google.api_core.exceptions import GoogleAPIError  # noqa: PLC0415 - an SDK is loaded where it is used
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 - an SDK is loaded where it is used

    if isinstance(error, GoogleAPIError):
        return _refused(Details.of(error), call)
    if isinstance(error, GoogleAuthError):
        return _unauthenticated(error, call)
    if isinstance(error, TimeoutError):  # of waiting for a query of BigQuery
        return Unavailable(f"{call}: no answer in time")
    if isinstance(error, requests.RequestException | OSError):
        return Unavailable(f"{call}: {type(error).__name__}: is {_api_host(call)} reached from here?")
    # Its text may hold a piece of the answer, or of the request: neither text nor traceback is shown.
    where = "".join(f"{at.filename}:{at.lineno}" for at in traceback.extract_tb(error.__traceback__)[-1:])
    logger.warning("%s: %s in %s", call, type(error).__name__, where)
    text = f"{call}: {type(error).__name__}: the answer is not of Google's form: does a proxy answer in its place?"
    return Unavailable(text) if isinstance(error, ValueError) else CollectionFailed(text)


def _unauthenticated(error: Any, call: GcpCall) -> CollectionError:
    """The error where no token was given out."""
    from google.auth import exceptions  # noqa: PLC0415 - an SDK is loaded where it is used

    said = str(error.args[0]) if error.args else ""
    text = f"{call}: {_text(_OUTPUT.sub('', said))}"
    if isinstance(error, exceptions.TransportError):
        return Unavailable(f"{call}: the token endpoint was not reached ({type(error).__name__})")
    if getattr(error, "retryable", False):
        return Unavailable(text)
    return ExpiredCredentials(
        f"{text}: Google gives out no token for the credentials of account {call.account!r}: is the key deleted or "
        "expired, does the service account exist, is this machine's clock right? Give a new credentials_file"
    )


def _refused(details: Details, call: GcpCall) -> CollectionError:
    text = f"{call}: {details.name}: {_text(details.message)}"
    return _about_pace(details, call, text) or _about_who(details, call, text) or _about_what(details, call, text)


def _about_pace(details: Details, call: GcpCall, text: str) -> CollectionError | None:
    """The error where the same call may succeed later."""
    status, reason = details.status, details.reason
    if status == _TOO_MANY or reason in _THROTTLE_REASONS:
        call.context.meter.throttle(call.api)
        return throttled(call, text, details.retry_after)
    if _PAGE_TOKEN.search(details.message):
        return Unavailable(f"{text}: the listing broke off between two pages; it is read anew at the next attempt")
    if _CERTIFICATE.search(details.message):
        return Unavailable(f"{text}: if the endpoint's certificate is your own authority's, set gcp.ca_file")
    if status >= _SERVER_ERROR or status in {0, _CANCELLED} or reason in _SERVER_REASONS:
        return Unavailable(text)
    return None


def _about_who(details: Details, call: GcpCall, text: str) -> CollectionError | None:
    """The error where it is about who asks, and whose project."""
    status, reason = details.status, details.reason
    if reason in _DELETED_REASONS or (status in {_FORBIDDEN, _NOT_FOUND} and _DELETED.search(details.message)):
        return Denied(
            f"{text}: project {call.project!r} is deleted or was never there: take account {call.account!r} out of "
            "the configuration, or correct its project_id"
        )
    if status == _UNAUTHORIZED:
        return ExpiredCredentials(
            f"{text}: Google does not take the credentials of account {call.account!r}: is the key deleted, disabled "
            "or expired? Give a new credentials_file"
        )
    return _forbidden(details, call, text) if status == _FORBIDDEN else None


def _about_what(details: Details, call: GcpCall, text: str) -> CollectionError:
    if details.status == _NOT_FOUND and _NO_METRIC.search(details.message):
        return NoSuchMetric(text)
    if details.status == _NOT_FOUND:
        return Denied(f"{text}: correct its name in the configuration of account {call.account!r}")
    if details.status == _BAD_REQUEST and _NO_PARTITIONS.search(details.message):
        return NotPartitioned(text)
    if details.status == _BAD_REQUEST and details.reason == "bytesBilledLimitExceeded":
        return CollectionFailed(f"{text}: the query would scan more than gcp.maximum_bytes_billed: raise it")
    return CollectionFailed(text)


def _forbidden(details: Details, call: GcpCall, text: str) -> Denied:
    if details.reason == "SERVICE_DISABLED" or _NOT_ENABLED.search(details.message):
        return Denied(f"{text}: enable {_api_host(call)} in project {call.quota_project!r}")
    if details.reason == "BILLING_DISABLED":
        return Denied(f"{text}: link project {call.quota_project!r} to a billing account")
    if details.reason == "USER_PROJECT_DENIED":
        permission = "serviceusage.services.use"
        return Denied(f"{text}: allow {permission} on quota_project {call.quota_project!r}", permission)
    permission = _permission(details, call)
    return Denied(f"{text}: allow {permission} to account {call.account!r}", permission)


def _permission(details: Details, call: GcpCall) -> str:
    if details.permission:
        return details.permission
    named = _PERMISSION.search(details.message)
    if named:
        return next(part for part in named.groups() if part)
    if call.api.startswith("bigquery:") and "Table" in details.message:
        return _TABLE_DATA
    return permission_of(call.api)


def _api_host(call: GcpCall) -> str:
    return f"{call.api.partition(':')[0]}.googleapis.com"


def _text(said: str) -> str:
    """What was said, without a secret; of a page that a proxy sends, that it is one."""
    page = _HTML.search(said)
    if page:
        said = f"{said[: page.start()].strip()} (a page of HTML, as a proxy sends)".strip()
    return redact(said).rstrip(". ")[:_MAX_TEXT]
