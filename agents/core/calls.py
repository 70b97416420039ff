"""The one way to call a provider: in time, in turn, within the budget, with errors in our words, and tried again.

What a provider adds is how it names a call (ApiCall), opens a session (Sessions) and translates an error.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import ClassVar, Generic, TypeVar

from agents.core.api_call import ApiCall, translate_errors, under_way
from agents.core.context import Context
from agents.core.errors import BrokenListing, ExpiredCredentials
from agents.core.sessions import Sessions
from agents.core.spend import charge
from telemetry.backoff import full_jitter
from telemetry.errors import CollectionError, Throttled, Unavailable

S = TypeVar("S")
C = TypeVar("C", bound=ApiCall)
R = TypeVar("R")
T = TypeVar("T")

_SHORT_WAIT = 5.0
"""Seconds that a provider may ask for without an end of the collection."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 2.0


class Calls(ABC, Generic[S, C]):
    """What one collection asks of one account.

    Every method raises telemetry.errors.CollectionError and its kinds, nothing else.
    """

    #: Of one call, at the most: for what is over in a moment. Past them the task and the ledger decide. The SDKs' own
    #: attempts are off, or these are.
    attempts: ClassVar[int] = 4
    #: The name that budgets have: ``aws``.
    provider: ClassVar[str]

    def __init__(self, context: Context, sessions: Sessions[S]) -> None:
        self.context = context
        self._sessions = sessions

    @property
    def session(self) -> S:
        """The account's session."""
        return self._sessions.session()

    @property
    @abstractmethod
    def budget(self) -> Decimal | None:
        """Dollars a day that the account may spend on paid calls; None where nothing limits them."""

    @abstractmethod
    def translate(self, error: Exception, call: C) -> CollectionError | None:
        """Our error for one of the SDK's; None for any other."""

    def translating(self, call: C) -> AbstractContextManager[None]:
        """For a ``with`` around what the SDK does of ``call``."""
        return translate_errors(call, self.translate)

    def make(self, name: Callable[[S], C], prepare: Callable[[S], R], send: Callable[[R], T]) -> T:
        """The answer to one call.

        Args:
            name: the call, as this session would make it.
            prepare: what need not wait for its turn, and may take time: a token, a client.
            send: makes the one request, with what ``prepare`` gave.
        """
        for attempt in range(1, self.attempts + 1):
            try:
                return self.renewing(lambda session: self.make_once(session, name, prepare, send))
            except CollectionError as error:
                wait = _pause(error, attempt) if attempt < self.attempts else None
                if wait is None:
                    raise
                time.sleep(wait)
        raise AssertionError("the last attempt raises")  # pragma: no cover

    def make_once(self, session: S, name: Callable[[S], C], prepare: Callable[[S], R], send: Callable[[R], T]) -> T:
        """The answer to one call, not tried again."""
        self.context.check_deadline()
        call = name(session)
        with self.translating(call), under_way(call):
            ready = prepare(session)
        self.wait_for_turn(call)
        with self.translating(call), under_way(call):
            return send(ready)

    def wait_for_turn(self, call: C) -> None:
        """Wait until the quotas let it go out."""
        call.acquire()

    def renewable(self, session: S) -> bool:
        """Whether another session may have other credentials."""
        del session
        return True

    def renewing(self, attempt: Callable[[S], T]) -> T:
        """Once more with fresh credentials, where the provider does not take the old ones any more."""
        session = self.session
        try:
            return attempt(session)
        except ExpiredCredentials:
            if not self.renewable(session):
                raise
            renewed = self._sessions.renew(session)
        return attempt(renewed)

    def charge(self, api: str, units: int) -> None:
        """Take the price of a call from the budget of the day; BudgetReached where that does not hold it."""
        price = self.context.meter.price(api, units)
        if self.budget is not None and price:
            shared = self.context.shared
            charge(shared.spend, f"{self.provider}/{self.context.account.name}", price, self.budget, shared.now())


def _pause(error: CollectionError, attempt: int) -> float | None:
    """Seconds until the next attempt; None where there is none."""
    if isinstance(error, BrokenListing) or not isinstance(error, Throttled | Unavailable):
        return None
    if error.retry_after is not None:
        # The limiter holds the next one back until the quota may be used again.
        return 0.0 if error.retry_after <= _SHORT_WAIT else None
    return full_jitter(attempt, _FIRST_PAUSE, _LONGEST_PAUSE)
