"""The one way to ask Google: metered, limited, tried again for a moment, and with errors in our words."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from agents.core.context import Context
from agents.core.spend import charge
from agents.gcp.errors import Asked, ExpiredCredentials, quotas_of, translate_errors
from agents.gcp.quotas import quota_of
from agents.gcp.session import GcpSession, account_of, section_of
from telemetry.errors import CollectionError, Throttled, Unavailable

T = TypeVar("T")

ATTEMPTS = 4
"""The SDK's own retries are off: these are for what is over in a moment; past them the task and the ledger decide."""
_SHORT_WAIT = 5.0
_FIRST_PAUSE = 0.25
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


class GcpCalls:
    """What one collection asks of one account.

    Every method raises telemetry.errors.CollectionError and its kinds, nothing else.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self._account = account_of(context.shared, context.account)
        self._reserved: dict[str, int] = {}

    @property
    def project(self) -> str:
        """The project that is collected."""
        return self.session.project

    @property
    def session(self) -> GcpSession:
        """The account's session."""
        return self._account.session()

    def call(self, api: str, send: Callable[[Sending], T], units: Callable[[T], int] = _one) -> T:
        """The answer to ``send``, which makes one request of ``api`` (``monitoring:ListTimeSeries``).

        ``units`` counts in an answer what the call is paid by: it is taken from the budget of the day then, unless
        :meth:`reserve` has taken it before.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._renewed(lambda session: self._send(session, api, send, units))
            except CollectionError as error:
                wait = self._wait(error, attempt)
                if wait is None:
                    raise
                time.sleep(wait)
        raise AssertionError("the last attempt raises")  # pragma: no cover

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
        return self._send(self.session, api, send, _one)

    def _send(self, session: GcpSession, api: str, send: Callable[[Sending], T], units: Callable[[T], int]) -> T:
        context = self.context
        context.check_deadline()
        asked = Asked(context, session.project, session.quota_project, api)
        with translate_errors(asked):
            headers = session.headers()
            quota = quota_of(api, quotas_of(context))[1]
            context.shared.limiter.acquire(asked.scope, quota, context.deadline)
            timeout = max(_MIN_TIMEOUT, min(_CALL_TIMEOUT, context.deadline - time.monotonic()))
            try:
                answer = send(Sending(session, timeout, tuple(headers.items())))
            except Exception:
                # Google bills no call that failed.
                context.meter.call(api, 0)
                raise
        self._pay(api, units(answer))
        return answer

    def _renewed(self, attempt: Callable[[GcpSession], T]) -> T:
        """Once more with the credentials read anew: the file may hold another key by now."""
        session = self.session
        try:
            return attempt(session)
        except ExpiredCredentials:
            return attempt(self._account.renew(session))

    def _wait(self, error: CollectionError, attempt: int) -> float | None:
        """Seconds until the next attempt; None where there is none."""
        if attempt == ATTEMPTS or not isinstance(error, Throttled | Unavailable):
            return None
        if error.retry_after is not None:
            # The limiter holds the next one back until the scope may speak again.
            return 0.0 if error.retry_after <= _SHORT_WAIT else None
        return random.uniform(0, _FIRST_PAUSE * 2**attempt)  # noqa: S311 - jitter

    @property
    def has_budget(self) -> bool:
        """Whether paid calls are limited by the day."""
        return section_of(self.context.shared).budget_usd_per_day is not None

    def reserve(self, api: str, units: int) -> None:
        """Take the price of the next call of ``api`` from the budget of the day; BudgetReached where that is less."""
        self._charge(api, units)
        self._reserved[api] = self._reserved.get(api, 0) + units

    def _pay(self, api: str, units: int) -> None:
        """Count an answer, and take from the budget what was not reserved: most prices are known with the answer alone.

        So the last call of a day may go over the budget; BudgetReached ends the collection then.
        """
        self.context.meter.call(api, units)
        self._charge(api, max(0, units - self._reserved.pop(api, 0)))

    def _charge(self, api: str, units: int) -> None:
        section = section_of(self.context.shared)
        price = self.context.meter.price(api, units)
        if section.budget_usd_per_day is not None and price:
            shared = self.context.shared
            charge(shared.spend, f"gcp/{self.context.account.name}", price, section.budget_usd_per_day, shared.now())


def _first(pager: Any) -> Any:
    """The page that a listing method has already asked for, without the layer that makes objects of it."""
    page = next(iter(pager.pages))
    return type(page).pb(page)
