"""What one currency was worth in another."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Date, DateTime, Index, Numeric, Table, Text, text

from storage.tables.columns import metadata, timestamp

exchange_rates = Table(
    "exchange_rates",
    metadata,
    Column("source", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("base", Text, primary_key=True),
    Column("quote", Text, primary_key=True),
    Column("loaded_at", DateTime(timezone=True), primary_key=True),
    Column("rate", Numeric, nullable=False),  # of quote for one of base
    Column("valid_until", Date, nullable=False),  # not included: nothing is converted by it later
    timestamp("replaced_at", nullable=True),  # by another rate of the day; null: it counts
    CheckConstraint("rate > 0", name="rate"),
    CheckConstraint("valid_until > day", name="valid"),
    Index(
        "exchange_rates_current_idx",
        "base",
        "quote",
        "source",
        "day",
        unique=True,
        postgresql_where=text("replaced_at IS NULL"),
    ),
    Index(
        "exchange_rates_valid_idx",
        text("daterange(day, valid_until)"),
        postgresql_using="gist",
        postgresql_where=text("replaced_at IS NULL"),
    ),
)
