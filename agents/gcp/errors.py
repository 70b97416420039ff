"""What Google and its libraries say, in our words: what happened, where, and what mends it. Never a secret."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from agents.core.context import Context
from agents.gcp.details import Details
from agents.gcp.permissions import permission_of
from agents.gcp.quotas import quota_of
from agents.gcp.settings import GcpSettings
from telemetry.errors import CollectionError, CollectionFailed, Denied, Throttled, Unavailable
from telemetry.redact import redact

_NAME = r"[a-z]\w*(?:\.\w+){2,3}"
_PERMISSION = re.compile(rf"(?i:permission)s? '?({_NAME})\b|\b({_NAME}) (?i:permission)")
_DELETED = re.compile(r"(?i)has been deleted|is (?:scheduled|marked) for deletion|project .*not (?:be )?found")
_NOT_ENABLED = re.compile(r"(?i)has not been used in project|it is disabled|is not enabled")
_NO_METRIC = re.compile(r"(?i)cannot find metric")
_CERTIFICATE = re.compile(r"(?i)certificate.verify.failed|handshake")
_PAGE_TOKEN = re.compile(r"(?i)\bpage.?token\b")
_TABLE_DATA = "bigquery.tables.getData"
_DELETED_REASONS = frozenset({"CONSUMER_INVALID", "RESOURCE_PROJECT_INVALID", "CONSUMER_SUSPENDED"})
_THROTTLE_REASONS = frozenset({"rateLimitExceeded", "quotaExceeded", "RATE_LIMIT_EXCEEDED", "jobRateLimitExceeded"})
_SERVER_REASONS = frozenset({"backendError", "internalError", "jobBackendError", "jobInternalError"})
_MAX_TEXT = 500
_SERVER_ERROR = 500
_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TOO_MANY, _CANCELLED = 400, 401, 403, 404, 429, 499
_PAUSE = 2.0
"""Seconds of silence for a throttled scope, where Google names no wait."""


class ExpiredCredentials(Denied):
    """The credentials are not good any more."""


class NoSuchMetric(CollectionFailed):
    """Nothing in the project has ever written this metric: that of an agent which is installed nowhere."""


@dataclass(frozen=True)
class Asked:
    """The call that failed."""

    context: Context
    #: The project that is collected, and the one whose quota the call uses.
    project: str
    quota_project: str
    #: ``monitoring:ListTimeSeries``.
    api: str

    def __str__(self) -> str:
        return f"gcp/{self.account}/{self.project} {self.api}"

    @property
    def account(self) -> str:
        """The account's name in the configuration."""
        return self.context.account.name

    @property
    def scope(self) -> str:
        """What Google counts the calls of: ``gcp/PROJECT/monitoring:*``."""
        return f"gcp/{self.quota_project}/{quota_of(self.api, quotas_of(self.context))[0]}"


def quotas_of(context: Context) -> Mapping[str, float]:
    """The configured quotas."""
    section = context.shared.settings.section(GcpSettings)
    return section.quotas if section is not None else {}


@contextmanager
def translate_errors(asked: Asked) -> Iterator[None]:
    """Raise our CollectionError for every error of Google's libraries; any other error is left as it is.

    A throttled scope is silenced for everyone. The original is not kept as the cause: it may hold the request.
    """
    import requests  # noqa: PLC0415 - an SDK is loaded where it is used
    from google.api_core.exceptions import GoogleAPIError  # noqa: PLC0415 - an SDK is loaded where it is used
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 - an SDK is loaded where it is used

    try:
        yield
    except GoogleAPIError as error:
        ours = _refused(Details.of(error), asked)
        if isinstance(ours, Throttled):
            asked.context.meter.throttle(asked.api)
            asked.context.shared.limiter.quiet(ours.scope, ours.retry_after or _PAUSE)
        raise ours from None
    except GoogleAuthError as error:
        raise _unauthenticated(error, asked) from None
    except TimeoutError:  # of waiting for a query of BigQuery
        raise Unavailable(f"{asked}: no answer in time") from None
    except requests.RequestException as error:
        raise Unavailable(f"{asked}: {type(error).__name__}: is {_api_host(asked)} reached from here?") from None


