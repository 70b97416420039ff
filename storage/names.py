"""Names in the database for processes that run: they need no description of the tables, nor the library it takes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

SCHEMA = "finfleet"

Span = Literal["day", "month", "year"]

PARTITIONED: Mapping[str, Span] = MappingProxyType(
    {
        "points": "day",
        "cost_rates": "day",
        "sealed_points": "month",
        "points_hourly": "month",
        "points_daily": "year",
    }
)
"""Tables with partitions by time, and how much of it one holds."""
