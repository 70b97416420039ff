"""How much each API takes, and the sliding windows of units in which some count it."""

import math
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field


@dataclass
class Limits:
    """How much each API takes; the defaults are Azure's own. They may be changed at run time.

    `reads` and `reads_per_second` are the Resource Manager's bucket of one subscription and principal, and `tenant_*`
    the one of calls above subscriptions. `graph` is (queries, seconds) of one principal. `cost_units` are the
    (units, seconds) of Cost Management's tenant, and `cost_calls` the (calls, seconds) of one scope. `metrics` is
    (calls, seconds) of one subscription and region, `logs` (queries, seconds) of one principal.
    """

    reads: int = 250
    reads_per_second: float = 25
    tenant_reads: int = 250
    tenant_reads_per_second: float = 25
    graph: tuple[int, float] = (15, 5)
    cost_units: tuple[tuple[float, float], ...] = ((12, 10), (60, 60), (600, 3600))
    cost_calls: tuple[int, float] = (100, 300)
    metrics: tuple[int, float] = (360_000, 3600)
    logs: tuple[int, float] = (200, 30)
    prices: tuple[int, float] = (100, 60)
    extra: dict[str, float] = field(default_factory=dict)


class Windows:
    """Units by key in sliding windows of time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._used: defaultdict[Hashable, deque[tuple[float, float]]] = defaultdict(deque)

    def take(self, key: Hashable, units: float, limits: Sequence[tuple[float, float]]) -> tuple[list[float], int]:
        """(what is left of each limit, seconds to wait): a wait of 0 means that the units were taken."""
        now = self._clock()
        longest = max(seconds for _, seconds in limits)
        with self._lock:
            used = self._used[key]
            while used and now - used[0][0] >= longest:
                used.popleft()
            sums = [sum(n for at, n in used if now - at < seconds) for _, seconds in limits]
            waits = [
                self._wait(used, now, most - units, seconds)
                for total, (most, seconds) in zip(sums, limits, strict=True)
                if total + units > most
            ]
            if not waits:
                used.append((now, units))
                sums = [total + units for total in sums]
        left = [max(0.0, most - total) for total, (most, _) in zip(sums, limits, strict=True)]
        return left, max(waits, default=0)

    @staticmethod
    def _wait(used: deque[tuple[float, float]], now: float, room: float, seconds: float) -> int:
        """Whole seconds until no more than `room` units are in the window."""
        total = 0.0
        for at, units in reversed(used):
            total += units
            if total > room:
                return max(1, math.ceil(at + seconds - now))
        return 1
