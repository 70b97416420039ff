"""The daily costs of one service in one billed account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple


class Key(NamedTuple):
    """Whose costs a series are. Each currency is a series of its own: sums never cross them."""

    provider: str
    sub_account_id: str
    service_name: str
    currency: str


@dataclass(frozen=True)
class Series:
    """What usage cost on each day whose bill is whole; a day that is not there is unknown, and never zero."""

    key: Key
    #: In the order of their days.
    costs: Mapping[date, Decimal]
    #: Which of its costs these are: ``effective_cost``, or ``billed_cost`` where some lines do not tell the other.
    column: str = "effective_cost"

    @property
    def days(self) -> Sequence[date]:
        """The days that are known, in their order."""
        return list(self.costs)
