"""Projects the daily costs of what is known: a level, a trend that fades, weekdays, and charges of the month.

The level and its trend are those that anomalies are judged by (storage/anomalies/baseline.py), with the days before
moved to the level that holds now. So a gap, a spike, or a new level of last week does not spoil what comes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from statistics import fmean
from typing import NamedTuple

from storage.anomalies.baseline import LEAST, fit
from storage.anomalies.detect import History
from storage.anomalies.recurring import Costs, extra, whole

_FADES = 0.97
"""What is left of a trend from one day to the next: a bill does not grow for ever as it did in two months."""
_WEEK = 7
_BEYOND = 5.0
"""A charge of the month stands out by so many deviations ..."""
_SHARE = 0.25
"""... and by that share of the day."""


class Known(NamedTuple):
    """What is known on some day."""

    #: The last of these days; later ones of the costs are not known yet.
    until: date
    usage: Costs
    #: Taxes, credits, purchases, corrections: zero on days without any.
    other: Costs
    #: The days of the costs, in order.
    days: Sequence[date]
    #: The usage of the newest days, moved to the level that holds now.
    history: History

    def newest(self, count: int) -> Sequence[date]:
        """The newest days that are known."""
        end = bisect_right(self.days, self.until)
        return self.days[max(0, end - count) : end]


Method = Callable[[Known, Sequence[date]], "list[float] | None"]
"""What each of these days will cost; None: too little is known."""


def level(known: Known, days: Sequence[date]) -> list[float] | None:
    """The level with its trend and weekdays, and the charges that recur each month."""
    fitted = fit(known.history, known.until)
    if fitted is None:
        return None
    now, slope = fitted.line.at(known.until), fitted.line.slope
    # What costs something does not come to give something back, nor the other way round.
    side = 1 if now >= 0 else -1
    expected = []
    for day in days:
        usual = side * max(0.0, side * (now + slope * _faded((day - known.until).days)))
        usual *= fitted.factors[day.weekday()]
        fee = extra(known.usage, day, known.until)
        stands_out = abs(fee) > max(_BEYOND * fitted.spread, _SHARE * abs(usual))
        expected.append(usual + (fee if stands_out else 0.0) + whole(known.other, day, known.until))
    return expected


def _faded(ahead: int) -> float:
    """Days of the trend in so many days; a day before the last one that is known lies on the line."""
    return ahead if ahead <= 0 else _FADES * (1 - _FADES**ahead) / (1 - _FADES)


def seasonal_naive(known: Known, days: Sequence[date]) -> list[float] | None:
    """The newest day of the same weekday that is known: what a forecast has to be better than."""
    recent = known.newest(2 * _WEEK)
    by_weekday = {day.weekday(): known.usage[day] + known.other.get(day, 0.0) for day in recent}
    if len(known.newest(LEAST)) < LEAST or len(by_weekday) < _WEEK:
        return None
    return [by_weekday[day.weekday()] for day in days]


def mean(known: Known, days: Sequence[date]) -> list[float] | None:
    """The mean of the newest days, where there are at least seven: all that can be said of what has just begun."""
    recent = known.newest(LEAST)
    if len(recent) < _WEEK:
        return None
    cost = fmean([known.usage[day] + known.other.get(day, 0.0) for day in recent])
    return [cost] * len(days)


METHODS: Mapping[str, Method] = {"level": level, "seasonal naive": seasonal_naive}
"""Those that are tried on the past."""


def days_between(first: date, last: date) -> list[date]:
    """All of them, both included."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
