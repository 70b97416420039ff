"""The record of every request, for the tests that count calls and measure rates."""

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

OK = "ok"
ERROR = "error"
THROTTLE = "throttle"

_KEPT = 500_000


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the server saw it.

    `at` is the arrival in epoch seconds; `outcome` is `ok`, `error` (the service refused it) or the kind of the
    injected fault that refused it (`throttle`, `deny`, ...); `seconds` is the time spent on it.
    """

    at: float
    account: str
    region: str
    api: str
    outcome: str
    status: int
    seconds: float


class CallLog:
    """Every call since the last `reset`, each exactly once. The newest 500,000 are kept one by one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: deque[Call] = deque(maxlen=_KEPT)
        self._counts: Counter[tuple[str, str, str, str]] = Counter()

    def record(self, call: Call) -> None:
        """Add a call."""
        with self._lock:
            self._calls.append(call)
            self._counts[call.account, call.region, call.api, call.outcome] += 1

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._calls.clear()
            self._counts.clear()

    def records(self) -> list[Call]:
        """The calls, oldest first by the time they ended."""
        with self._lock:
            return list(self._calls)

    def counts(
        self, *, account: str | None = None, region: str | None = None, outcome: str | None = None
    ) -> dict[str, int]:
        """`service.Action` -> number of calls, of one account, region or outcome where named."""
        with self._lock:
            items = list(self._counts.items())
        total: Counter[str] = Counter()
        for (call_account, call_region, api, call_outcome), number in items:
            wanted = ((account, call_account), (region, call_region), (outcome, call_outcome))
            if all(want is None or want == got for want, got in wanted):
                total[api] += number
        return dict(total)

    def summary(self) -> dict[str, Any]:
        """The counts as JSON: `calls` is every request; `throttled`, `refused` and `errors` are parts of it."""
        with self._lock:
            items = list(self._counts.items())
        by_region: defaultdict[str, Counter[str]] = defaultdict(Counter)
        refused: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for (_, region, api, outcome), number in items:
            by_region[region][api] += number
            if outcome not in {OK, ERROR, THROTTLE}:
                refused[outcome][api] += number
        calls = self.counts()
        return {
            "total": sum(calls.values()),
            "calls": calls,
            "by_region": by_region,
            "throttled": self.counts(outcome=THROTTLE),
            "refused": refused,
            "errors": self.counts(outcome=ERROR),
        }


def peak_rates(calls: Iterable[Call], seconds: float = 1.0) -> dict[tuple[str, str, str], float]:
    """(account, region, api) -> the most calls per second seen in any window of `seconds`."""
    times: defaultdict[tuple[str, str, str], list[float]] = defaultdict(list)
    for call in calls:
        times[call.account, call.region, call.api].append(call.at)
    return {key: peak(sorted(arrivals), seconds) / seconds for key, arrivals in times.items()}


def as_json(calls: Iterable[Call]) -> list[dict[str, Any]]:
    """The calls as plain objects."""
    return [asdict(call) for call in calls]


def peak(arrivals: list[float], seconds: float) -> int:
    """The most of `arrivals`, which are sorted, within any `seconds`."""
    most = first = 0
    for last, at in enumerate(arrivals):
        while at - arrivals[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
