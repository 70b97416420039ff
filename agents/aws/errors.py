"""What AWS and botocore say, in our words: what happened, where, and what mends it. Never a secret."""

from __future__ import annotations

import re
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from agents.aws import codes
from agents.aws.api_call import AwsCall
from agents.aws.permissions import permission_of
from agents.aws.sources import MFA
from agents.core.api_call import throttled
from agents.core.context import utc_now
from agents.core.errors import ExpiredCredentials, Gone
from telemetry.errors import CollectionError, CollectionFailed, Denied, Unavailable
from telemetry.redact import redact

_PERMISSION = re.compile(r"not authorized to perform:? ([A-Za-z0-9-]+:[A-Za-z0-9]+)")
_TAIL = re.compile(r"\s*(Encoded authorization failure message:|The Canonical String for this request).*", re.DOTALL)
"""What AWS appends for its support: a ciphertext, or the request itself with the session token in it."""
_STALE = re.compile(r"(?i)signature expired|signature not yet current|outside the allowed range")
_STILL_EXPIRED = re.compile(r"(?i)credentials are still expired")
"""botocore's own word, where the time is in the past that a source tells its credentials are good until."""
_NOT_FOUND = re.compile(r"(?i)could not find|not exist|not found")
_PAGE_TOKEN = re.compile(r"(?i)\b(?:next|page|pagination|continuation) ?token\b|\bmarker\b")
"""Where a service has no code of its own for it."""
_MAX_TEXT = 500
_SERVER_ERROR = 500
_FORBIDDEN = 403
_TIMED_OUT = 408
_NOTABLE_SKEW = timedelta(minutes=4)
"""AWS takes a signature for 5 minutes at the least."""


def translate(error: Exception, call: AwsCall) -> CollectionError:
    """Our error for whatever botocore, or what it stands on, has raised."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - an SDK is loaded where it is used
    from botocore.parsers import ResponseParserError  # noqa: PLC0415

    if isinstance(error, ClientError):
        return _refused(error, call)
    if isinstance(error, BotoCoreError):
        return _unanswered(error, call)
    text = f"{call}: {_text(str(error))} ({type(error).__name__})"
    if isinstance(error, RuntimeError) and _STILL_EXPIRED.search(str(error)):
        return _expired(text, call)
    # What is read is not AWS's, or broke off on the way.
    odd = isinstance(error, OSError | ResponseParserError | AttributeError | ValueError)
    return Unavailable(f"{text}: is it AWS that answers there?") if odd else CollectionFailed(text)


def _unanswered(error: Exception, call: AwsCall) -> CollectionError:
    """The error where AWS itself said nothing."""
    from botocore import exceptions  # noqa: PLC0415 - an SDK is loaded where it is used

    text = f"{call}: {_text(str(error))}"
    if isinstance(error, exceptions.PaginationError):
        return Unavailable(f"{text}: the listing is read anew at the next attempt")
    if remedy := _remedy(error, call):
        return Denied(f"{text}: {remedy}")
    if isinstance(error, exceptions.SSLError):
        return Unavailable(f"{text}: if the endpoint's certificate is your own authority's, set aws.ca_file")
    if isinstance(error, exceptions.EndpointConnectionError | exceptions.ConnectTimeoutError):
        return Unavailable(f"{text}: is there a region {call.region!r}, and does this network reach it?")
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError):
        return Unavailable(text)
    return CollectionFailed(f"{text} ({type(error).__name__})")


# By name: which there are depends on the release of botocore.
_SOURCES = frozenset(
    {
        "CredentialRetrievalError",
        "InvalidConfigError",
        "NoAuthTokenError",
        "NoCredentialsError",
        "PartialCredentialsError",
        "ProfileNotFound",
        "UnknownCredentialError",
        "UnknownTokenProviderError",
    }
)
_LOGINS = frozenset({"LoginError", "SSOError", "TokenRetrievalError"})
_FILES = frozenset({"ConfigNotFound", "ConfigParseError"})


def _remedy(error: Exception, call: AwsCall) -> str:
    """What mends an error of a source of credentials; empty for any other."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if "RefreshWithMFAUnsupportedError" in names:
        return MFA
    if names & _FILES:
        return "correct the file, or name another (AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE)"
    if names & _LOGINS:
        return "log in anew as the user of this process (aws sso login), or give keys or a role that renews itself"
    if names & _SOURCES:
        return (
            f"set access_key_id and secret_access_key, profile or role_arn for account {call.account!r} under aws:, "
            "or give this machine a role"
        )
    return ""


