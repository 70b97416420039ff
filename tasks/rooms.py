"""How much more may be handed out: as much as keeps the workers busy until the next look, and hardly more.

What lies on a queue cannot be taken back, held back, or overtaken by what matters more. So a queue holds one task for
each thread that takes from it, or what is taken from it between a few looks, whichever is more: a number that follows
the workers, and that nobody tunes. A queue that nobody takes from is given a handful.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from storage.ledger import LastLook
from tasks.lanes import SLOW, queue_of

HANDFUL = 32
"""Tasks on a queue of which nobody knows how many threads take from it."""
_LEAST = 4
"""Tasks of a lane that shares its queue with others, however full that is."""
_AHEAD, _AHEAD_OF_DRY = 2, 3
"""Looks for which a queue should last; one that had run dry could have lasted longer."""
_LONGEST = 1.0
"""Seconds from one look to the next where much is done; what was drained in a longer time is drained slower."""
_RECENT = 5.0
"""Seconds after which it does not matter any more how fast a queue was drained."""


class Outlet(NamedTuple):
    """One lane of a provider's queue."""

    provider: str
    queue: str
    lane: str


@dataclass(frozen=True)
class Seen:
    """The queues, and who takes from them, at one moment."""

    #: The queues of each living worker, and its threads; 0: not known.
    consumers: Sequence[tuple[frozenset[str], int]] = ()
    #: Messages waiting by queue; None: the broker cannot say.
    waiting: Mapping[str, int] | None = field(default_factory=dict)
    last: Mapping[str, LastLook] = field(default_factory=dict)
    #: Attempts that are out.
    out: Mapping[Outlet, int] = field(default_factory=dict)

    def name(self, outlet: Outlet) -> str:
        """The Celery queue for an outlet: the lane's own, unless no living worker takes from that."""
        own = queue_of(outlet.queue, outlet.lane)
        return own if any(own in queues for queues, _ in self.consumers) else outlet.queue

    def threads(self, queue: str) -> int:
        """That take from a queue; 0: not known, or none."""
        return sum(threads for queues, threads in self.consumers if queue in queues)

    def drained(self, queue: str) -> float:
        """Messages that are taken from a queue between two looks, of late."""
        last = self.last.get(queue)
        if last is None or self.waiting is None:
            return 0.0
        before = last.drained / 2 if last.age < _RECENT else 0.0
        taken = (last.left_waiting - self.waiting.get(queue, 0)) / max(1.0, last.age / _LONGEST)
        return max(before, taken, 0.0)

    def had_run_dry(self, queue: str) -> bool:
        """Whether more could have been taken from it."""
        last = self.last.get(queue)
        return self.waiting is not None and last is not None and last.left_waiting > 0 and not self.waiting.get(queue)


class Rooms:
    """How much may go out now; each attempt that is :meth:`taken <take>` leaves less."""

    def __init__(self, outlets: Iterable[Outlet], seen: Seen, max_in_flight: int | None = None) -> None:
        """Of all the outlets that there are."""
        every = list(outlets)
        self.queues = {outlet: seen.name(outlet) for outlet in every}
        by_queue: dict[str, list[Outlet]] = defaultdict(list)
        for outlet, queue in self.queues.items():
            by_queue[queue].append(outlet)
        self._on_queue = {queue: _room_on(queue, by_queue, seen) for queue in by_queue}
        #: Of a lane that shares a queue: so many go there however full it is.
        self._least = {
            outlet: _LEAST - seen.out.get(outlet, 0) if len(by_queue[queue]) > 1 else 0
            for outlet, queue in self.queues.items()
        }
        self._bounds = {
            outlet: _bound(outlet, queue, every, seen) - seen.out.get(outlet, 0)
            for outlet, queue in self.queues.items()
        }
        self._of_provider: dict[str, int] = {}
        if max_in_flight is not None:
            self._of_provider = {outlet.provider: max_in_flight for outlet in every}
            for outlet, out in seen.out.items():
                if outlet.provider in self._of_provider:
                    self._of_provider[outlet.provider] -= out

    def of(self, outlet: Outlet) -> int:
        """How many more may go out over an outlet."""
        if outlet not in self.queues:
            return 0
        room = max(self._on_queue[self.queues[outlet]], self._least[outlet])
        return max(0, min(room, self._bounds[outlet], self._of_provider.get(outlet.provider, room)))

    def take(self, outlet: Outlet) -> bool:
        """Count one that goes out, unless there is no room for it."""
        if self.of(outlet) == 0:
            return False
        self._on_queue[self.queues[outlet]] -= 1
        self._least[outlet] -= 1
        self._bounds[outlet] -= 1
        if outlet.provider in self._of_provider:
            self._of_provider[outlet.provider] -= 1
        return True


def _room_on(queue: str, by_queue: Mapping[str, list[Outlet]], seen: Seen) -> int:
    threads = seen.threads(queue)
    ahead = _AHEAD_OF_DRY if seen.had_run_dry(queue) else _AHEAD
    most = max(threads or HANDFUL, math.ceil(ahead * seen.drained(queue)))
    if seen.waiting is None:
        return most + threads - _out(by_queue[queue], seen.out.get)
    waiting = seen.waiting.get(queue, 0)
    room = most - waiting + max(0, threads - _running(queue, by_queue, seen))
    # What is left is plenty: to look for little more takes as long as to look for much.
    return room if room * 4 >= most else 0


def _running(queue: str, by_queue: Mapping[str, list[Outlet]], seen: Seen) -> int:
    """At most so many tasks are held by those that take from a queue, and from whatever else they take from."""
    theirs = {name for queues, _ in seen.consumers if queue in queues for name in queues if name in by_queue}
    out = sum(_out(by_queue[name], seen.out.get) for name in theirs)
    return max(0, out - sum((seen.waiting or {}).get(name, 0) for name in theirs))


def _out(outlets: Iterable[Outlet], get: Callable[[Outlet, int], int]) -> int:
    return sum(get(outlet, 0) for outlet in outlets)


def _bound(outlet: Outlet, queue: str, every: Sequence[Outlet], seen: Seen) -> int:
    """At most so many of a lane are out: slow work leaves half of the threads to what else they have to do."""
    if outlet.lane != SLOW or all(one.lane == SLOW for one in every if one.provider == outlet.provider):
        return 2**31 - 1
    slow = {queue_of(one.queue, one.lane) for one in every if one.lane == SLOW}
    takers = [(queues, threads) for queues, threads in seen.consumers if queue in queues and threads]
    if not takers:
        return 1  # they may have one thread, or be of a former release
    return sum(threads if queues <= slow else max(1, threads // 2) for queues, threads in takers)