def _unauthenticated(error: Any, asked: Asked) -> CollectionError:
    """The error where no token was given out."""
    from google.auth import exceptions  # noqa: PLC0415 - an SDK is loaded where it is used

    text = f"{asked}: {_text(str(error.args[0]) if error.args else '')}"
    if isinstance(error, exceptions.TransportError):
        return Unavailable(f"{asked}: the token endpoint was not reached ({type(error).__name__})")
    if getattr(error, "retryable", False):
        return Unavailable(text)
    return ExpiredCredentials(
        f"{text}: Google gives out no token for the credentials of account {asked.account!r}: is the key deleted or "
        "expired, does the service account exist, is this machine's clock right? Give a new credentials_file"
    )


def _refused(details: Details, asked: Asked) -> CollectionError:
    text = f"{asked}: {details.name}: {_text(details.message)}"
    return _about_pace(details, asked, text) or _about_who(details, asked, text) or _about_what(details, asked, text)


def _about_pace(details: Details, asked: Asked, text: str) -> CollectionError | None:
    """The error where the same call may succeed later."""
    status, reason = details.status, details.reason
    if status == _TOO_MANY or reason in _THROTTLE_REASONS:
        return Throttled(text, asked.scope, details.retry_after)
    if _PAGE_TOKEN.search(details.message):
        return Unavailable(f"{text}: the listing broke off between two pages; it is read anew at the next attempt")
    if _CERTIFICATE.search(details.message):
        return Unavailable(f"{text}: if the endpoint's certificate is your own authority's, set gcp.ca_file")
    if status >= _SERVER_ERROR or status in {0, _CANCELLED} or reason in _SERVER_REASONS:
        return Unavailable(text)
    return None


def _about_who(details: Details, asked: Asked, text: str) -> CollectionError | None:
    """The error where it is about who asks, and whose project."""
    status, reason = details.status, details.reason
    if reason in _DELETED_REASONS or (status in {_FORBIDDEN, _NOT_FOUND} and _DELETED.search(details.message)):
        return Denied(
            f"{text}: project {asked.project!r} is deleted or was never there: take account {asked.account!r} out of "
            "the configuration, or correct its project_id"
        )
    if status == _UNAUTHORIZED:
        return ExpiredCredentials(
            f"{text}: Google does not take the credentials of account {asked.account!r}: is the key deleted, disabled "
            "or expired? Give a new credentials_file"
        )
    return _forbidden(details, asked, text) if status == _FORBIDDEN else None


def _about_what(details: Details, asked: Asked, text: str) -> CollectionError:
    if details.status == _NOT_FOUND and _NO_METRIC.search(details.message):
        return NoSuchMetric(text)
    if details.status == _NOT_FOUND:
        return Denied(f"{text}: correct its name in the configuration of account {asked.account!r}")
    if details.status == _BAD_REQUEST and details.reason == "bytesBilledLimitExceeded":
        return CollectionFailed(f"{text}: the query would scan more than gcp.maximum_bytes_billed: raise it")
    return CollectionFailed(text)


def _forbidden(details: Details, asked: Asked, text: str) -> Denied:
    if details.reason == "SERVICE_DISABLED" or _NOT_ENABLED.search(details.message):
        return Denied(f"{text}: enable {_api_host(asked)} in project {asked.quota_project!r}")
    if details.reason == "BILLING_DISABLED":
        return Denied(f"{text}: link project {asked.quota_project!r} to a billing account")
    if details.reason == "USER_PROJECT_DENIED":
        permission = "serviceusage.services.use"
        return Denied(f"{text}: allow {permission} on quota_project {asked.quota_project!r}", permission)
    permission = _permission(details, asked)
    return Denied(f"{text}: allow {permission} to account {asked.account!r}", permission)


def _permission(details: Details, asked: Asked) -> str:
    if details.permission:
        return details.permission
    named = _PERMISSION.search(details.message)
    if named:
        return next(part for part in named.groups() if part)
    if asked.api.startswith("bigquery:") and "Table" in details.message:
        return _TABLE_DATA
    return permission_of(asked.api)


def _api_host(asked: Asked) -> str:
    return f"{asked.api.partition(':')[0]}.googleapis.com"


def _text(said: str) -> str:
    return redact(said).rstrip(". ")[:_MAX_TEXT]
