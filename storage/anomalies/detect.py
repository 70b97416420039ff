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
from storage.anomalies.recurring import former_days, usual
from storage.anomalies.rules import Rules
from storage.anomalies.series import Series
from storage.exact import cents, less, total

CONFIRMED = 3
"""So many known days in a row, beyond the bounds to the same side and like each other, are a new level."""
_ALIKE = 0.35
"""How far these may be from their median, as a share of their distance from what was expected, ..."""
_NEAR = 3.0
"""... and in standard deviations."""
_STILL = 0.5
"""A day beyond this share of the bounds goes on with what began the days before."""
_RECURS = 0.6
"""It recurs where a former one was at least that share of it, above its neighbours."""
_GAP = timedelta(days=3)
"""Odd days that are further apart are no row: who knows what was between."""


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
        return less(self.actual, self.expected)


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
    expected = cents(sum(one.expected.cost for one in odd))
    return Found(kind, days, expected, total(series.costs[day] for day in days))


History = Sequence[tuple[date, float]]


_LEVELS = Rules(share=0.08, amount=Decimal(0))
"""What is a level of its own for what comes, though it may be too little to tell of."""


def moved(costs: Mapping[date, float], at: Container[date]) -> dict[date, History]:
    """On each of the days ``at``: it and those before it, as if all had been at the level that held then."""
    detector, histories = _Detector(costs, _LEVELS, 0.0), {}
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
        odd = None if expected is None else _Odd(day, cost, expected)
        # A part of the bounds is enough to go on with what began.
        if odd is None or not self._is_odd(odd, _STILL if self._goes_on(odd) else 1.0) or self._recurs(odd):
            self._end_run(Kind.SPIKE)
            self._remember(day, cost)
            return
        if self._run is not None and not self._goes_on(odd):
            self._end_run(Kind.SPIKE)
        if self._run is None:
            self._run = _Run([])
        self._run.odd.append(odd)
        if self._run.is_level:
            self._move(self._run.odd)
        else:
            self._remember(day, cost)

    def _goes_on(self, odd: _Odd) -> bool:
        """Whether it is another day of what began."""
        last = self._run.odd[-1] if self._run is not None else None
        return last is not None and odd.day - last.day <= _GAP and (last.difference > 0) == (odd.difference > 0)

    def _is_odd(self, odd: _Odd, part: float) -> bool:
        difference, rules = abs(odd.difference) / part, self._rules
        return (
            difference >= self._least
            and difference > rules.deviations * odd.expected.spread
            and difference > rules.share * abs(odd.expected.cost)
        )

    def _recurs(self, odd: _Odd) -> bool:
        """Whether the same day of a former month had such a charge: a fee of the month, and no news."""
        if odd.difference <= 0:
            return False
        former = [at for days in former_days(odd.day, odd.day) for at in days if at in self._costs]
        if odd.day.day == 1 and not former:
            # Fees of a month are charged on its first day, and nobody knows yet whether this is one.
            return True
        return any(self._was_alike(at, odd) for at in former)

    def _was_alike(self, former: date, odd: _Odd) -> bool:
        then, near = self._costs[former], usual(self._costs, former, odd.day - timedelta(days=1))
        if near is None:
            return False
        least = _RECURS * odd.difference
        # As an amount; or as a share, where the level has moved since.
        return then - near >= least or (near > 0 and least <= odd.expected.cost * (then / near - 1))

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
