"""The record of every request, for the tests that count calls and measure rates."""

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

OK = "ok"
ERROR = "error"
THROTTLE = "throttle"

_KEPT = 500_000


class Recorded(Protocol):
    """What every cloud tells of a request; a cloud's own dataclass adds to it.

    `at` is the arrival in epoch seconds; `outcome` is `ok`, `error` (the service refused it) or the kind of the
    injected fault that refused it (`throttle`, `deny`, ...).
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def at(self) -> float:
        """When it arrived, in epoch seconds."""

    @property
    def api(self) -> str:
        """What it asked for, by service and operation."""

    @property
    def outcome(self) -> str:
        """What came of it."""


C = TypeVar("C", bound=Recorded)
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Call:
    """A request to a cloud of accounts and regions. `seconds` were spent on it, its answer has `size` bytes."""

    at: float
    account: str
    region: str
    api: str
    outcome: str
    status: int
    seconds: float
    resource: str = ""
    size: int = 0


class CallLog(Generic[C]):
    """Every call since the last `reset`, each exactly once. The newest 500,000 are kept one by one.

    `places` are the fields of a call that it is counted by, apart from API and outcome: the account, the region.
    """

    def __init__(self, *places: str) -> None:
        self._places = places
        self._lock = threading.Lock()
        self._calls: deque[C] = deque(maxlen=_KEPT)
        self._counts: Counter[tuple[str, ...]] = Counter()

    def record(self, call: C) -> None:
        """Add a call."""
        key = (call.api, call.outcome, *(getattr(call, place) for place in self._places))
        with self._lock:
            self._calls.append(call)
            self._counts[key] += 1

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._calls.clear()
            self._counts.clear()

    def records(self) -> list[C]:
        """The calls, oldest first by the time they ended."""
        with self._lock:
            return list(self._calls)

    def counts(self, outcome: str | None = None, **places: str | None) -> dict[str, int]:
        """API -> number of calls, of one outcome, account, region, ... where named."""
        wanted = (outcome, *(places.pop(place, None) for place in self._places))
        if places:
            raise TypeError(f"calls are counted by {', '.join(self._places)}, not by {', '.join(places)}")
        total: Counter[str] = Counter()
        for (api, *got), number in self._counted():
            if all(want is None or want == one for want, one in zip(wanted, got, strict=True)):
                total[api] += number
        return dict(total)

    def summary(self) -> dict[str, Any]:
        """The counts as JSON: `calls` is every request; `throttled`, `refused` and `errors` are parts of it."""
        by_place: dict[str, defaultdict[str, Counter[str]]] = {
            f"by_{place}": defaultdict(Counter) for place in self._places
        }
        refused: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for (api, outcome, *places), number in self._counted():
            for counted, place in zip(by_place.values(), places, strict=True):
                counted[place][api] += number
            if outcome not in {OK, ERROR, THROTTLE}:
                refused[outcome][api] += number
        calls = self.counts()
        return {
            "total": sum(calls.values()),
            "calls": calls,
            **by_place,
            "throttled": self.counts(THROTTLE),
            "refused": refused,
            "errors": self.counts(ERROR),
        }

    def _counted(self) -> list[tuple[tuple[str, ...], int]]:
        with self._lock:
            return list(self._counts.items())


def peak_rates(calls: Iterable[C], key: Callable[[C], K], seconds: float = 1.0) -> dict[K, float]:
    """What `key` makes of a call -> the most such calls per second seen in any window of `seconds`."""
    times: defaultdict[K, list[float]] = defaultdict(list)
    for call in calls:
        times[key(call)].append(call.at)
    return {name: _peak(sorted(arrivals), seconds) / seconds for name, arrivals in times.items()}


def as_json(calls: Iterable[Recorded]) -> list[dict[str, Any]]:
    """The calls as plain objects."""
    return [asdict(call) for call in calls]


def _peak(arrivals: list[float], seconds: float) -> int:
    """The most of `arrivals`, which are sorted, within any `seconds`."""
    most = first = 0
    for last, at in enumerate(arrivals):
        while at - arrivals[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
