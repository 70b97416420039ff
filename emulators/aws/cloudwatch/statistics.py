"""Statistics of the datapoints of one period."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from emulators.aws.cloudwatch.store import Series, StatisticSet

_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,10})?|100(?:\.0+)?)")


class Bucket(NamedTuple):
    """What was put in one period. `counts` is None where each value counts once."""

    start: int
    values: Sequence[float]
    counts: Sequence[float] | None
    sets: Sequence[StatisticSet]


Statistic = Callable[[Bucket], float | None]


def sample_count(bucket: Bucket) -> float:
    """How many values."""
    single = len(bucket.values) if bucket.counts is None else sum(bucket.counts)
    return single + sum(s.samples for s in bucket.sets)


def total(bucket: Bucket) -> float:
    """Their sum."""
    if bucket.counts is None:
        single = sum(bucket.values)
    else:
        single = sum(v * c for v, c in zip(bucket.values, bucket.counts, strict=True))
    return single + sum(s.total for s in bucket.sets)


def average(bucket: Bucket) -> float:
    """Their mean, each value by its count."""
    return total(bucket) / sample_count(bucket)


def minimum(bucket: Bucket) -> float:
    """The smallest."""
    return min([*bucket.values, *(s.minimum for s in bucket.sets)])


def maximum(bucket: Bucket) -> float:
    """The largest."""
    return max([*bucket.values, *(s.maximum for s in bucket.sets)])


def percentile(bucket: Bucket, percent: float) -> float | None:
    """Linear between the two nearest values; None where statistic sets hide the values, as in CloudWatch."""
    weighted: list[tuple[float, float]] = []
    for statistics in bucket.sets:
        if statistics.samples > 1 and statistics.minimum != statistics.maximum:
            return None
        weighted.append((statistics.minimum, statistics.samples))
    weighted += zip(bucket.values, bucket.counts or [1.0] * len(bucket.values), strict=True)
    weighted.sort()
    rank = percent / 100 * (sum(count for _, count in weighted) - 1)
    below = _at(weighted, int(rank))
    above = _at(weighted, int(rank) + 1)
    return below + (above - below) * (rank - int(rank))


def _at(weighted: list[tuple[float, float]], rank: int) -> float:
    passed = 0.0
    for value, count in weighted:
        passed += count
        if rank < passed:
            return value
    return weighted[-1][0]


SIMPLE: dict[str, Statistic] = {
    "Average": average,
    "Sum": total,
    "Minimum": minimum,
    "Maximum": maximum,
    "SampleCount": sample_count,
}


def statistic(name: str) -> Statistic | None:
    """The statistic of that name, percentiles (`p0` to `p100`) too; None where there is no such."""
    if name in SIMPLE:
        return SIMPLE[name]
    if found := _PERCENTILE.fullmatch(name):
        percent = float(found.group(1))
        return lambda bucket: percentile(bucket, percent)
    return None


class Span(NamedTuple):
    """Periods: their starts are `first` plus multiples of `period`, before `end` (epoch seconds)."""

    first: int
    end: int
    period: int

    @property
    def last_end(self) -> int:
        """Where the last of the periods ends: it counts whole."""
        return self.first + -(-(self.end - self.first) // self.period) * self.period


def evaluate(series: Series, span: Span, until: float, stat: Statistic) -> tuple[list[int], list[float]]:
    """The statistic of every period that holds data: (starts, values). See `buckets`."""
    if series.counts is None and not series.sets:
        low, high = series.span(span.first, min(span.last_end, int(until) + 1))
        first, period = span.first, span.period
        starts = [time - (time - first) % period for time in series.times[low:high]]
        if len(set(starts)) == len(starts):
            # One value a period, which every statistic but the count gives back: nearly always so, so quick.
            values = series.values[low:high].tolist()
            return starts, [1.0] * len(starts) if stat is sample_count else values
    found = [(bucket.start, stat(bucket)) for bucket in buckets(series, span, until)]
    known = [(start, value) for start, value in found if value is not None]
    return [start for start, _ in known], [value for _, value in known]


def buckets(series: Series, span: Span, until: float) -> Iterator[Bucket]:
    """The periods that hold data. Nothing later than `until` is seen."""
    first, period = span.first, span.period
    low, high = series.span(first, min(span.last_end, int(until) + 1))
    sets = [s for s in series.sets if first <= s.time < span.last_end and s.time <= until]
    times = (*series.times[low:high], *(s.time for s in sets))
    for start in sorted({time - (time - first) % period for time in times}):
        a, b = series.span(start, min(start + period, int(until) + 1))
        inside = [s for s in sets if start <= s.time < start + period]
        counts = None if series.counts is None else series.counts[a:b]
        yield Bucket(start, series.values[a:b], counts, inside)
