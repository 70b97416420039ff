"""The figures of the live view: asked once a second at most, by threads of their own, so that no server delays it."""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import Generic, Self, TypeVar

from pydantic import SecretStr

from storage import dead_letters, outbox
from storage.database import Database
from storage.errors import StorageError
from storage.ledger import count_states
from storage.outbox import OutboxWaiting
from storage.reports import ProviderActivity, read_activity
from storage.timeouts import LOOK
from tasks.results import Carrier, CarrierUnavailable, Depth, open_carrier
from telemetry.broker import Address
from telemetry.redact import redact

logger = logging.getLogger(__name__)

_EVERY = 1.0
_SHARE = 20
"""The figures take at most this part of the database's time: one in twenty."""
_SELDOM = 10.0
_WAIT = 2.0
_SILENT_AFTER = 3.0
"""Seconds without an answer after which nothing is known any more."""

T = TypeVar("T")


@dataclass(frozen=True)
class Figures:
    """One look at the database and the broker. None: it could not be asked, and what is not known is no zero."""

    #: Windows, by provider and state of the ledger.
    windows: Mapping[str, Mapping[str, int]] | None = None
    #: Of the last minute, by provider.
    activity: Mapping[str, ProviderActivity] | None = None
    #: What waits, by destination; without those for which nothing does.
    destinations: Mapping[str, OutboxWaiting] | None = None
    dead_letters: int | None = None
    results: Depth | None = None
    #: Why something is not known, in words.
    troubles: tuple[str, ...] = field(default=())

    def settled(self) -> int | None:
        """Windows that have ended in any way."""
        if self.windows is None:
            return None
        return sum(self.done(each) + self.lost(each) for each in self.windows)

    def done(self, provider: str) -> int:
        """Windows with everything that there was, be it nothing."""
        return self._count(provider, "complete", "empty")

    def waiting(self, provider: str) -> int:
        """Windows that are due, or being collected."""
        return self._count(provider, "planned", "dispatched")

    def denied(self, provider: str) -> int:
        """Windows for which a permission is missing."""
        return self._count(provider, "denied")

    def failed(self, provider: str) -> int:
        """Windows that were given up."""
        return self._count(provider, "failed")

    def lost(self, provider: str) -> int:
        """Windows that were denied, or given up."""
        return self.denied(provider) + self.failed(provider)

    @property
    def outbox(self) -> OutboxWaiting | None:
        """What waits for all destinations."""
        if self.destinations is None:
            return None
        each = self.destinations.values()
        return OutboxWaiting(sum(one.pending for one in each), sum(one.dead for one in each))

    def _count(self, provider: str, *states: str) -> int:
        counts = (self.windows or {}).get(provider, {})
        return sum(counts.get(state, 0) for state in states)


class Watcher:
    """Looks again and again; ``latest`` is what it saw last. A context manager."""

    def __init__(self, database_url: SecretStr, broker: Address) -> None:
        """Name the servers."""
        database = Database(database_url, application="finfleet up", size=1, wait=_WAIT, timeouts=LOOK)
        carrier: Carrier = open_carrier(broker)
        self._stored = _Asked(f"database {database.address}", partial(_ask, database), database.close)
        self._queued = _Asked(f"broker {carrier.where}", carrier.depth, carrier.close)

    @property
    def latest(self) -> Figures:
        """What is known now; nothing of a server that does not answer."""
        stored, of_database = self._stored.answer()
        queued, of_broker = self._queued.answer()
        troubles = tuple(trouble for trouble in (of_database, of_broker) if trouble)
        return dataclasses.replace(stored or Figures(), results=queued, troubles=troubles)

    @property
    def alive(self) -> bool:
        """Whether it still looks."""
        return self._stored.is_alive() and self._queued.is_alive()

    def __enter__(self) -> Self:
        for asked in (self._stored, self._queued):
            asked.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for asked in (self._stored, self._queued):
            asked.stopped.set()
        for asked in (self._stored, self._queued):
            asked.join(_WAIT)


class _Asked(threading.Thread, Generic[T]):
    """Asks one server again and again, in a thread of its own: one that hangs hides nothing of the other."""

    def __init__(self, what: str, ask: Callable[[], T], close: Callable[[], None]) -> None:
        super().__init__(name=f"figures of {what}", daemon=True)
        self._what = what
        self._ask = ask
        self._close = close
        self._known: tuple[T | None, str] = (None, "")
        self._asked_at: float | None = None
        self.stopped = threading.Event()

    def answer(self) -> tuple[T | None, str]:
        """What it said last, or None and why that is not known. What it said before it fell silent is no answer."""
        since = self._asked_at
        if since is not None and time.monotonic() - since > _SILENT_AFTER:
            return None, f"{self._what} does not answer"
        return self._known

    def run(self) -> None:
        """Ask until it is stopped."""
        pause = 0.0
        while not self.stopped.wait(pause):
            begun = self._asked_at = time.monotonic()
            troubles: list[str] = []
            found = _try(self._ask, troubles)
            self._known = found, "; ".join(troubles)
            self._asked_at = None
            pause = min(max(_EVERY, _SHARE * (time.monotonic() - begun)), _SELDOM)
        self._close()


def _ask(database: Database) -> Figures:
    with database.connection() as connection:
        return Figures(
            windows=count_states(connection),
            activity={each.provider: each for each in read_activity(connection, database.clock.now(connection))},
            destinations=outbox.count_waiting(connection),
            dead_letters=dead_letters.count_waiting(connection),
        )


def _try(ask: Callable[[], T], troubles: list[str]) -> T | None:
    try:
        return ask()
    except (StorageError, CarrierUnavailable) as error:
        troubles.append(str(error))
        return None
    except Exception as error:
        # None is known to come so far; and figures that stand still would look like a fleet that does.
        logger.exception("asking for the figures")
        troubles.append(redact(f"{type(error).__name__}: {error}"))
        return None
