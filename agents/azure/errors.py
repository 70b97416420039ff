"""What Azure and its SDKs say, in our words: what happened, where, and what mends it. Never a secret."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from agents.azure.credentials import Identity
from agents.azure.details import Details
from agents.azure.login import is_busy, is_failing, refused_login
from agents.azure.permissions import permission_of
from agents.azure.transport import Asking
from agents.azure.waits import wait_of
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
_MAX_TEXT = 600
_SERVER_ERROR = 500
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TIMEOUT, _TOO_MANY = 401, 403, 404, 408, 429
_PAUSE = 2.0
"""Seconds of silence for a throttled scope, where Azure names no wait."""


class ExpiredToken(Denied):
    """The token was good, and is no longer."""


class LoginUnavailable(Unavailable):
    """The token endpoint did not answer as it should. MSAL keeps such an answer for a minute: another session asks."""


class BrokenListing(Unavailable):
    """A listing broke off between two pages: to ask for the same page again is of no use."""


class Gone(CollectionFailed):
    """What was asked for by its name is not there, or no more."""


@dataclass(frozen=True)
class Asked:
    """The call that failed."""

    asking: Asking
    identity: Identity

    def __str__(self) -> str:
        return f"azure/{self.identity.account}/{self.identity.subscription_id} {self.asking.api}"

    @property
    def scope(self) -> str:
        """The quota that is named in refusals."""
        return self.asking.scopes[0].name

    @property
    def whose(self) -> str:
        """Who it is that needs something, in words."""
        return f"the identity of account {self.identity.account!r}"


@contextmanager
def translate_errors(asked: Asked) -> Iterator[None]:
    """Raise our CollectionError for every error of azure-core's; any other error is left as it is.

    A throttled scope is silenced for everyone. The original is not kept as the cause: it may hold the request.
    """
    from azure.core.exceptions import (  # noqa: PLC0415 - an SDK is loaded where it is used
        AzureError,
        ClientAuthenticationError,
        HttpResponseError,
    )

    try:
        yield
    except HttpResponseError as error:
        login = isinstance(error, ClientAuthenticationError) and _is_login(error, asked)
        ours = _unauthenticated(error, asked) if login else _refused(Details.of(error), asked)
        if isinstance(ours, Throttled):
            for scope in asked.asking.scopes:
                asked.asking.context.shared.limiter.quiet(scope.name, ours.retry_after or _PAUSE)
        raise ours from None
    except AzureError as error:
        raise _unanswered(error, asked) from None


def _is_login(error: Any, asked: Asked) -> bool:
    """Whether no token was given out; else an API refused the one that there is."""
    no_answer = getattr(error, "response", None) is None
    return no_answer or asked.asking.login_status == 0 or bool(_LOGIN.search(str(error.message)))


def _unauthenticated(error: Any, asked: Asked) -> CollectionError:
    said = str(error.message)
    kept = _LOGIN_STATUS.search(said)
    status = int(kept[1]) if kept else asked.asking.login_status
    # MSAL answers for the endpoint while it was asked to wait: there is no status then.
    if status == _TOO_MANY or is_busy(said):
        text = f"{asked}: the token endpoint asks to slow down"
        return Throttled(text, asked.scope, wait_of(asked.asking.login_headers))
    if status == 0:
        return LoginUnavailable(_unanswered(error, asked).message)
    if status is not None and status >= _SERVER_ERROR:
        return LoginUnavailable(f"{asked}: the token endpoint answered {status}")
    if is_failing(said):
        return LoginUnavailable(f"{asked}: {_text(said)}")
    return refused_login(_text(said), str(asked), asked.identity)


def _unanswered(error: Any, asked: Asked) -> CollectionError:
    """The error where Azure itself said nothing."""
    text = f"{asked}: {_text(str(error))}"
    if "CERTIFICATE_VERIFY_FAILED" in text or "SSLError" in text:
        return Unavailable(f"{text}: if the endpoint's certificate is your own authority's, set azure.ca_file")
    return Unavailable(text)


def _refused(details: Details, asked: Asked) -> CollectionError:
    text = f"{asked}: {details.code}: {_text(details.message)}"
    return _about_pace(details, asked, text) or _about_who(details, asked, text) or _about_what(details, asked, text)


def _about_pace(details: Details, asked: Asked, text: str) -> CollectionError | None:
    """The error where the same call may succeed later."""
    status = details.status
    if status == _TOO_MANY or _THROTTLES.intersection(details.codes):
        return Throttled(text, asked.scope, wait_of(details.headers))
    if any(_PAGE.search(one) for one in (details.message, *details.codes)):
        return BrokenListing(f"{text}: the listing broke off between two pages; it is read anew at the next attempt")
    # Without a status, or with one of success: the answer broke off, or is no JSON.
    if status >= _SERVER_ERROR or status == _TIMEOUT or status < _UNAUTHORIZED - 1:
        return Unavailable(text)
    return None


def _about_who(details: Details, asked: Asked, text: str) -> CollectionError | None:
    """The error where it is about who asks, and whose subscription."""
    identity = asked.identity
    if _NO_SUBSCRIPTION.intersection(details.codes):
        return Denied(
            f"{text}: subscription {identity.subscription_id!r} is disabled, deleted, or not shown to {asked.whose}: "
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
        return ExpiredToken(f"{text}: Azure does not take the token of account {identity.account!r} any more")
    if details.status == _FORBIDDEN:
        return _forbidden(details, asked, text)
    return None


def _about_what(details: Details, asked: Asked, text: str) -> CollectionError:
    if _NO_WORKSPACE.intersection(details.codes):
        return Denied(f"{text}: correct logs_workspace_id of account {asked.identity.account!r}")
    return Gone(text) if details.status == _NOT_FOUND else CollectionFailed(text)


def _forbidden(details: Details, asked: Asked, text: str) -> Denied:
    named, scope = _ACTION.search(details.message), _SCOPE.search(details.message)
    permission = named[1] if named else permission_of(asked.asking.api)
    where = scope[1] if scope else f"/subscriptions/{asked.identity.subscription_id}"
    return Denied(f"{text}: allow {permission} on {where} to {asked.whose}", permission)


def _text(said: str) -> str:
    return redact(" ".join(said.split())).rstrip(". ")[:_MAX_TEXT]
