"""The one way to call Azure: what it adds to agents.core.calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, ClassVar, TypeVar
from urllib.parse import SplitResult, urlsplit

from agents.azure.api_call import AzureCall
from agents.azure.asking import ask
from agents.azure.credentials import Identity
from agents.azure.errors import LoginThrottled, LoginUnavailable, translate
from agents.azure.session import AzureSession, account_of, section_of
from agents.core.calls import Calls
from agents.core.context import Context
from agents.core.errors import ExpiredCredentials
from telemetry.errors import CollectionError, Denied, Unavailable

T = TypeVar("T")


class AzureCalls(Calls[AzureSession, AzureCall]):
    """What one collection asks of one account."""

    provider: ClassVar[str] = "azure"

    def __init__(self, context: Context) -> None:
        self._account = account_of(context.shared, context.account)
        super().__init__(context, self._account)
        self.section = section_of(context.shared)

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

        def name(_: AzureSession) -> AzureCall:
            return AzureCall(self.context, api, self.identity, region, self.section.quotas)

        def prepare(session: AzureSession) -> AzureSession:
            session.prepare(api, region)
            return session

        return self.make(name, prepare, send)

    def storage_token(self) -> Any:
        """azure.core.credentials.AccessToken for storage accounts, where the session has none that is still good."""

        def name(_: AzureSession) -> AzureCall:
            return AzureCall(self.context, "login:token", self.identity, "", self.section.quotas)

        return self.make(name, AzureSession.storage_token, lambda token: token)

    def pages(self, api: str, path: str, query: Mapping[str, str]) -> Iterator[list[Any]]:
        """The ``value`` of as many pages of a list of the Resource Manager as there are, each when it is asked for."""
        where = path
        parameters = query
        while True:
            page = self.call(api, _getting(where, parameters)) or {}
            if not isinstance(page.get("value"), list):
                raise Unavailable(f"{api}: Azure's answer has no list: it is asked anew at the next attempt")
            yield page["value"]
            # The token goes to the address that is configured, whatever the link says.
            link = _link(api, page.get("nextLink"))
            following = f"{link.path}?{link.query}"
            if not link.path:
                return
            if following == where:
                raise Unavailable(f"{api}: Azure gave one page twice: the listing is read anew at the next attempt")
            where, parameters = following, {}

    @property
    def budget(self) -> Decimal | None:
        """None: Azure bills no call."""
        return None

    def translate(self, error: Exception, call: AzureCall) -> CollectionError | None:
        """See agents.azure.errors."""
        return translate(error, call)

    def renewing(self, attempt: Callable[[AzureSession], T]) -> T:
        """Once more with fresh tokens, where Azure does not take the old one any more."""
        session = self.session
        try:
            return super().renewing(attempt)
        except (LoginUnavailable, LoginThrottled):
            self._account.renew(session)
            raise
        except ExpiredCredentials as error:
            # A fresh one is not taken either: it is no matter of time.
            raise Denied(f"{error.message}, and a fresh one neither: check the credentials and azure.cloud") from None


def _link(api: str, text: Any) -> SplitResult:
    if not text:
        return urlsplit("")
    try:
        link: SplitResult = urlsplit(text)
    except (ValueError, TypeError, AttributeError):
        link = urlsplit("")
    if not isinstance(text, str) or not link.path.startswith("/"):
        raise Unavailable(f"{api}: the link to the next page cannot be read: the listing is read anew")
    return link


def _getting(path: str, query: Mapping[str, str]) -> Callable[[AzureSession], Any]:
    def send(session: AzureSession) -> Any:
        return ask(session.resource_manager, "GET", path, query)

    return send
