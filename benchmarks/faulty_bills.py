"""Bills of half a year with faults in them that are known: what looks for anomalies is measured by these."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

DAYS = 180
_LEARNT = 35
"""No fault is in the days before: nothing could be expected of them."""
_APART = 12
_WITH_FEE = 0.2
_WEEKEND = (5, 6)

FaultKind = Literal["spike", "dip", "up", "down", "gap", "late", "restated"]
_KINDS: Sequence[FaultKind] = ("spike", "dip", "up", "down", "gap", "late", "restated")
COUNT: frozenset[FaultKind] = frozenset({"spike", "dip", "up", "down"})
"""Those that are anomalies. The others are days that are not whole, or were not when they were read first."""


@dataclass(frozen=True)
class Fault:
    """What was done to a bill."""

    kind: FaultKind
    first: date
    last: date


@dataclass
class Bill:
    """The daily costs of one service."""

    costs: dict[date, float]
    #: Days that the ledger calls incomplete, with what a reader sees there; None: nothing.
    incomplete: dict[date, float | None] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    @property
    def whole(self) -> Mapping[date, Decimal]:
        """The days that the ledger calls complete."""
        return {day: Decimal(repr(round(cost, 6))) for day, cost in self.costs.items() if day not in self.incomplete}

    @property
    def seen(self) -> Mapping[date, float]:
        """What somebody sees who does not know which days are complete."""
        shown = {day: self.incomplete.get(day, cost) for day, cost in self.costs.items()}
        return {day: cost for day, cost in shown.items() if cost is not None}


def bill(seed: int) -> Bill:
    """One of 30 to 5,000 a day, quiet or noisy, with or without weekends, a trend and a fee of the month."""
    chance = random.Random(seed)
    first = date(2026, 1, 1) + timedelta(days=chance.randrange(28))
    level = math.exp(chance.uniform(math.log(30), math.log(5000)))
    weekend, growth = chance.choice([0, 0, 0.2, 0.4]), chance.choice([0, 0, 0.05, 0.1, 0.2])
    noise, fee = chance.choice([0.01, 0.03, 0.06, 0.1]), level * 1.5 if chance.random() < _WITH_FEE else 0.0
    made = Bill({})
    for number in range(DAYS):
        day = first + timedelta(days=number)
        cost = level * (1 + growth) ** (number / 30) * (1 - (weekend if day.weekday() in _WEEKEND else 0))
        made.costs[day] = max(0.0, cost * (1 + chance.gauss(0, noise))) + (fee if day.day == 1 else 0)
    places: list[int] = []
    for _ in range(chance.randrange(6)):
        place = chance.randrange(_LEARNT, DAYS - 6)
        if all(abs(place - other) >= _APART for other in places):
            places.append(place)
            _spoil(made, first + timedelta(days=place), chance.choice(_KINDS), chance)
    return made


def _spoil(made: Bill, day: date, kind: FaultKind, chance: random.Random) -> None:
    last = max(made.costs)
    days = 1
    if kind == "spike":
        days, factor = chance.choice([1, 1, 2]), chance.uniform(1.5, 4)
    elif kind == "dip":
        factor = chance.uniform(0, 0.5)
    elif kind in {"up", "down"}:
        days, factor = (last - day).days + 1, chance.uniform(1.4, 2.5) if kind == "up" else chance.uniform(0.1, 0.6)
    else:
        days, factor = chance.randrange(1, 4), 1.0
    until = day + timedelta(days=days - 1)
    for at in (day + timedelta(days=number) for number in range(days)):
        made.costs[at] *= factor
        if kind == "gap":
            made.incomplete[at] = None
        elif kind == "late":
            made.incomplete[at] = made.costs[at] * chance.uniform(0.1, 0.6)
        elif kind == "restated":
            # A few percent, long after the day was whole: the bill that counts is the newest.
            made.costs[at] *= chance.uniform(0.97, 1.03)
    made.faults.append(Fault(kind, day, min(until, day + timedelta(days=2))))
