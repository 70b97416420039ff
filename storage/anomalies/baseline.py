"""What the days before lead to expect: a level with its trend, by weekday where weekdays differ, and the spread.

Medians and MAD, since means follow the very outliers that are looked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import combinations
from statistics import fmean, median
from typing import NamedTuple

WINDOW = 56
"""Days that are looked back: eight of each weekday."""
LEAST = 28
"""With fewer known days nothing is expected: four of each weekday."""
_OF_A_WEEKDAY = 3
"""With fewer of its kind a weekday is taken for like the others."""
_WEEKLY = 0.75
"""Weekdays are told apart where costs are so much nearer to the medians of their own than to that of all: by the mean,
since most days are working days and a median would not see the others."""
_TRENDING = 4
"""With fewer weeks there is no trend."""
_STEEPEST = 0.03
"""The most that a trend is believed to change a level by in a day, as a share of it."""
_NORMAL = 1.4826
"""The standard deviation of a normal distribution in MADs."""
_ALIKE = (1.0,) * 7
_NOISE = 0.03
"""The least spread, as a share of what is expected: bills that are the same for weeks differ by more than a cent."""

_Known = Sequence[tuple[date, float]]


class Expected(NamedTuple):
    """What a day is expected to cost, and how far such days usually are from it."""

    cost: float
    spread: float


class Line(NamedTuple):
    """A level on a day, and by how much it changes in a day."""

    day: date
    level: float
    slope: float

    def at(self, day: date) -> float:
        """On that day."""
        return self.level + self.slope * (day - self.day).days


def expect(history: _Known, day: date) -> Expected | None:
    """What ``day`` should cost after these days, which are in order; None where they are too few."""
    fitted = fit(history, day)
    if fitted is None:
        return None
    factor = fitted.factors[day.weekday()]
    cost = fitted.line.at(day) * factor
    return Expected(cost, max(fitted.spread * factor, _NOISE * abs(cost)))


def fit(history: _Known, day: date) -> Fit | None:
    """The line through the days of the window before ``day``; None where they are too few."""
    since = day - timedelta(days=WINDOW)
    known = [one for one in history[-WINDOW:] if one[0] >= since]
    if len(known) < LEAST:
        return None
    flat, weekly = _fit(known, _ALIKE), None
    if factors := _weekdays(known):
        weekly = _fit(known, factors)
    return weekly if weekly and weekly.trimmed < _WEEKLY * flat.trimmed else flat


class Fit(NamedTuple):
    """A line, what each weekday is to it, and how far the days that it is of are from it."""

    line: Line
    factors: Sequence[float]
    distances: Sequence[float]

    @property
    def trimmed(self) -> float:
        """The mean distance without the greatest ones: a few odd days say nothing of the others."""
        return fmean(sorted(self.distances)[: len(self.distances) * 9 // 10])

    @property
    def spread(self) -> float:
        """The standard deviation. A few days show less of it than there is: what is missing is put on top."""
        return _NORMAL * median(self.distances) * (1 + 12 / len(self.distances))


def _fit(known: _Known, factors: Sequence[float]) -> Fit:
    adjusted = [(at, cost / factors[at.weekday()]) for at, cost in known]
    line = _line(adjusted)
    return Fit(line, factors, [abs(cost - line.at(at)) for at, cost in adjusted])


def _line(known: _Known) -> Line:
    """Through the medians of weeks, by the median of the slopes between any two (Theil and Sen)."""
    weeks = [known[max(0, end - 7) : end] for end in range(len(known), 6, -7)]
    middles = [(week[len(week) // 2][0], median([cost for _, cost in week])) for week in weeks]
    last = known[-1][0]
    slope = 0.0
    if len(middles) >= _TRENDING:
        slope = median([(b - a) / ((then - now).days or 1) for (now, a), (then, b) in combinations(middles, 2)])
        level = abs(median([cost for _, cost in middles]))
        slope = max(-_STEEPEST * level, min(_STEEPEST * level, slope))
    recent = known[-28:]
    return Line(last, median([cost - slope * (at - last).days for at, cost in recent]), slope)


def _weekdays(known: _Known) -> list[float] | None:
    """How a weekday is to all days; None where one of them was seen too rarely, or costs nothing."""
    level = median([cost for _, cost in known])
    if level <= 0:
        return None
    by_weekday: list[list[float]] = [[] for _ in range(7)]
    for at, cost in known:
        by_weekday[at.weekday()].append(cost)
    if min(len(costs) for costs in by_weekday) < _OF_A_WEEKDAY:
        return None
    factors = [median(costs) / level for costs in by_weekday]
    return factors if min(factors) > 0 else None
