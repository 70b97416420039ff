"""The figures of the live view: asked once a second at most, by a thread of their own, so that no server delays it."""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TypeVar

from pydantic import SecretStr

from agents.core.context import utc_now
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
        self.latest = Figures()
        self._database = Database(database_url, application="finfleet up", size=1, wait=_WAIT, timeouts=LOOK)
        self._carrier: Carrier = open_carrier(broker)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="figures", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether it still looks."""
        return self._thread.is_alive()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(_WAIT)

    def _watch(self) -> None:
        pause = 0.0
        while not self._stop.wait(pause):
            begun = time.monotonic()
            self.latest = self._look()
            pause = min(max(_EVERY, _SHARE * (time.monotonic() - begun)), _SELDOM)
        self._database.close()
        self._carrier.close()

    def _look(self) -> Figures:
        troubles: list[str] = []
        known = _try(self._ask_database, troubles) or Figures()
        results = _try(self._carrier.depth, troubles)
        return dataclasses.replace(known, results=results, troubles=tuple(troubles))

    def _ask_database(self) -> Figures:
        with self._database.connection() as connection:
            return Figures(
                windows=count_states(connection),
                activity={each.provider: each for each in read_activity(connection, utc_now())},
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
