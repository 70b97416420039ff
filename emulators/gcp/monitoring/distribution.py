"""Distributions: a count, a mean and a histogram, merged and asked for percentiles as Monitoring does."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Distribution:
    """Values by bucket. `bounds` are the upper bounds of all buckets but the last, which is open.

    Bucket 0 holds what is below `bounds[0]`; bucket i holds `bounds[i-1] <= value < bounds[i]`. `counts` has one more
    entry than `bounds`.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    mean: float
    squares: float = 0.0
    """The sum of squared deviations from the mean."""

    @property
    def count(self) -> int:
        """The number of values."""
        return sum(self.counts)

    @property
    def total(self) -> float:
        """The sum of the values."""
        return self.mean * self.count

    @classmethod
    def of(cls, values: Sequence[float], bounds: Iterable[float]) -> "Distribution":
        """The distribution of values that are known one by one."""
        edges = tuple(bounds)
        counts = [0] * (len(edges) + 1)
        for value in values:
            counts[bisect_right(edges, value)] += 1
        mean = sum(values) / len(values) if values else 0.0
        return cls(edges, tuple(counts), mean, sum((value - mean) ** 2 for value in values))

    def minus(self, earlier: "Distribution") -> "Distribution":
        """What came since `earlier`, of a cumulative one."""
        counts = tuple(now - then for now, then in zip(self.counts, earlier.counts, strict=True))
        number = sum(counts)
        mean = (self.total - earlier.total) / number if number else 0.0
        between = earlier.count * (earlier.mean - self.mean) ** 2 + number * (mean - self.mean) ** 2
        return Distribution(self.bounds, counts, mean, max(0.0, self.squares - earlier.squares - between))


def exponential_bounds(scale: float, growth: float, finite: int) -> tuple[float, ...]:
    """The bounds of Google's exponential buckets: `scale * growth^i` for i = 0 to `finite`."""
    return tuple(scale * growth**power for power in range(finite + 1))


def merge(parts: Sequence[Distribution]) -> Distribution:
    """All values of several distributions over the same buckets.

    Raises:
        ValueError: the buckets differ.
    """
    first = parts[0]
    if any(part.bounds != first.bounds for part in parts):
        raise ValueError("distributions over different buckets cannot be merged")
    counts = tuple(map(sum, zip(*(part.counts for part in parts), strict=True)))
    number = sum(counts)
    mean = sum(part.total for part in parts) / number if number else 0.0
    squares = sum(part.squares + part.count * (part.mean - mean) ** 2 for part in parts)
    return Distribution(first.bounds, counts, mean, squares)


def percentile(distribution: Distribution, percent: float) -> float | None:
    """The percentile that the histogram lets one estimate; None of no values.

    The values of a bucket count as spread evenly over it, so the estimate is linear within it. The first bucket begins
    at 0 (or at its bound, where that is negative), and the last ends where it begins: nothing more is known of them.
    """
    rank = distribution.count * percent / 100
    if distribution.count == 0:
        return None
    below = 0
    for index, number in enumerate(distribution.counts):
        if number and below + number >= rank:
            low, high = _edges(distribution.bounds, index)
            return low + (high - low) * (rank - below) / number
        below += number
    return distribution.bounds[-1]


def _edges(bounds: tuple[float, ...], index: int) -> tuple[float, float]:
    high = bounds[min(index, len(bounds) - 1)]
    low = bounds[index - 1] if index else min(0.0, high)
    return low, high
