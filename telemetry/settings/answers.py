"""``allocation:`` and ``currencies:``: whose costs are, and in which currency they are shown."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from telemetry.settings.fields import FilePath, Section

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
