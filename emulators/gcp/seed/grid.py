"""The instants at which seeded series have points, around the clock's present."""

import math
from array import array
from dataclasses import dataclass

DEMO_PROJECTS = ("demo-shop", "demo-research")
DEMO_ZONES = (
    "us-central1-a", "us-central1-b", "us-east1-b", "us-east4-a", "europe-west4-a", "europe-west3-c",
)  # fmt: skip
_DAY = 86_400


@dataclass(frozen=True)
class Grid:
    """Ends of points in epoch seconds, `period` apart, each a whole multiple of it."""

    ends: "array[float]"
    period: int

    @classmethod
    def around(cls, now: float, hours_back: float, hours_ahead: float, period: int) -> "Grid":
        """From so many hours before `now` to so many after it."""
        first = -int(-(now - hours_back * 3600) // period)
        last = int((now + hours_ahead * 3600) // period)
        return cls(array("d", [float(number * period) for number in range(first, last + 1)]), period)

    @property
    def starts(self) -> "array[float]":
        """The starts of DELTA points: each begins where the one before ended."""
        return array("d", [end - self.period for end in self.ends])

    def wave(self, phase: float) -> list[float]:
        """A day's up and down from -1 to 1, and a small quick one on top, one value per instant."""
        return [
            0.8 * math.sin(2 * math.pi * (end / _DAY + phase)) + 0.2 * math.sin(end / 60 * 2.399 + 10 * phase)
            for end in self.ends
        ]
