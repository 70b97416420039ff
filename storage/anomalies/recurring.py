"""What recurs each month: charges of the same day of former months, which are no news, and will come again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from statistics import median

_MONTHS = 3
"""So many months are looked at, ..."""
_BACK = 9
"""... of so many at the most, where the newest are not known yet."""
_WEEKS = (-14, -7, 7, 14)
_DAYS = (-4, -3, -2, -1, 1, 2, 3, 4)
_LEAST = 2

Costs = Mapping[date, float]
"""By day, in order; a day that is not there is unknown."""


def former_days(day: date, until: date) -> Iterator[Sequence[date]]:
    """What stands for ``day`` in each of the last three months before it of which that lies no later than ``until``.

    It is the same day of the month; where ``day`` is the last of its month, the last one too.
    """
    first, found = day.replace(day=1), 0
    is_last = (day + timedelta(days=1)).day == 1
    for _ in range(_BACK):
        last = first - timedelta(days=1)
        first = last.replace(day=1)
        days = {first.replace(day=min(day.day, last.day)), *([last] if is_last else [])}
        if known := sorted(one for one in days if one <= until):
            yield known
            found += 1
        if found == _MONTHS:
            return


def usual(costs: Costs, day: date, until: date) -> float | None:
    """What the same weekdays of two weeks before and after it cost, else the days around it; None: they are unknown."""
    for offsets in (_WEEKS, _DAYS):
        near = [costs[at] for at in (day + timedelta(days=one) for one in offsets) if at <= until and at in costs]
        if len(near) >= _LEAST:
            return median(near)
    return None


def extra(costs: Costs, day: date, until: date) -> float:
    """By how much such days stood out of those around them: the middle one, and 0 where fewer than two are known."""
    found = []
    for days in former_days(day, until):
        told = [costs[at] - near for at in days if at in costs and (near := usual(costs, at, until)) is not None]
        if told:
            found.append(sum(told))
    return _habit(found)


def whole(costs: Costs, day: date, until: date) -> float:
    """What such days cost, as :func:`extra`."""
    found = [[costs[at] for at in days if at in costs] for days in former_days(day, until)]
    return _habit([sum(told) for told in found if told])


def _habit(amounts: Sequence[float]) -> float:
    """The middle one, or of two that differ the smaller: once is no habit."""
    if len(amounts) < _LEAST:
        return 0.0
    ordered = sorted(amounts, key=abs)
    return ordered[(len(ordered) - 1) // 2]
