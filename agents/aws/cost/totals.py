"""Sums of what was read, to see whether two answers of Cost Explorer speak of the same bill."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from agents.aws.cost.costs import Group
from telemetry.errors import CollectionFailed

_DIGIT = Decimal("1E-10")
"""Cost Explorer rounds every group to ten decimals: two ways to cut one amount may differ by that much a group."""

_Place = tuple[str, str, str, str]
"""Period, record type, currency, metric."""


@dataclass
class _Sum:
    amount: Decimal = Decimal(0)
    groups: int = 0


@dataclass
class Totals:
    """The sums of one way to cut the costs."""

    #: What the costs are cut by, in words.
    name: str
    _sums: defaultdict[_Place, _Sum] = field(default_factory=lambda: defaultdict(_Sum))

    def add(self, group: Group, record_type: str = "") -> None:
        """Count one group."""
        for metric, amount in group.amounts.items():
            self._add((group.start, record_type, group.currency, metric), amount, 1)

    @property
    def record_types(self) -> list[str]:
        """Those that were counted."""
        return sorted({place[1] for place in self._sums})

    def over_all_types(self) -> Totals:
        """The same without the record types."""
        merged = Totals(self.name)
        for (period, _, currency, metric), one in self._sums.items():
            merged._add((period, "", currency, metric), one.amount, one.groups)
        return merged

    def check(self, other: Totals) -> None:
        """CollectionFailed where ``other`` sums up to something else: AWS changed the bill between the two answers."""
        for place in sorted(self._sums.keys() | other._sums.keys()):
            mine, theirs = self._sums.get(place, _Sum()), other._sums.get(place, _Sum())
            if abs(mine.amount - theirs.amount) > _DIGIT * (mine.groups + theirs.groups):
                period, record_type, currency, metric = place
                what = f"{metric} of {record_type or 'all charges'} on {period}"
                raise CollectionFailed(
                    f"Cost Explorer contradicts itself: {what} is {mine.amount:f} {currency} by {self.name}, and "
                    f"{theirs.amount:f} {currency} by {other.name}: AWS is recomputing these costs; they are read anew "
                    "at the next attempt"
                )

    def _add(self, place: _Place, amount: Decimal, groups: int) -> None:
        total = self._sums[place]
        total.amount += amount
        total.groups += groups
