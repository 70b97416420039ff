"""What Azure and its SDKs say, in our words: what happened, where, and what mends it. Never a secret."""

from __future__ import annotations

import re
from typing import Any

from agents.azure.api_call import AzureCall
from agents.azure.details import Details
from agents.azure.login import is_busy, is_failing, refused_login
from agents.azure.permissions import permission_of
from agents.azure.waits import wait_of
from agents.core.api_call import throttled
from agents.core.errors import BrokenListing, ExpiredCredentials, Gone
from telemetry.errors import CollectionError, CollectionFailed, Denied, Throttled, Unavailable
from telemetry.redact import redact

_ACTION = re.compile(r"perform action '([^']+)'")
_SCOPE = re.compile(r"over scope '([^']+)'")
_PAGE = re.compile(r"(?i)skip ?token")
_LOGIN = re.compile(r"AADSTS\d+")
_LOGIN_STATUS = re.compile(r"HTTP Error: (\d+)")
_THROTTLES = frozenset({"TooManyRequests", "SubscriptionRequestsThrottled", "RateLimiting", "ThrottledError"})
_NO_SUBSCRIPTION = frozenset(
    {
        "ReadOnlyDisabledSubscription",
        "DisabledSubscription",
        "SubscriptionNotFound",
        "InvalidSubscriptionId",
        "NoValidSubscriptionsInQueryRequest",
        "SubscriptionNotRegistered",
    }
)
_WRONG_TENANT = "InvalidAuthenticationTokenTenant"
_WRONG_AUDIENCE = frozenset({"InvalidAuthenticationTokenAudience", "InvalidAudience"})
_NO_WORKSPACE = frozenset({"WorkspaceNotFoundError", "PathNotFoundError"})
_NO_CERTIFICATES = "Could not find a suitable TLS CA certificate bundle"
_MAX_TEXT = 600
_FIRST_REFUSAL, _SERVER_ERROR = 400, 500
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TIMEOUT, _TOO_MANY = 401, 403, 404, 408, 429


class LoginUnavailable(Unavailable):
    """The token endpoint did not answer as it should. MSAL keeps such an answer for a minute: another session asks."""


class LoginThrottled(Throttled):
    """The token endpoint asks to slow down. MSAL keeps that answer too: only the limiter knows how long it holds."""


def translate(error: Exception, call: AzureCall) -> CollectionError | None:
    """Our error for one of azure-core's, or whatever an SDK raises over an answer; None for any other."""
    from azure.core.exceptions import (  # noqa: PLC0415 - an SDK is loaded where it is used
        AzureError,
        ClientAuthenticationError,
        HttpResponseError,
    )

    if isinstance(error, HttpResponseError):
        login = isinstance(error, ClientAuthenticationError) and _is_login(error, call)
        return _unauthenticated(error, call) if login else _refused(Details.of(error, call.answer.response), call)
    if isinstance(error, AzureError):
        return _unanswered(error, call)
    # The SDK tripped over what it was answered: what the answer says of itself counts, not where it tripped.
    return None if call.answer.response is None else _refused(Details.of(error, call.answer.response), call)


def _is_login(error: Any, call: AzureCall) -> bool:
    """Whether no token was given out; else an API refused the one that there is."""
    no_answer = getattr(error, "response", None) is None
    return no_answer or call.login.status == 0 or bool(_LOGIN.search(str(error.message)))


def _unauthenticated(error: Any, call: AzureCall) -> CollectionError:
    said = str(error.message)
    if _NO_CERTIFICATES in said:
        return CollectionFailed(f"{call}: {_text(said)}: correct azure.ca_file")
    kept = _LOGIN_STATUS.search(said)
    status = int(kept[1]) if kept else call.login.status
    # MSAL answers for the endpoint while it was told to wait: there is no status then.
    if status == _TOO_MANY or is_busy(said):
        text = f"{call}: the token endpoint asks to slow down"
        return LoginThrottled(*throttled(call, text, wait_of(call.login.headers)).args)
    if status == 0:
        return LoginUnavailable(_unanswered(error, call).message)
    failing = _failing(said, status)
    if failing:
        return LoginUnavailable(f"{call}: {failing}")
    return refused_login(_text(said), str(call), call.identity)


