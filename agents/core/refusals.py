"""Whose fault a refusal is: the message's own, or that of a proxy in between which refuses everything.

Seen from one message the two look alike. What becomes of others tells them apart::

    refused again, the first since another was      the message's own: CONDEMN (the second time, where it was
    taken                                           refused among others before: there may be wave after wave;
                                                    but at once, where that other was of its queue and just before)
    refused in the destination's own form, no       the message's own: CONDEMN
    other was refused since the last that was
    taken, and it takes something else right now
    refused for the first time                      AGAIN
    refused again, and only messages of its own     LOOK_BEHIND: there may be no others, so one behind it is tried
    queue were refused meanwhile
    refused again, as those of other queues are     WAIT: everything is refused

Until it is condemned a message stays where it is: a wave of refusals costs time, and no message.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum, auto

MAX_BEHIND = 20
"""So many messages of a queue, refused one after the other, are looked behind."""
_MAX_SUSPECTS = 10_000
"""Each is the first of a queue, or little behind: more are those that another process has settled."""
_SELDOM = 8


class Verdict(Enum):
    """What to do with a message that was refused."""

    CONDEMN = auto()
    AGAIN = auto()
    LOOK_BEHIND = auto()
    WAIT = auto()


@dataclass
class _Suspect:
    queue: Hashable
    #: How many messages had been taken when it was refused, the last time that this told something.
    taken: int
    tries: int = 0
    #: How often it was refused as the only one since another was taken.
    alone: int = 0
    #: Whether it was refused among others: there may be wave after wave.
    in_wave: bool = False


class Refusals:
    """What one destination refused of late. Safe to share between threads; none of its methods waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = 0
        #: The queue of the last that was taken, until something is refused.
        self._fresh: Hashable = None
        self._suspects: dict[int, _Suspect] = {}
        #: Queues by message: what was refused since the last that was taken.
        self._row: dict[int, Hashable] = {}

    @property
    def in_a_row(self) -> int:
        """How many different messages were refused since the last that was taken."""
        with self._lock:
            return len(self._row)

    def suspects(self, queue: Hashable) -> list[int]:
        """The messages of a queue that were refused, and are neither taken nor condemned yet."""
        with self._lock:
            return [number for number, suspect in self._suspects.items() if suspect.queue == queue]

    def taken(self, number: int, queue: Hashable) -> None:
        """Note a message of ``queue`` that the destination took."""
        with self._lock:
            self._taken += 1
            self._fresh = queue
            self._row.clear()
            self._suspects.pop(number, None)

    def refused(self, number: int, queue: Hashable, is_own: Callable[[], bool]) -> Verdict:
        """Judge a message of ``queue`` that was refused.

        ``is_own`` finds out whether the refusal can only be the destination's own; it is called where that decides.
        """
        with self._lock:
            suspect = self._suspects.setdefault(number, _Suspect(queue, self._taken))
            suspect.tries += 1
            is_fresh, self._fresh = self._fresh == queue, None
            is_alone = len(self._row) == (number in self._row)
            if self._taken > suspect.taken:
                suspect.taken = self._taken
                suspect.alone += is_alone
                if suspect.alone > suspect.in_wave or is_fresh:
                    del self._suspects[number]
                    return Verdict.CONDEMN
            self._note_row(number, suspect)
            self._forget_oldest()
        if is_alone and is_own():
            with self._lock:
                self._suspects.pop(number, None)
            return Verdict.CONDEMN
        return self._wait(suspect)

    def _note_row(self, number: int, suspect: _Suspect) -> None:
        self._row[number] = suspect.queue
        if len(self._row) > 1:
            suspect.in_wave = True
            first = self._suspects.get(next(iter(self._row)))
            if first is not None:
                first.in_wave = True

    def _wait(self, suspect: _Suspect) -> Verdict:
        if suspect.tries == 1:
            return Verdict.AGAIN
        with self._lock:
            others = any(queue != suspect.queue for queue in self._row.values())
        # Ever more seldom where everything is refused: what is taken then may come before what it stood behind.
        seldom = suspect.tries >= _SELDOM and suspect.tries & (suspect.tries - 1) == 0
        return Verdict.WAIT if others and not seldom else Verdict.LOOK_BEHIND

    def _forget_oldest(self) -> None:
        while len(self._suspects) > _MAX_SUSPECTS:
            del self._suspects[next(iter(self._suspects))]
        while len(self._row) > _MAX_SUSPECTS:
            del self._row[next(iter(self._row))]
