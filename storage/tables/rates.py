"""Prices an hour, as they come and as intervals."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Date, DateTime, Index, Integer, Numeric, Table

from storage.tables.columns import metadata, string, timestamp

cost_rates = Table(
    "cost_rates",
    metadata,
    Column("resource_id", Integer, primary_key=True, autoincrement=False),
    Column("start", DateTime(timezone=True), primary_key=True),
    Column("period", Integer, primary_key=True, autoincrement=False),
    Column("amount", Numeric, nullable=False),  # per hour
    string("currency"),
    string("basis"),
    string("resource_type"),  # as it was then: a resource may be resized
    postgresql_partition_by="RANGE (start)",
)

# Rates that are older than some hours: a row for what holds without a break (docs/adr/0016-rates-as-intervals.md).
# A row of cost_rates counts over them, until it is folded too.
rate_intervals = Table(
    "rate_intervals",
    metadata,
    Column("resource_id", Integer, primary_key=True, autoincrement=False),
    Column("period", Integer, primary_key=True, autoincrement=False),  # of each of the rates that it is made of
    Column("start", DateTime(timezone=True), primary_key=True),
    timestamp("until"),
    Column("phase", Integer, nullable=False),  # seconds of start since 1970, modulo period
    Column("month", Date, nullable=False),  # of start, in UTC: none goes on into the next one
    Column("amount", Numeric, nullable=False),
    string("currency"),
    string("basis"),
    string("resource_type"),
    CheckConstraint("until > start", name="range"),
    Index(None, "until"),
    Index(None, "month"),
)

# When the rates began that were folded: by them a view finds the intervals of a time, and tells one rate from the next.
rate_starts = Table(
    "rate_starts",
    metadata,
    Column("start", DateTime(timezone=True), primary_key=True),
    Column("period", Integer, primary_key=True, autoincrement=False),
    Column("phase", Integer, nullable=False),
    Column("month", Date, nullable=False),
)