def _refused(error: Any, call: AwsCall) -> CollectionError:
    details = error.response.get("Error") or {}
    code = str(details.get("Code", ""))
    said = _text(str(details.get("Message") or ""))
    metadata = error.response.get("ResponseMetadata") or {}
    status = int(metadata.get("HTTPStatusCode", 0))
    headers = metadata.get("HTTPHeaders") or {}
    if error.operation_name != call.operation:  # on the way to the credentials
        call = call.with_request("sts", error.operation_name, call.region)
    text = f"{call}: {code}: {said}"
    if code in codes.THROTTLES or status == codes.TOO_MANY_REQUESTS:
        return throttled(call, text, codes.wait_of(headers))
    credentials = _credentials(code, said, headers, call, text)
    if credentials is not None:
        return credentials
    if code in codes.NOT_ALLOWED or status == _FORBIDDEN:
        permission = _permission(said, call)
        # First what mends it: AWS's own words are long, and a report has room for the beginning.
        return Denied(f"{call}: {code}: allow {permission} to account {call.account!r}: {said}", permission)
    if status >= _SERVER_ERROR or status == _TIMED_OUT:
        return Unavailable(text)
    # After the refusals above, which name resources: one may be called a marker.
    if code in codes.PAGE_TOKEN or _PAGE_TOKEN.search(said):
        return Unavailable(f"{text}: the listing broke off between two pages; it is read anew at the next attempt")
    gone = code in codes.NOT_THERE or (code == codes.VALIDATION and _NOT_FOUND.search(said))
    return Gone(text) if gone else CollectionFailed(text)


def _credentials(code: str, said: str, headers: dict[str, str], call: AwsCall, text: str) -> CollectionError | None:
    """The error where it is about who asks, and when."""
    skew = _skew(headers)
    requests_age = code in codes.SIGNATURE or code == codes.REQUEST_EXPIRED
    if code in codes.CLOCK_SKEW or (requests_age and (_STALE.search(said) or skew > _NOTABLE_SKEW)):
        off = f" (it is {skew.total_seconds():.0f} s off)" if skew > _NOTABLE_SKEW else ""
        return CollectionFailed(f"{text}: the clock of this machine does not agree with AWS's{off}: set it, by NTP")
    if code in codes.EXPIRED or code == codes.REQUEST_EXPIRED:
        return _expired(text, call)
    if code in codes.SIGNATURE:
        return Denied(f"{text}: secret_access_key of account {call.account!r} does not belong to its access_key_id")
    if code in codes.INVALID_KEYS:
        return Denied(
            f"{text}: AWS does not know the credentials of account {call.account!r} in region {call.region!r}: "
            "check the keys, and whether the region is enabled for the account"
        )
    if code in codes.NOT_ENABLED:
        return Denied(f"{text}: enable {call.service} in region {call.region!r} for account {call.account!r}")
    return None


def _expired(text: str, call: AwsCall) -> CollectionError:
    return ExpiredCredentials(
        f"{text}: the credentials of account {call.account!r} are expired: give new ones "
        "(access_key_id, secret_access_key, session_token), or a role_arn or profile that renews itself"
    )


def _permission(said: str, call: AwsCall) -> str:
    named = _PERMISSION.search(said)
    return named[1] if named else permission_of(call.api)


def _skew(headers: dict[str, str]) -> timedelta:
    """How far AWS's clock is from ours, by the Date of its answer; zero where that cannot be known."""
    try:
        return abs(parsedate_to_datetime(headers["date"]) - utc_now())
    except (KeyError, TypeError, ValueError):
        return timedelta(0)


def _text(said: str) -> str:
    return redact(_TAIL.sub("", said)).rstrip(". ")[:_MAX_TEXT]
