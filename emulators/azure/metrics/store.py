"""The values of every metric: put in one by one, or calculated from the minute."""

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Span = tuple[int, int]
"""Minutes since the epoch, half-open."""


@dataclass(frozen=True)
class Wave:
    """One sample every `every` minutes: a daily wave of `swing` around `base`, with some noise, never below `low`.

    Samples are there from minute `first` until before minute `last`.
    """

    base: float
    swing: float = 0.0
    seed: int = 0
    low: float = 0.0
    high: float = math.inf
    every: int = 1
    first: int = 0
    last: int = 2**62

    def samples(self, span: Span) -> dict[int, float]:
        """Minute -> value."""
        start = -(-max(span[0], self.first) // self.every) * self.every
        turn, sine, seed, low, high = math.tau / 1440, math.sin, self.seed, self.low, self.high
        base, swing, noise = self.base, self.swing, self.swing / 4 / 65535
        return {
            minute: round(
                min(
                    high,
                    max(
                        low,
                        base
                        + swing * sine(turn * (minute + seed))
                        + noise * ((minute * 2654435761 + seed * 40503) >> 7 & 65535),
                    ),
                ),
                4,
            )
            for minute in range(start, min(span[1], self.last), self.every)
        }


@dataclass(slots=True)
class Bucket:
    """What the samples of one interval come to."""

    average: float
    minimum: float
    maximum: float
    total: float
    count: int


class MetricStore:
    """Every series, by resource id and metric without regard to case. A minute has one sample at most."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self._waves: dict[tuple[str, str], Wave] = {}
        self._put: dict[tuple[str, str], dict[int, float]] = {}

    def put(self, resource_id: str, metric: str, samples: Mapping[int, float]) -> None:
        """Add samples by minute (epoch seconds // 60); they go before a wave of the same minute."""
        with self._lock:
            self._put.setdefault((resource_id.lower(), metric.lower()), {}).update(samples)

    def generate(self, resource_id: str, metric: str, wave: Wave) -> None:
        """Let a metric have a sample for every minute of a wave."""
        with self._lock:
            self._waves[resource_id.lower(), metric.lower()] = wave

    def forget(self, resource_id: str, metric: str | None = None) -> None:
        """Take the samples of a resource out, of one metric where it is named."""
        with self._lock:
            for held in (self._waves, self._put):
                for key in [key for key in held if key[0] == resource_id.lower()]:
                    if metric is None or key[1] == metric.lower():
                        del held[key]

    def samples(self, resource_id: str, metric: str, span: Span) -> dict[int, float]:
        """Minute -> value, of the minutes that are over by the clock."""
        key = (resource_id.lower(), metric.lower())
        span = (span[0], min(span[1], int(self.clock() // 60)))
        with self._lock:
            wave = self._waves.get(key)
            put = self._put.get(key)
            extra = {minute: value for minute, value in put.items() if span[0] <= minute < span[1]} if put else {}
        return (wave.samples(span) if wave else {}) | extra

    def buckets(self, resource_id: str, metric: str, span: Span, minutes: int) -> dict[int, Bucket]:
        """First minute of each interval of `minutes` from the span's first -> what its samples come to.

        Intervals without samples are not there.
        """
        samples = self.samples(resource_id, metric, span)
        if minutes == 1:
            return {minute: Bucket(value, value, value, value, 1) for minute, value in samples.items()}
        groups: dict[int, list[float]] = {}
        for minute, value in samples.items():
            groups.setdefault(minute - (minute - span[0]) % minutes, []).append(value)
        return {
            first: Bucket(sum(found) / len(found), min(found), max(found), sum(found), len(found))
            for first, found in groups.items()
        }
