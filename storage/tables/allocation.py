"""Rules of allocation, and whose charges are by them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, DateTime, Index, Integer, Numeric, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from storage.tables.columns import document, metadata, string, timestamp
from telemetry.costs import COSTS

allocation_rules = Table(
    "allocation_rules",
    metadata,
    Column("rules_hash", Text, primary_key=True),  # of what they say
    Column("document", JSONB, nullable=False),
    timestamp("loaded_at"),  # first
    string("loaded_by"),
)

allocation_versions = Table(  # which rules are in force from which month on
    "allocation_versions",
    metadata,
    Column("effective_from", Date, primary_key=True),
    Column("since", DateTime(timezone=True), primary_key=True),
    timestamp("until", nullable=True),  # null: the file says so still
    string("rules_hash"),
)

allocation_runs = Table(  # each time a month was allocated, the last of which counts
    "allocation_runs",
    metadata,
    Column("month", Date, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    string("rules_hash"),
    timestamp("allocated_at"),
    string("allocated_by"),
    string("bills"),  # which readings were the bill: another text, and the month is stale
    Column("windows", Integer, nullable=False),  # of bills ...
    Column("windows_missing", Integer, nullable=False),  # ... that were not there
    document("weights", "[]"),
)

allocation_owners = Table(  # whose charges are, and how that was found: few rows a month
    "allocation_owners",
    metadata,
    Column("month", Date, primary_key=True),
    Column("owner", Integer, primary_key=True, autoincrement=False),
    Column("owners", JSONB, nullable=False),  # by dimension; one that is not there owns nothing
    Column("how", JSONB, nullable=False),
    Column("shared", Boolean, nullable=False),
    Column("weight_coverage", Numeric, nullable=True),  # of the metrics that it was split by, in percent
)

allocations = Table(
    "allocations",
    metadata,
    Column("month", Date, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("day", Date, nullable=False),
    Column("owner", Integer, nullable=False),
    string("provider"),
    string("account"),
    string("sub_account_id"),
    string("service_name"),
    string("charge_category"),
    string("billing_currency"),
    *(Column(name, Numeric, nullable=True) for name in COSTS),
    Column("untold", ARRAY(Text), nullable=False),  # the costs that some of its lines do not tell
    Index(None, "day"),
)
