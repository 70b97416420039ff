"""Finds the anomalies of one series: spikes, dips, and shifts to another level."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from statistics import median
from typing import NamedTuple

from storage.anomalies.baseline import WINDOW, Expected, expect
from storage.anomalies.rules import Rules
from storage.anomalies.series import Series

CONFIRMED = 3
"""So many known days in a row, beyond the bounds to the same side and like each other, are a new level."""
_ALIKE = 0.35
"""How far these may be from their median, as a share of their distance from what was expected, ..."""
_NEAR = 3.0
"""... and in standard deviations."""
_STILL = 0.5
"""A day beyond this share of the bounds goes on with what began the days before."""
_MONTHS = 3
"""So far back is looked for a charge of the same day of the month."""
_RECURS = 0.6
"""It recurs where a former one was at least that share of it, above its neighbours."""
_CENT = Decimal("0.01")


class Kind(StrEnum):
    """What an anomaly is."""

    SPIKE = "spike"
    """It is back since, or too new to tell from a shift."""
    SHIFT = "shift"
    """What came after is at the new level too."""


class Found(NamedTuple):
    """Days of one series in a row that are an anomaly."""

    kind: Kind
    #: Days whose bill is whole, in their order; those in between that are not are left out.
    days: tuple[date, ...]
    #: What these were expected to cost together, to the cent: an estimate.
    expected: Decimal
    #: What they cost.
    actual: Decimal

    @property
    def excess(self) -> Decimal:
        """How much more they cost than expected; negative: less."""
        return self.actual - self.expected


class _Odd(NamedTuple):
    day: date
    cost: float
    expected: Expected

    @property
    def difference(self) -> float:
        return self.cost - self.expected.cost


@dataclass
class _Run:
    """Odd days in a row, to the same side."""

    odd: list[_Odd]

    @property
    def is_level(self) -> bool:
        last = self.odd[-CONFIRMED:]
        if len(last) < CONFIRMED:
            return False
        # By what was expected, since a weekend is a weekend at any level.
        scales = [one.expected.cost or 1.0 for one in last]
        ratios = [one.difference / scale for one, scale in zip(last, scales, strict=True)]
        middle = median(ratios)
        spread = median([one.expected.spread / scale for one, scale in zip(last, scales, strict=True)])
        near = max(_ALIKE * abs(middle), _NEAR * spread)
        return all(abs(one - middle) <= near for one in ratios)


def find(series: Series, rules: Rules) -> list[Found]:
    """The anomalies of a series, the oldest first. The same series has the same ones, whenever it is asked."""
    costs = {day: float(cost) for day, cost in series.costs.items()}
    found = _Detector(costs, rules, float(rules.least(series.key.currency))).run()
    return [_told(series, kind, odd) for kind, odd in found]


def _told(series: Series, kind: Kind, odd: Sequence[_Odd]) -> Found:
    days = tuple(one.day for one in odd)
    expected = sum((Decimal(one.expected.cost) for one in odd), Decimal(0)).quantize(_CENT)
    return Found(kind, days, expected, sum((series.costs[day] for day in days), Decimal(0)))


History = Sequence[tuple[date, float]]


def moved(costs: Mapping[date, float], rules: Rules, at: Container[date]) -> dict[date, History]:
    """On each of the days ``at``: it and those before it, as if all had been at the level that held then."""
    detector, histories = _Detector(costs, rules, float(rules.amount)), {}
    for day in costs:
        detector.judge(day)
        if day in at:
            histories[day] = detector.history
    return histories


class _Detector:
    def __init__(self, costs: Mapping[date, float], rules: Rules, least: float) -> None:
        self._costs = costs
        self._rules = rules
        self._least = least
        self._history: list[tuple[date, float]] = []
        self._run: _Run | None = None
        self._found: list[tuple[Kind, Sequence[_Odd]]] = []

    @property
    def history(self) -> History:
        """The newest days, moved to the level that holds now."""
        return tuple(self._history[-WINDOW:])

    def run(self) -> list[tuple[Kind, Sequence[_Odd]]]:
        """Judge each day in its turn; what is odd, in rows."""
        for day in self._costs:
            self.judge(day)
        self._end_run(Kind.SPIKE)
        return self._found

    def judge(self, day: date) -> None:
        """One day, after those before it."""
        cost = self._costs[day]
        expected = expect(self._history, day)
        if (
            expected is None
            or not self._is_odd(cost, expected, self._bounds(cost, expected))
            or self._recurs(day, cost, expected)
        ):
            self._end_run(Kind.SPIKE)
            self._remember(day, cost)
            return
        odd = _Odd(day, cost, expected)
        if self._run is not None and (self._run.odd[-1].difference > 0) != (odd.difference > 0):
            self._end_run(Kind.SPIKE)
        if self._run is None:
            self._run = _Run([])
        self._run.odd.append(odd)
        if self._run.is_level:
            self._move(self._run.odd)
        else:
            self._remember(day, cost)

    def _bounds(self, cost: float, expected: Expected) -> float:
        """1, or the part of the bounds that is enough to go on with what began."""
        if self._run is None or (self._run.odd[-1].difference > 0) != (cost > expected.cost):
            return 1.0
        return _STILL

    def _is_odd(self, cost: float, expected: Expected, part: float) -> bool:
        difference = abs(cost - expected.cost) / part
        rules = self._rules
        return (
            difference >= self._least
            and difference > rules.deviations * expected.spread
            and difference > rules.share * abs(expected.cost)
        )

    def _recurs(self, day: date, cost: float, expected: Expected) -> bool:
        """Whether the same day of a former month had such a charge: a fee of the month, and no news."""
        difference = cost - expected.cost
        if difference < 0 or expected.cost <= 0:
            return False
        former_days = days_of_former_months(day)
        if day.day == 1 and not any(former in self._costs for former in former_days):
            # Fees of a month are charged on its first day, and nobody knows yet whether this is one.
            return True
        for former in former_days:
            then = self._costs.get(former)
            before = [self._costs[at] for at in around(former) if at in self._costs]
            if then is None or not before:
                continue
            usual = median(before)
            # As an amount, or as a share where the level has moved since.
            if then - usual >= _RECURS * difference or 0 < _RECURS * difference / expected.cost <= then / usual - 1:
                return True
        return False

    def _remember(self, day: date, cost: float) -> None:
        self._history.append((day, cost))
        if len(self._history) > 2 * WINDOW:
            del self._history[:WINDOW]

    def _end_run(self, kind: Kind) -> None:
        if self._run is None:
            return
        odd, self._run = self._run.odd, None
        self._found.append((kind, odd))

    def _move(self, odd: Sequence[_Odd]) -> None:
        """Take the new level for what is expected from now on: the days before, moved there, keep their weekdays."""
        before = median([one.expected.cost for one in odd])
        after = median([one.cost for one in odd[-CONFIRMED:]])
        earlier = self._history[: 1 - len(odd)]
        if before > 0 and after > 0:
            moved = [(day, cost * after / before) for day, cost in earlier]
        else:
            moved = [(day, cost + after - before) for day, cost in earlier]
        self._history = [*moved, *((one.day, one.cost) for one in odd)]
        self._end_run(Kind.SHIFT)


def days_of_former_months(day: date) -> list[date]:
    """The same day of the last three months, and the last one where it is the last or there is none such."""
    found, first = [], day.replace(day=1)
    is_last = (day + timedelta(days=1)).day == 1
    for _ in range(_MONTHS):
        last = first - timedelta(days=1)
        first = last.replace(day=1)
        found.append(last if is_last else first.replace(day=min(day.day, last.day)))
    return found


def around(day: date) -> Sequence[date]:
    """Four days before it, and four after."""
    return [day + timedelta(days=offset) for offset in (-4, -3, -2, -1, 1, 2, 3, 4)]
