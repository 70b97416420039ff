"""When a cost is called an anomaly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal


@dataclass(frozen=True)
class Rules:
    """A day is an anomaly where its cost is beyond all three bounds: deviations, share and amount."""

    #: Robust standard deviations (MADs by 1.4826) from what was expected.
    deviations: float = 4.5
    #: Share of what was expected.
    share: float = 0.25
    #: In units of the currency.
    amount: Decimal = Decimal(10)
    #: By currency, where its unit is worth much more or much less than a dollar.
    amounts: Mapping[str, Decimal] = field(default_factory=dict)
    #: A day is judged by a reading of the bill that is at least so much later than its end.
    settle: timedelta = timedelta(hours=48)

    def least(self, currency: str) -> Decimal:
        """The least difference that is told of in this currency."""
        return self.amounts.get(currency, self.amount)

    @property
    def told(self) -> str:
        """All of them, in one text: other rules have another one."""
        amounts = " ".join(f"{currency}={amount}" for currency, amount in sorted(self.amounts.items()))
        return f"{self.deviations} {self.share} {self.amount} {amounts} {self.settle.total_seconds():.0f}"
