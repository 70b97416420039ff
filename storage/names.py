"""Names in the database for processes that run: they need no description of the tables, nor the library it takes."""

from __future__ import annotations

SCHEMA = "finfleet"

PARTITIONED = ("points", "cost_rates")
"""Tables with a partition a day."""
