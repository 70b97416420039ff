"""What AWS and botocore say, in our words: what happened, where, and what mends it. Never a secret."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from agents.aws import codes
from agents.aws.events import scope_of
from agents.aws.permissions import permission_of
from agents.core.context import Context, utc_now
from telemetry.errors import CollectionError, CollectionFailed, Denied, Throttled, Unavailable
from telemetry.redact import redact

_PERMISSION = re.compile(r"not authorized to perform:? ([A-Za-z0-9-]+:[A-Za-z0-9]+)")
_TAIL = re.compile(r"\s*(Encoded authorization failure message:|The Canonical String for this request).*", re.DOTALL)
"""What AWS appends for its support: a ciphertext, or the request itself with the session token in it."""
_STALE = re.compile(r"(?i)signature expired|signature not yet current|outside the allowed range")
_NOT_FOUND = re.compile(r"(?i)could not find|not exist|not found")
_PAGE_TOKEN = re.compile(r"(?i)\b(?:next|page|pagination|continuation) ?token\b|\bmarker\b")
"""Where a service has no code of its own for it."""
_MAX_TEXT = 500
_SERVER_ERROR = 500
_FORBIDDEN = 403
_PAUSE = 2.0
"""Seconds of silence for a scope that is throttled past botocore's own retries, where AWS names no wait."""
_NOTABLE_SKEW = timedelta(minutes=4)
"""AWS takes a signature for 5 minutes at the least."""


class ExpiredCredentials(Denied):
    """The credentials were good, and are no longer."""


class Gone(CollectionFailed):
    """What was asked for by its name is not there, or no more."""


@dataclass(frozen=True)
class Asked:
    """The call that failed."""

    context: Context
    service: str
    operation: str
    region: str

    def __str__(self) -> str:
        return f"aws/{self.account}/{self.region} {self.api}"

    @property
    def api(self) -> str:
        """Its name in permissions: ``ec2:DescribeInstances``."""
        return f"{self.service}:{self.operation}"

    @property
    def account(self) -> str:
        """The account's name in the configuration."""
        return self.context.account.name


@contextmanager
def translate_errors(asked: Asked) -> Iterator[None]:
    """Raise our CollectionError for every error of botocore's; any other error is left as it is.

    A throttled scope is silenced for everyone. The original is not kept as the cause: it may hold the request.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - an SDK is loaded where it is used

    try:
        yield
    except ClientError as error:
        ours = _refused(error, asked)
        if isinstance(ours, Throttled):
            asked.context.shared.limiter.quiet(ours.scope, ours.retry_after or _PAUSE)
        raise ours from None
    except BotoCoreError as error:
        raise _unanswered(error, asked, f"{asked}: {_text(str(error))}") from None


def _unanswered(error: Exception, asked: Asked, text: str) -> CollectionError:
    """The error where AWS itself said nothing."""
    from botocore import exceptions  # noqa: PLC0415 - an SDK is loaded where it is used

    if isinstance(error, exceptions.PaginationError):
        return Unavailable(f"{text}: the listing is read anew at the next attempt")
    no_credentials = (
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.CredentialRetrievalError,
        exceptions.ProfileNotFound,
        exceptions.TokenRetrievalError,
        exceptions.SSOError,
    )
    if isinstance(error, no_credentials):
        return Denied(
            f"{text}: set access_key_id and secret_access_key, profile or role_arn for account {asked.account!r} "
            "under aws:, or give this machine a role"
        )
    if isinstance(error, exceptions.SSLError):
        return Unavailable(f"{text}: if the endpoint's certificate is your own authority's, set aws.ca_file")
    if isinstance(error, exceptions.EndpointConnectionError | exceptions.ConnectTimeoutError):
        return Unavailable(f"{text}: is there a region {asked.region!r}, and does this network reach it?")
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return Unavailable(text)
    return CollectionFailed(f"{text} ({type(error).__name__})")


def _refused(error: Any, asked: Asked) -> CollectionError:
    details = error.response.get("Error", {})
    code = str(details.get("Code", ""))
    said = _text(str(details.get("Message") or ""))
    metadata = error.response.get("ResponseMetadata", {})
    status = int(metadata.get("HTTPStatusCode", 0))
    headers = metadata.get("HTTPHeaders", {})
    if error.operation_name != asked.operation:  # on the way to the credentials
        asked = replace(asked, service="sts", operation=error.operation_name)
    text = f"{asked}: {code}: {said}"
    if code in codes.THROTTLES or status == codes.TOO_MANY_REQUESTS:
        return Throttled(text, scope_of(asked.context, asked.region, asked.api), codes.wait_of(headers))
    credentials = _credentials(code, said, headers, asked, text)
    if credentials is not None:
        return credentials
    if code in codes.NOT_ALLOWED or status == _FORBIDDEN:
        permission = _permission(said, asked)
        return Denied(f"{text}: allow {permission} to account {asked.account!r}", permission)
    if status >= _SERVER_ERROR:
        return Unavailable(text)
    # After the refusals above, which name resources: one may be called a marker.
    if code in codes.PAGE_TOKEN or _PAGE_TOKEN.search(said):
        return Unavailable(f"{text}: the listing broke off between two pages; it is read anew at the next attempt")
    gone = code in codes.NOT_THERE or (code == codes.VALIDATION and _NOT_FOUND.search(said))
    return Gone(text) if gone else CollectionFailed(text)


def _credentials(code: str, said: str, headers: dict[str, str], asked: Asked, text: str) -> CollectionError | None:
    """The error where it is about who asks, and when."""
    skew = _skew(headers)
    requests_age = code in codes.SIGNATURE or code == codes.REQUEST_EXPIRED
    if code in codes.CLOCK_SKEW or (requests_age and (_STALE.search(said) or skew > _NOTABLE_SKEW)):
        off = f" (it is {skew.total_seconds():.0f} s off)" if skew > _NOTABLE_SKEW else ""
        return CollectionFailed(f"{text}: the clock of this machine does not agree with AWS's{off}: set it, by NTP")
    if code in codes.EXPIRED or code == codes.REQUEST_EXPIRED:
        return ExpiredCredentials(
            f"{text}: the credentials of account {asked.account!r} are expired: give new ones "
            "(access_key_id, secret_access_key, session_token), or a role_arn or profile that renews itself"
        )
    if code in codes.SIGNATURE:
        return Denied(f"{text}: secret_access_key of account {asked.account!r} does not belong to its access_key_id")
    if code in codes.INVALID_KEYS:
        return Denied(
            f"{text}: AWS does not know the credentials of account {asked.account!r} in region {asked.region!r}: "
            "check the keys, and whether the region is enabled for the account"
        )
    if code in codes.NOT_ENABLED:
        return Denied(f"{text}: enable {asked.service} in region {asked.region!r} for account {asked.account!r}")
    return None


def _permission(said: str, asked: Asked) -> str:
    named = _PERMISSION.search(said)
    return named[1] if named else permission_of(asked.api)


def _skew(headers: dict[str, str]) -> timedelta:
    """How far AWS's clock is from ours, by the Date of its answer; zero where that cannot be known."""
    try:
        return abs(parsedate_to_datetime(headers["date"]) - utc_now())
    except (KeyError, TypeError, ValueError):
        return timedelta(0)


def _text(said: str) -> str:
    return redact(_TAIL.sub("", said)).rstrip(". ")[:_MAX_TEXT]
