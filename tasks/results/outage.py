"""How a consumer lives through the absence of its broker: pauses that grow, and one line in the log."""

from __future__ import annotations

import logging
import time

from telemetry.backoff import equal_jitter
from telemetry.redact import redact

log = logging.getLogger(__name__)


class Outage:
    """Paces the attempts to reach a broker, and tells the log once that it is away and once that it is back."""

    FIRST_PAUSE = 0.2
    LONGEST_PAUSE = 10.0

    def __init__(self, where: str) -> None:
        self._where = where
        self._failures = 0
        self._since = 0.0
        self._next = 0.0

    def wait(self, deadline: float) -> bool:
        """Sleep until the next attempt is due, but not past ``deadline`` (monotonic): whether it is due now."""
        pause = self._next - time.monotonic()
        if pause > 0:
            time.sleep(max(0.0, min(pause, deadline - time.monotonic())))
        return time.monotonic() >= self._next

    def failed(self, error: Exception) -> None:
        """Note one more attempt that did not succeed."""
        now = time.monotonic()
        if not self._failures:
            self._since = now
            log.warning("results queue: %s is away (%s); trying again until it is back", self._where, describe(error))
        self._failures += 1
        # Jitter, so that a fleet of consumers does not come back all at once.
        self._next = now + equal_jitter(self._failures, self.FIRST_PAUSE, self.LONGEST_PAUSE)

    def over(self) -> None:
        """Note an attempt that succeeded."""
        if self._failures:
            log.warning("results queue: %s is back after %.1f s", self._where, time.monotonic() - self._since)
            self._failures = 0
            self._next = 0.0


def describe(error: Exception) -> str:
    """An error of a client library in one line, without secrets."""
    return redact(f"{type(error).__name__}: {error}")
