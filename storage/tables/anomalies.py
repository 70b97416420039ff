"""Anomalies of cost, what people note of them, and forecasts."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from storage.tables.columns import metadata, string, timestamp

anomalies = Table(  # a row a service
    "anomalies",
    metadata,
    Column("anomaly_id", Uuid, primary_key=True),  # of the cause: account, currency, first day and side
    Column("service_name", Text, primary_key=True),
    string("provider"),
    string("sub_account_id"),
    string("billing_currency"),
    string("kind"),
    Column("first_day", Date, nullable=False),
    Column("last_day", Date, nullable=False),
    Column("days", ARRAY(Date), nullable=False),  # those of them whose bill is whole
    string("cost"),  # effective_cost or billed_cost
    Column("expected", Numeric, nullable=False),
    Column("actual", Numeric, nullable=False),
    timestamp("found_at"),
    timestamp("withdrawn_at", nullable=True),  # the bill was restated, or the rules are others
    Index(None, "first_day"),
)

anomaly_notes = Table(  # the newest is the state
    "anomaly_notes",
    metadata,
    Column("anomaly_id", Uuid, primary_key=True),
    Column("noted_at", DateTime(timezone=True), primary_key=True),
    string("state"),
    string("note", default=""),
    string("noted_by", default=""),
    CheckConstraint("state IN ('open', 'acknowledged', 'explained')", name="state"),
)

anomaly_looks = Table(  # one row: when somebody looked for them last, and of what state of the bills
    "anomaly_looks",
    metadata,
    Column("single", Boolean, primary_key=True, server_default=text("true")),
    timestamp("looked_at"),
    string("seen"),
    CheckConstraint("single", name="single"),
)

forecasts = Table(  # as they were made last
    "forecasts",
    metadata,
    Column("of", Text, primary_key=True),  # all, provider, account, service or team
    Column("provider", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("billing_currency", Text, primary_key=True),
    Column("month", Date, primary_key=True),  # its first day
    string("cost"),  # effective_cost or billed_cost
    Column("actual", Numeric, nullable=False),
    Column("known_days", Integer, nullable=False),
    Column("expected", Numeric, nullable=True),  # of the other days; null: nobody knows
    Column("expected_days", Integer, nullable=False),
    Column("low", Numeric, nullable=True),
    Column("high", Numeric, nullable=True),
    string("method"),
    Column("error", Numeric, nullable=True),
    Column("naive_error", Numeric, nullable=True),
    Column("tries", Integer, nullable=False),
    Column("left_out", Integer, nullable=False),  # accounts
    Column("known_until", Date, nullable=True),
    timestamp("made_at"),
)

forecast_looks = Table(  # one row: when they were made last, and of what state of the bills
    "forecast_looks",
    metadata,
    Column("single", Boolean, primary_key=True, server_default=text("true")),
    timestamp("looked_at"),
    string("seen"),
    CheckConstraint("single", name="single"),
)
