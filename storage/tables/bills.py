"""Bills: their lines, their sums, and whose they are."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from storage import cost_columns
from storage.tables.columns import document, metadata, of_type, string, timestamp
from storage.tables.ledger import targets
from storage.tables.runs import runs
from telemetry.costs import COSTS

# Lines of costs stay with the run that read them, and those that count are those of the run that settled the window:
# a day that was restated is replaced whole by one pointer, and what was said before stays to be looked at
# (docs/adr/0009-costs-by-run.md).
cost_lines = Table(
    "cost_lines",
    metadata,
    Column("run_id", Uuid, ForeignKey(runs.c.run_id, ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),  # of the batch
    Column("line", Integer, primary_key=True),  # in the batch
    *(of_type(name, kind, later=name in cost_columns.LATER) for name, kind in cost_columns.FIELDS.items()),
    Index(None, "charge_period_start"),
)

bills = Table(  # runs that have lines of a bill
    "bills",
    metadata,
    Column("run_id", Uuid, ForeignKey(runs.c.run_id, ondelete="CASCADE"), primary_key=True),
    Column("target_id", Integer, nullable=False),
    timestamp("window_start"),
    Column("lines", Integer, nullable=True),  # null: not added up yet, the views read the lines
    string("version", default=""),  # of the delivery that it has read whole
    Index(None, "target_id", "window_start"),
    Index("bills_open_idx", "run_id", postgresql_where=text("lines IS NULL")),
)

deliveries = Table(  # versions of billing periods of exports, by the target that reads them
    "deliveries",
    metadata,
    Column("target_id", Integer, ForeignKey(targets.c.target_id), primary_key=True),
    Column("period_start", DateTime(timezone=True), primary_key=True),
    Column("version", Text, primary_key=True),  # empty: the period is missing
    timestamp("period_end"),
    timestamp("submitted_at", nullable=True),
    timestamp("seen_at"),  # first, by whoever looks or reads ...
    timestamp("last_seen_at", nullable=True),  # ... and last, by whoever looks
    document("files", "[]"),
    string("reason", default=""),  # why it is missing
    # Of the run that read it last:
    timestamp("read_at", nullable=True),
    Column("run_id", Uuid, nullable=True),
    Column("rows_read", BigInteger, nullable=True),
    Column("bytes_read", BigInteger, nullable=True),
    document("totals", "{}"),
)

bill_summaries = Table(  # what the lines of a run come to
    "bill_summaries",
    metadata,
    Column("run_id", Uuid, ForeignKey(bills.c.run_id, ondelete="CASCADE"), primary_key=True),
    Column("day", Date, primary_key=True),  # in UTC, on which the charges begin
    Column("sub_account_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    string("service_name"),
    string("region_id"),
    string("charge_category"),
    string("billing_currency"),
    timestamp("billing_period_start", nullable=True),
    Column("lines", Integer, nullable=False),
    *(Column(name, Numeric, nullable=True) for name in COSTS),
    # Lines that do not tell it: the sum is of the others alone, and null where none does.
    *(Column(f"without_{name}", Integer, nullable=False) for name in COSTS),
    Column("estimated", Boolean, nullable=True),
    string("invoice_id", default=""),
)

# Readings that were the bill of their window, and when: they outlive their runs, and so do their sums.
bill_versions = Table(
    "bill_versions",
    metadata,
    Column("run_id", Uuid, primary_key=True),
    Column("target_id", Integer, nullable=False),
    timestamp("window_start"),
    timestamp("window_end"),
    Column("attempt", Integer, nullable=False),
    timestamp("started_at"),
    timestamp("since"),  # it was the bill from then on ...
    timestamp("until", nullable=True),  # ... until then; null: it is
    # Of its charges, in UTC: some may begin outside of the window. Null: none, or nobody has added them up yet.
    Column("first_day", Date, nullable=True),
    Column("last_day", Date, nullable=True),
    Column("lines_gone", Boolean, nullable=False, server_default=text("false")),  # some of them at the least
    Column("totals", JSONB, nullable=True),  # what it came to, once its run is forgotten (storage/sql/versions.sql)
    Index(None, "window_start", "target_id"),
)

# Whose costs the bills are of that settled their windows, and whether they count: two targets may tell of the same.
cost_scopes = Table(
    "cost_scopes",
    metadata,
    Column("target_id", Integer, ForeignKey(targets.c.target_id), primary_key=True),
    Column("window_start", DateTime(timezone=True), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("sub_account_id", Text, primary_key=True),
    Column("counts", Boolean, nullable=False, server_default=text("true")),
    string("provider", default=""),  # whose charges they are where the bill says so; else the target's
    Index("cost_scopes_unit_idx", "day", text("lower(sub_account_id)")),
    Index(
        "cost_scopes_left_out_idx",
        "target_id",
        "window_start",
        "day",
        "sub_account_id",
        postgresql_where=text("NOT counts"),
    ),
)

# When the charges of an account and day did not count, since those of another target did: what was the bill when.
bills_left_out = Table(
    "bills_left_out",
    metadata,
    Column("target_id", Integer, primary_key=True, autoincrement=False),
    Column("window_start", DateTime(timezone=True), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("sub_account_id", Text, primary_key=True),
    Column("since", DateTime(timezone=True), primary_key=True),
    timestamp("until", nullable=True),
    Index("bills_left_out_open_idx", "day", postgresql_where=text("until IS NULL")),
)
