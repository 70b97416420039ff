"""Projects the daily costs of what is known: a level, a trend that fades, weekdays, and charges of the month.

The level and its trend are those that anomalies are judged by (storage/anomalies/baseline.py), with the days before
moved to the level that holds now. So a gap, a spike, or a new level of last week does not spoil what comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from statistics import median
from typing import NamedTuple

from storage.anomalies.baseline import LEAST, fit
from storage.anomalies.detect import History, around, days_of_former_months

_FADES = 0.97
"""What is left of a trend from one day to the next: a bill does not grow for ever as it did in two months."""
_WEEK = 7
_BEYOND = 5.0
"""A charge of the month stands out by so many deviations ..."""
_SHARE = 0.25
"""... and by that share of the day."""
_HABIT = 2

Costs = Mapping[date, float]
"""By day, in order; a day that is not there is unknown."""


class Known(NamedTuple):
    """What is known on some day."""

    usage: Costs
    #: Taxes, credits, purchases, corrections: zero on days without any.
    other: Costs
    #: The usage of the newest days, moved to the level that holds now.
    history: History

    def until(self, day: date, history: History) -> Known:
        """What was known on an earlier day."""
        usage = {at: cost for at, cost in self.usage.items() if at <= day}
        return Known(usage, {at: cost for at, cost in self.other.items() if at <= day}, history)


Method = Callable[[Known, Sequence[date]], "list[float] | None"]
"""What each of these days will cost; None: too little is known."""


def level(known: Known, days: Sequence[date]) -> list[float] | None:
    """The level with its trend and weekdays, and the charges that recur each month."""
    if not known.usage:
        return None
    last = max(known.usage)
    fitted = fit(known.history, last)
    if fitted is None:
        return None
    now, slope = fitted.line.at(last), fitted.line.slope
    expected = []
    for day in days:
        usual = max(0.0, now + slope * _faded((day - last).days)) * fitted.factors[day.weekday()]
        fee = _recurring(known.usage, day)
        stands_out = fee > max(_BEYOND * fitted.spread, _SHARE * usual)
        expected.append(usual + (fee if stands_out else 0.0) + _recurring_other(known.other, day))
    return expected


def _faded(ahead: int) -> float:
    """Days of the trend in so many days; a day before the last one that is known lies on the line."""
    return ahead if ahead <= 0 else _FADES * (1 - _FADES**ahead) / (1 - _FADES)


def seasonal_naive(known: Known, days: Sequence[date]) -> list[float] | None:
    """The newest day of the same weekday that is known: what a forecast has to be better than."""
    recent = list(known.usage.items())[-2 * _WEEK :]
    by_weekday = {day.weekday(): cost + known.other.get(day, 0.0) for day, cost in recent}
    if len(known.usage) < LEAST or len(by_weekday) < _WEEK:
        return None
    return [by_weekday[day.weekday()] for day in days]


METHODS: Mapping[str, Method] = {"level": level, "seasonal naive": seasonal_naive}


def _recurring(costs: Costs, day: date) -> float:
    """By how much such days of the last three months stood out of those around them."""
    extra = []
    for former in days_of_former_months(day):
        near = [costs[at] for at in around(former) if at in costs]
        if former in costs and near:
            extra.append(costs[former] - median(near))
    return _habit(extra)


def _recurring_other(costs: Costs, day: date) -> float:
    """What such days of the last three months had."""
    return _habit([costs[former] for former in days_of_former_months(day) if former in costs])


def _habit(amounts: Sequence[float]) -> float:
    """The middle one, or of two that differ the smaller: once is no habit."""
    if len(amounts) < _HABIT:
        return 0.0
    ordered = sorted(amounts, key=abs)
    return ordered[(len(ordered) - 1) // 2]


def days_between(first: date, last: date) -> list[date]:
    """All of them, both included."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
