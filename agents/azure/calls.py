"""The one way to ask Azure: metered, limited, tried again for a moment, and with errors in our words."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from agents.azure.credentials import Identity
from agents.azure.errors import Asked, BrokenListing, ExpiredToken, LoginUnavailable, translate_errors
from agents.azure.quotas import scopes_of
from agents.azure.session import AzureSession, account_of, section_of
from agents.azure.transport import Asking, asking
from agents.core.context import Context
from telemetry.errors import CollectionError, Denied, Throttled, Unavailable

T = TypeVar("T")

ATTEMPTS = 4
"""The SDKs' own retries are off: these are for what is over in a moment; past them the task and the ledger decide."""
_SHORT_WAIT = 5.0
_FIRST_PAUSE = 0.25


class AzureCalls:
    """What one collection asks of one account.

    Every method raises telemetry.errors.CollectionError and its kinds, nothing else.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.section = section_of(context.shared)
        self._account = account_of(context.shared, context.account)

    @property
    def identity(self) -> Identity:
        """Whose subscription, and who asks."""
        return self._account.identity

    @property
    def subscription(self) -> str:
        """The id of the subscription that is collected."""
        return self.identity.subscription_id

    def call(self, api: str, send: Callable[[AzureSession], T], *, region: str = "") -> T:
        """The answer to ``send``, which makes one request of ``api`` (``metrics:getBatch``) with a session's client.

        ``region`` is the one whose quota it takes from, where regions have one.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._renewed(lambda session: self._send(session, api, send, region))
            except CollectionError as error:
                wait = _wait(error, attempt)
                if wait is None:
                    raise
                time.sleep(wait)
        raise AssertionError("the last attempt raises")  # pragma: no cover

    def pages(self, api: str, path: str, query: Mapping[str, str]) -> Iterator[list[Any]]:
        """The ``value`` of as many pages of a list of the Resource Manager as there are, each when it is asked for."""
        where = path
        parameters = query
        while True:
            page = self.call(api, _getting(where, parameters))
            yield page.get("value") or []
            # The token goes to the address that is configured, whatever the link says.
            link = _link(api, page.get("nextLink"))
            following = f"{link.path}?{link.query}"
            if not link.path:
                return
            if following == where:
                raise Unavailable(f"{api}: Azure gave one page twice: the listing is read anew at the next attempt")
            where, parameters = following, {}

    def _send(self, session: AzureSession, api: str, send: Callable[[AzureSession], T], region: str) -> T:
        context = self.context
        context.check_deadline()
        current = Asking(context, api, scopes_of(api, self.identity, region, self.section.quotas))
        asked = Asked(current, self.identity)
        with translate_errors(asked), asking(current):
            session.prepare(api, region)
        for scope in current.scopes:
            context.shared.limiter.acquire(scope.name, scope.quota, context.deadline)
        with translate_errors(asked), asking(current):
            return send(session)

    def _renewed(self, attempt: Callable[[AzureSession], T]) -> T:
        """Once more with fresh tokens, where Azure does not take the old one any more."""
        session = self._account.session()
        try:
            return attempt(session)
        except LoginUnavailable:
            self._account.renew(session)
            raise
        except ExpiredToken:
            renewed = self._account.renew(session)
        try:
            return attempt(renewed)
        except ExpiredToken as error:
            # A fresh one is not taken either: it is no matter of time.
            raise Denied(f"{error.message}, and a fresh one neither: check the credentials and azure.cloud") from None


def _link(api: str, text: Any) -> SplitResult:
    try:
        return urlsplit(str(text or ""))
    except ValueError as error:
        raise Unavailable(f"{api}: the link to the next page cannot be read ({error})") from None


def _getting(path: str, query: Mapping[str, str]) -> Callable[[AzureSession], Any]:
    def send(session: AzureSession) -> Any:
        return get_json(session.resource_manager, path, query)

    return send


def get_json(client: Any, path: str, query: Mapping[str, str]) -> Any:
    """The JSON that an azure.core.PipelineClient gets; HttpResponseError where it is refused."""
    from azure.core.exceptions import HttpResponseError  # noqa: PLC0415 - an SDK is loaded where it is used
    from azure.core.rest import HttpRequest  # noqa: PLC0415 - an SDK is loaded where it is used

    # azure-core writes parameters as they are.
    address = client.format_url(f"{path}?{urlencode(query, quote_via=quote)}" if query else path)
    response = client.send_request(HttpRequest("GET", address))
    response.raise_for_status()
    try:
        answer = response.json()
    except (ValueError, RecursionError):
        raise HttpResponseError("the answer is no JSON", response=response) from None
    if not isinstance(answer, dict):
        raise HttpResponseError("the answer is no object of JSON", response=response)
    return answer


def _wait(error: CollectionError, attempt: int) -> float | None:
    """Seconds until the next attempt; None where there is none."""
    if attempt == ATTEMPTS or isinstance(error, BrokenListing) or not isinstance(error, Throttled | Unavailable):
        return None
    if error.retry_after is not None:
        # The limiter holds the next one back until the scope may speak again.
        return 0.0 if error.retry_after <= _SHORT_WAIT else None
    return random.uniform(0, _FIRST_PAUSE * 2**attempt)  # noqa: S311 - jitter
