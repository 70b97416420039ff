"""Where the datapoints are: one series per account, region, namespace, metric, set of dimensions and unit."""

import threading
from array import array
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

Dimensions = frozenset[tuple[str, str]]


class StatisticSet(NamedTuple):
    """Values that were summed up before they were put, at epoch second `time`."""

    time: int
    samples: float
    total: float
    minimum: float
    maximum: float


class MetricName(NamedTuple):
    """A metric without its place and unit."""

    namespace: str
    name: str
    dimensions: Dimensions


class Series:
    """The datapoints of one metric in one unit, in order of time.

    `counts` is None while every value counts once, which is nearly always.
    """

    __slots__ = ("counts", "sets", "times", "unit", "values")

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self.times = array("q")
        self.values = array("d")
        self.counts: array[float] | None = None
        self.sets: list[StatisticSet] = []

    def add(self, time: int, value: float, count: float = 1.0) -> None:
        """Put one value at an epoch second."""
        if count != 1.0 and self.counts is None:
            self.counts = array("d", [1.0] * len(self.times))
        at = len(self.times)
        if at and time < self.times[-1]:
            at = bisect_right(self.times, time)
        self.times.insert(at, time)
        self.values.insert(at, value)
        if self.counts is not None:
            self.counts.insert(at, count)

    def add_set(self, statistics: StatisticSet) -> None:
        """Put values that were summed up already."""
        insort(self.sets, statistics)

    def extend(self, times: Sequence[int], values: Sequence[float]) -> None:
        """Put many values, already in order of time and later than all that is here."""
        self.times.extend(times)
        self.values.extend(values)
        if self.counts is not None:
            self.counts.extend([1.0] * len(times))

    def span(self, start: float, end: float) -> tuple[int, int]:
        """The slice of the values with start <= time < end."""
        return bisect_left(self.times, start), bisect_left(self.times, end)

    def first_and_last(self, until: float) -> tuple[int, int] | None:
        """The times of the first datapoint and of the last one at or before `until`."""
        times = [t for t in (*self.times[:1], *(s.time for s in self.sets[:1])) if t <= until]
        if not times:
            return None
        last = self.times[max(0, bisect_right(self.times, until) - 1)] if self.times else times[0]
        return min(times), max([last, *(s.time for s in self.sets if s.time <= until)])


class MetricStore:
    """Every series. Hold `lock` while reading the arrays of a series that others may write."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._places: defaultdict[tuple[str, str], dict[MetricName, list[Series]]] = defaultdict(dict)

    def series(self, account: str, region: str, metric: MetricName, unit: str | None = None) -> list[Series]:
        """The series of a metric: one per unit put, or only that of `unit`."""
        found = self._places[account, region].get(metric, [])
        return found if unit is None else [series for series in found if series.unit == unit]

    def open(self, account: str, region: str, metric: MetricName, unit: str = "None") -> Series:
        """The series to write to, made where it does not exist."""
        with self.lock:
            if found := self.series(account, region, metric, unit):
                return found[0]
            series = Series(unit)
            self._places[account, region].setdefault(metric, []).append(series)
            return series

    def load(
        self,
        place: tuple[str, str],
        metric: MetricName,
        points: tuple[Sequence[int], Sequence[float]],
        unit: str = "None",
    ) -> None:
        """Put many datapoints at once: `place` is (account, region), `points` is (epoch seconds, values), in order."""
        with self.lock:
            self.open(*place, metric, unit).extend(*points)

    def metrics(self, account: str, region: str) -> Iterator[tuple[MetricName, list[Series]]]:
        """Every metric of a place, in the order in which it first appeared."""
        yield from list(self._places[account, region].items())

    def drop(self, account: str, region: str, metrics: Iterable[MetricName]) -> None:
        """Forget metrics."""
        with self.lock:
            for metric in metrics:
                self._places[account, region].pop(metric, None)


def dimensions(pairs: Mapping[str, str]) -> Dimensions:
    """A set of dimensions: their order has no meaning."""
    return frozenset(pairs.items())