def _failing(said: str, status: int | None) -> str:
    """What the token endpoint did, where it gave no answer to who asks; empty where it did."""
    if status is not None and (status >= _SERVER_ERROR or status == _TIMEOUT):
        return f"the token endpoint answered {status}"
    if status is not None and status < _FIRST_REFUSAL and not _LOGIN.search(said):
        return f"the token endpoint answered {status}, with something that is no token"
    return _text(said) if is_failing(said) else ""


def _unanswered(error: Any, call: AzureCall) -> CollectionError:
    """The error where Azure itself said nothing."""
    text = f"{call}: {_text(str(error))}"
    if "CERTIFICATE_VERIFY_FAILED" in text or "SSLError" in text:
        return Unavailable(f"{text}: if the endpoint's certificate is your own authority's, set azure.ca_file")
    return Unavailable(text)


def _refused(details: Details, call: AzureCall) -> CollectionError:
    text = f"{call}: {details.code}: {_text(details.message)}"
    return _about_pace(details, call, text) or _about_who(details, call, text) or _about_what(details, call, text)


def _about_pace(details: Details, call: AzureCall, text: str) -> CollectionError | None:
    """The error where the same call may succeed later."""
    status = details.status
    if status == _TOO_MANY or _THROTTLES.intersection(details.codes):
        return throttled(call, text, wait_of(details.headers))
    about_who = status in {_UNAUTHORIZED, _FORBIDDEN}
    if not about_who and any(_PAGE.search(one) for one in (details.message, *details.codes)):
        return BrokenListing(f"{text}: the listing broke off between two pages; it is read anew at the next attempt")
    # Without a status, or with one of success: the answer broke off, or is no JSON.
    if status >= _SERVER_ERROR or status == _TIMEOUT or status < _FIRST_REFUSAL:
        return Unavailable(text)
    return None


def _about_who(details: Details, call: AzureCall, text: str) -> CollectionError | None:
    """The error where it is about who asks, and whose subscription."""
    identity = call.identity
    if _NO_SUBSCRIPTION.intersection(details.codes):
        return Denied(
            f"{text}: subscription {identity.subscription_id!r} is disabled, deleted, or not shown to {call.whose}: "
            "enable it, correct subscription_id, or give that identity a role in it"
        )
    if _WRONG_TENANT in details.codes:
        return Denied(
            f"{text}: subscription {identity.subscription_id!r} is not in tenant {identity.tenant_id!r}: correct "
            f"tenant_id of account {identity.account!r}"
        )
    if _WRONG_AUDIENCE.intersection(details.codes):
        return Denied(f"{text}: azure.cloud is not the cloud that azure.endpoints are in: correct one of them")
    if details.status == _UNAUTHORIZED:
        return ExpiredCredentials(f"{text}: Azure does not take the token of account {identity.account!r} any more")
    if details.status == _FORBIDDEN:
        return _forbidden(details, call, text)
    return None


def _about_what(details: Details, call: AzureCall, text: str) -> CollectionError:
    if _NO_WORKSPACE.intersection(details.codes):
        return Denied(f"{text}: correct logs_workspace_id of account {call.identity.account!r}")
    return Gone(text) if details.status == _NOT_FOUND else CollectionFailed(text)


def _forbidden(details: Details, call: AzureCall, text: str) -> Denied:
    named, scope = _ACTION.search(details.message), _SCOPE.search(details.message)
    permission = named[1] if named else permission_of(call.api)
    where = scope[1] if scope else f"/subscriptions/{call.identity.subscription_id}"
    if not permission:
        return Denied(f"{text}: anybody may ask it: look for a proxy or a firewall in between")
    # The remedy first: what is kept of a reason is short.
    remedy = f"allow {permission} on {where} to {call.whose}"
    return Denied(f"{call}: {details.code}: {remedy} ({_text(details.message)})", permission)


def _text(said: str) -> str:
    return redact(" ".join(said.split())).rstrip(". ")[:_MAX_TEXT]
