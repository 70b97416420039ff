"""``anomalies:``, ``forecasts:``, ``allocation:`` and ``currencies:``: how questions of costs are answered."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from telemetry.settings.fields import Duration, FilePath, Section

Currency = Annotated[str, Field(pattern="^[A-Z]{3}$", examples=["EUR"])]
"""ISO 4217."""


class AllocationSettings(Section):
    """``allocation:``: by which rules charges have owners."""

    #: The rules; nothing is allocated without them. The planner reads it, and `finfleet allocate`.
    file: FilePath | None = None


class CurrencySettings(Section):
    """``currencies:``: what amounts are converted to where somebody asks for it; the bill stays as it is."""

    #: ISO 4217; where none is named, a command that converts has to be told.
    reporting: Currency | None = None


class AnomalySettings(Section):
    """``anomalies:``: when a day's cost is called one. It has to be beyond all three bounds."""

    enabled: bool = True
    #: Robust standard deviations from what was expected.
    deviations: float = Field(4.5, ge=1, le=100)
    #: Of what was expected: 0.25 is a quarter more or less.
    share: float = Field(0.25, ge=0, le=100)
    #: In units of the currency.
    amount: Decimal = Field(Decimal(10), ge=0)
    #: By currency, where its unit is worth much more or much less: ``{JPY: 1500}``.
    amounts: dict[Currency, Annotated[Decimal, Field(ge=0)]] = Field({})
    #: How long after the end of a day its bill is taken for whole.
    settle: Duration = timedelta(hours=48)


class ForecastSettings(Section):
    """``forecasts:``."""

    enabled: bool = True
