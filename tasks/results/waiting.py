"""How many messages of each source wait, and whether one more may."""

from __future__ import annotations

import time
from collections.abc import Callable

from tasks.results.carrier import Carrier, CarrierUnavailable
from telemetry.errors import MessageError

_KEPT = 1.0
"""Seconds for which a number is taken for true."""


class OverBudget(MessageError):
    """More messages of a source wait than may."""

    code = "over_budget"


class Waiting:
    """Asks the queues of the sources. Any number of threads may share one."""

    def __init__(self, queue_of: Callable[[str], Carrier]) -> None:
        """Name the way to the queue of a source."""
        self._queue_of = queue_of
        self._known: dict[str, tuple[float, int]] = {}

    def check(self, source: str, limit: int) -> None:
        """Raise OverBudget where ``limit`` messages of ``source`` wait. Where nobody can tell, the publisher will."""
        if self._messages(source) >= limit:
            remedy = "send more slowly, or raise it"
            raise OverBudget(f"source: {source!r}: {limit} of its messages wait already, its max_waiting: {remedy}")

    def _messages(self, source: str) -> int:
        read_at, messages = self._known.get(source, (float("-inf"), 0))
        if time.monotonic() - read_at > _KEPT:
            try:
                messages = self._queue_of(source).depth().messages
            except CarrierUnavailable:
                return 0
            self._known[source] = (time.monotonic(), messages)
        return messages
