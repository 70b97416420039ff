"""The database's clock: the ledger is kept by it, whatever the clocks of those who keep it.

Planners, ingests and commands run on many machines. What is due, whose lease has ended and when a window is read again
must be the same to all of them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.database import Connection

logger = logging.getLogger(__name__)

TOLERATED = timedelta(seconds=30)
"""How far a machine's clock may be off before anybody is told. Less than the least that a provider needs to deliver."""
_ASKED_EVERY = 5.0
_SAID_EVERY = 60.0
_NOTHING = timedelta(0)


def own_time() -> datetime:
    """What the clock of this machine shows."""
    return datetime.now(UTC)


class Clock:
    """Asked now and then; in between, time is counted from what it answered. Any number of threads may share it."""

    def __init__(self, own: Callable[[], datetime] = own_time) -> None:
        """Ask nothing yet."""
        self._own = own
        #: What it showed, and monotonic seconds then.
        self._read: tuple[datetime, float] | None = None
        #: How far the clock of this machine is ahead of it.
        self._ahead = _NOTHING

    def now(self, connection: Connection) -> datetime:
        """The time; asked over this connection where it was not of late."""
        if self._read is None or time.monotonic() - self._read[1] > _ASKED_EVERY:
            before = self._own()
            if row := connection.execute("SELECT clock_timestamp()").fetchone():
                self._note(row[0].astimezone(UTC), before, self._own())
        return self.known()

    def passed(self, connection: Connection) -> datetime:
        """The time that has come for sure: by that clock and by that of this machine, whichever is behind.

        What has closed by one of two clocks may not have: what is collected too early lacks what came after it.
        """
        return min(self.now(connection), self._own())

    def known(self) -> datetime:
        """The time without asking: by the last answer, or by the clock of this machine where there was none."""
        if self._read is None:
            return self._own()
        shown, at = self._read
        return shown + timedelta(seconds=time.monotonic() - at)

    def known_passed(self) -> datetime:
        """The same of :meth:`passed`."""
        return min(self.known(), self._own())

    @property
    def trouble(self) -> str:
        """That the two are far apart, in words; empty where they are not."""
        if abs(self._ahead) <= TOLERATED:
            return ""
        how = "ahead of" if self._ahead > _NOTHING else "behind"
        apart = timedelta(seconds=round(abs(self._ahead).total_seconds()))
        return f"the clock of this machine is {apart} {how} that of the database: have both set by NTP"

    def _note(self, shown: datetime, before: datetime, after: datetime) -> None:
        # The answer may have taken its time, and says nothing of that.
        self._ahead = before - shown if before > shown else min(after - shown, _NOTHING)
        self._read = shown, time.monotonic()
        if trouble := self.trouble:
            _say(trouble)


_said_lock = threading.Lock()
_said_at = float("-inf")


def _say(trouble: str) -> None:
    """Once a minute, however many ask."""
    global _said_at  # noqa: PLW0603 - of the process
    with _said_lock:
        if time.monotonic() - _said_at < _SAID_EVERY:
            return
        _said_at = time.monotonic()
    logger.warning("%s; what is due goes by the database's, and nothing is opened before both say so", trouble)
