"""The record of every request, for the tests that count calls and measure rates."""

import threading
from collections import Counter, defaultdict, deque
from dataclasses import dataclass

from emulators.calls import peak

OK = "ok"
ERROR = "error"

_KEPT = 200_000


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the server saw it.

    `api` is `service:Method`; `at` is the arrival in epoch seconds; `outcome` is `ok`, `error` (the service refused it)
    or the kind of the fault that refused it (`throttle`, `deny`, ...). `caller` is the service account's address, or
    empty; `quota_project` is what `x-goog-user-project` said.
    """

    at: float
    api: str
    project: str
    outcome: str
    code: str
    caller: str
    quota_project: str


class CallLog:
    """Every call since the last `reset`, each exactly once; the newest 200,000 are kept one by one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: deque[Call] = deque(maxlen=_KEPT)
        self._counts: Counter[tuple[str, str, str]] = Counter()

    def record(self, call: Call) -> None:
        """Add a call."""
        with self._lock:
            self._calls.append(call)
            self._counts[call.api, call.project, call.outcome] += 1

    def reset(self) -> None:
        """Forget everything."""
        with self._lock:
            self._calls.clear()
            self._counts.clear()

    def records(self) -> list[Call]:
        """The calls, oldest first by the time they ended."""
        with self._lock:
            return list(self._calls)

    def counts(self, *, project: str | None = None, outcome: str | None = None) -> dict[str, int]:
        """`service:Method` -> number of requests, of one project or outcome where that is given."""
        with self._lock:
            items = list(self._counts.items())
        total: Counter[str] = Counter()
        for (api, of_project, of_outcome), number in items:
            if project in {None, of_project} and outcome in {None, of_outcome}:
                total[api] += number
        return dict(total)

    def peak_rates(self, seconds: float = 1.0) -> dict[tuple[str, str], float]:
        """(project, api) -> the most calls per second in any window of `seconds`."""
        times: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        for call in self.records():
            times[call.project, call.api].append(call.at)
        return {key: peak(sorted(arrivals), seconds) / seconds for key, arrivals in times.items()}
