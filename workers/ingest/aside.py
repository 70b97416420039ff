"""What cannot be written for now: kept aside, tried again ever more rarely, at last a dead letter.

It is condemned on evidence only: the database has written others since, or has shown for a long time that it works.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from storage.writer import Undecodable
from workers.ingest.parcel import Item
from workers.ingest.writer import Stuck

TRIES = 8
"""While others are written meanwhile."""
TRIES_WITHOUT_OTHERS = 16
"""While the database works, and there is nothing else to write."""
MOST = 64
"""More at a time are no matter of single messages any more: nothing new is taken in until they are written."""
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 60.0


@dataclass(eq=False)
class Held:
    """One batch or report that is kept aside."""

    item: Item
    reason: str
    tries: int
    due_at: float
    #: Successes of the lane when it was put aside.
    successes: int


class Aside:
    """Those of one lane. One thread uses it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Hold nothing yet."""
        self._clock = clock
        self._held: list[Held] = []
        self._successes = 0

    def __len__(self) -> int:
        return len(self._held)

    @property
    def is_full(self) -> bool:
        """Whether nothing new should be taken in."""
        return len(self._held) >= MOST

    def put(self, stuck: Stuck) -> None:
        """Keep one that has just failed."""
        held = Held(stuck.item, stuck.reason, 1, self._clock() + _pause(1), self._successes)
        self._held.append(held)

    def put_back(self, held: Held, reason: str) -> None:
        """It failed once more."""
        held.reason = reason
        held.tries += 1
        held.due_at = self._clock() + _pause(held.tries)

    def done(self, held: Held) -> None:
        """It is written, or buried."""
        self._held.remove(held)

    def note_success(self) -> None:
        """Something else was written."""
        self._successes += 1

    def due(self) -> list[Held]:
        """Those to be tried now."""
        now = self._clock()
        return [held for held in self._held if held.due_at <= now]

    def verdict(self, held: Held, *, works: Callable[[], bool]) -> Undecodable | None:
        """The dead letter that it becomes; None where it is to be tried again."""
        others = self._successes > held.successes
        if held.tries < (TRIES if others else TRIES_WITHOUT_OTHERS) or not works():
            return None
        reason = f"it could not be stored in {held.tries} tries, while the database took other things in: {held.reason}"
        return Undecodable(held.item.received.body, "refused", reason)


def _pause(tries: int) -> float:
    longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(tries, 10))
    return random.uniform(longest / 2, longest)  # noqa: S311 - spreads load, keeps no secret
