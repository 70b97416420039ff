"""What cannot be written for now: kept aside, tried again ever more rarely, at last a dead letter.

It is condemned on evidence only: the database has written others since, or has shown for a long time that it works.
What waits for a lock that somebody holds is never condemned.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from storage.writer import Undecodable
from telemetry.backoff import equal_jitter
from workers.ingest.parcel import Inlet, Item
from workers.ingest.writer import Failure, Stuck

TRIES = 8
"""While others are written meanwhile."""
TRIES_WITHOUT_OTHERS = 16
"""While the database works, and there is nothing else to write."""
MOST = 64
"""Of a lane. More at a time are no matter of single messages: nothing new is taken in until they are written."""
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0


@dataclass(eq=False)
class Held:
    """One batch or report that is kept aside."""

    item: Item
    failure: Failure
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

    def of(self, inlet: Inlet) -> int:
        """How many came by this inlet."""
        return sum(held.item.parcel.inlet is inlet for held in self._held)

    def put(self, stuck: Stuck) -> None:
        """Keep one that has just failed."""
        held = Held(stuck.item, stuck.failure, 1, self._clock() + _pause(1), self._successes)
        self._held.append(held)

    def put_back(self, held: Held, failure: Failure) -> None:
        """It failed once more."""
        held.failure = failure
        held.tries += 1
        held.due_at = self._clock() + _pause(held.tries)

    def done(self, held: Held) -> None:
        """It is written, or a dead letter."""
        self._held.remove(held)

    def note_success(self) -> None:
        """Something else was written."""
        self._successes += 1

    def due(self) -> list[Held]:
        """Those to be tried now, the longest due first."""
        now = self._clock()
        return sorted((held for held in self._held if held.due_at <= now), key=lambda held: held.due_at)

    def verdict(self, held: Held, *, works: Callable[[], bool]) -> Undecodable | None:
        """The dead letter that it becomes; None where it is to be tried again."""
        others = self._successes > held.successes
        enough = held.tries >= (TRIES if others else TRIES_WITHOUT_OTHERS)
        if not enough or not held.failure.blames or not works():
            return None
        seen = f"it could not be stored in {held.tries} tries, while the database took other things in"
        reason = f"{seen}: {held.failure.reason}"
        return Undecodable(held.item.received.body, "refused", reason)


def _pause(tries: int) -> float:
    # Half at the least: so many tries are evidence only where there is time between them.
    return equal_jitter(tries, _FIRST_PAUSE, _LONGEST_PAUSE)
