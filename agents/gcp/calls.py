"""The one way to call Google: what it adds to agents.core.calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, TypeVar

from agents.core.calls import Calls
from agents.core.context import Context
from agents.gcp.api_call import GcpCall
from agents.gcp.errors import translate
from agents.gcp.projects import find_id
from agents.gcp.session import GcpSession, account_of, section_of
from telemetry.errors import CollectionError, CollectionFailed, Unavailable

T = TypeVar("T")
_Ready = tuple[GcpSession, tuple[tuple[str, str], ...]]

_CALL_TIMEOUT = 60.0
_MIN_TIMEOUT = 1.0


def _one(_: object) -> int:
    return 1


@dataclass(frozen=True)
class Sending:
    """What a request is sent with."""

    session: GcpSession
    #: Seconds that an answer may take.
    timeout: float
    #: Its headers, or metadata of gRPC: the token, and the quota project.
    metadata: Sequence[tuple[str, str]]

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments of a method of a gRPC client."""
        return {"retry": None, "timeout": self.timeout, "metadata": self.metadata}


class GcpCalls(Calls[GcpSession, GcpCall]):
    """What one collection asks of one account."""

    provider: ClassVar[str] = "gcp"

    def __init__(self, context: Context) -> None:
        super().__init__(context, account_of(context.shared, context.account))
        self._reserved: dict[str, int] = {}

    @property
    def project(self) -> str:
        """The id of the project that is collected: every resource is spelled by it, though a number is configured."""
        session = self.session
        if session.project.isdigit() and not session.project_id:
            # Not under a lock: that it is asked for twice does no harm.
            session.project_id = self._id_of(session.project)
        return session.project_id or session.project

    def _id_of(self, number: str) -> str:
        found = find_id(self.pages, number)
        if not found:
            raise CollectionFailed(
                f"gcp/{self.context.account.name}: Google does not tell the id of project {number}, by which resources "
                "are named: set project_id to the id, such as my-project-123"
            )
        return found

    def call(self, api: str, send: Callable[[Sending], T], units: Callable[[T], int] = _one) -> T:
        """The answer to ``send``, which makes one request of ``api`` (``monitoring:ListTimeSeries``).

        ``units`` counts in an answer what the call is paid by: it is taken from the budget of the day then, unless
        :meth:`reserve` has taken it before.
        """
        return self.make(self.naming(api), _headers, self._sending(api, send, units))

    def pages(self, api: str, ask: Callable[[Sending, str], Any], units: Callable[[Any], int] = _one) -> Iterator[Any]:
        """The protobuf messages of as many pages as there are, each asked for when it is needed.

        ``ask(sending, page_token)`` makes one request by a listing method of a gRPC client.
        """
        token = ""
        while True:
            page = self.call(api, lambda sending, token=token: _first(ask(sending, token)), units)  # type: ignore[misc] # mypy cannot infer a default
            yield page
            if not page.next_page_token:
                return
            if page.next_page_token == token:  # a part must not pass for the whole
                raise Unavailable(f"{api}: Google gave one page twice: the listing is read anew at the next attempt")
            token = page.next_page_token

    def follow(self, api: str, send: Callable[[Sending], T]) -> T:
        """One request that belongs to an answer that is being read, such as a page of it: not tried again."""
        return self.make_once(self.session, self.naming(api), _headers, self._sending(api, send, _one))

    def naming(self, api: str) -> Callable[[GcpSession], GcpCall]:
        """``api`` as a session calls it: another key may be of another project."""
        return lambda session: GcpCall(self.context, api, session.project, session.quota_project)

    def _sending(self, api: str, send: Callable[[Sending], T], units: Callable[[T], int]) -> Callable[[_Ready], T]:
        def sending(ready: _Ready) -> T:
            session, headers = ready
            timeout = max(_MIN_TIMEOUT, min(_CALL_TIMEOUT, self.context.deadline - time.monotonic()))
            try:
                answer = send(Sending(session, timeout, headers))
            except Exception:
                # Google bills no call that failed.
                self.context.meter.call(api, 0)
                raise
            self._pay(api, units(answer))
            return answer

        return sending

    @property
    def budget(self) -> Decimal | None:
        """``gcp.budget_usd_per_day``."""
        return section_of(self.context.shared).budget_usd_per_day

    def translate(self, error: Exception, call: GcpCall) -> CollectionError:
        """See agents.gcp.errors."""
        return translate(error, call)

    def reserve(self, api: str, units: int) -> None:
        """Take the price of the next call of ``api`` from the budget of the day; BudgetReached where that is less."""
        self.charge(api, units)
        self._reserved[api] = self._reserved.get(api, 0) + units

    def _pay(self, api: str, units: int) -> None:
        """Count an answer, and take from the budget what was not reserved: most prices are known with the answer alone.

        So the last call of a day may go over the budget; BudgetReached ends the collection then.
        """
        self.context.meter.call(api, units)
        self.charge(api, max(0, units - self._reserved.pop(api, 0)))


def _headers(session: GcpSession) -> _Ready:
    """The token is renewed before the call waits for its turn."""
    return session, tuple(session.headers().items())


def _first(pager: Any) -> Any:
    """The page that a listing method has already asked for, without the layer that makes objects of it."""
    page = next(iter(pager.pages))
    return type(page).pb(page)
