"""The instants at which seeded metrics have datapoints."""

import math
from array import array
from typing import NamedTuple


class Grid(NamedTuple):
    """`first`, `first` + `period`, ... up to and including `last`, in epoch seconds aligned to the period."""

    first: int
    last: int
    period: int

    @classmethod
    def around(cls, now: float, hours_back: float, hours_ahead: float, period: int) -> "Grid":
        """From `hours_back` before `now` to `hours_ahead` after it: the later ones are not seen before their time."""
        first = int(now - hours_back * 3600) // period * period
        return cls(first, int(now + hours_ahead * 3600) // period * period, period)

    @property
    def instants(self) -> range:
        """Every instant."""
        return range(self.first, self.last + 1, self.period)

    def times(self) -> "array[int]":
        """Every instant, as a series keeps them."""
        return array("q", self.instants)

    def wave(self) -> list[float]:
        """The time of day as a number from -1 to 1, for each instant."""
        return [math.sin(2 * math.pi * time / 86_400) for time in self.instants]
