"""Runs of collections, their batches, and what is left of them."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Date, ForeignKey, Index, Integer, LargeBinary, Numeric, Table, Uuid, text

from storage.tables.columns import counter, document, metadata, string, timestamp
from storage.tables.ledger import targets

runs = Table(
    "runs",
    metadata,
    Column("run_id", Uuid, primary_key=True),
    Column("target_id", Integer, ForeignKey(targets.c.target_id), nullable=False),
    timestamp("window_start"),
    timestamp("window_end"),
    Column("attempt", Integer, nullable=False),
    timestamp("started_at"),
    counter("batches_committed"),
    counter("records_committed", big=True),
    # From the report on:
    timestamp("reported_at", nullable=True),
    timestamp("finished_at", nullable=True),
    string("outcome", nullable=True),
    Column("batches_expected", Integer, nullable=True),
    counter("calls", big=True),
    counter("throttles", big=True),
    Column("api_cost_usd", Numeric, nullable=True),  # null: an API without a known price was called
    document("apis", "[]"),
    counter("unknown_prices"),
    string("error", default=""),
    string("partial", default=""),  # what it lacks although it ended well, a line for each reason
    string("permission", default=""),  # the missing one, of the run or of a part of it
    Column("refused", Boolean, nullable=False, server_default=text("false")),  # a part, which may be there another time
    Index(None, "target_id", "window_start"),
    Index(None, "reported_at"),
    # What their day's summary has of them already, in the place of `apis`: storage/folding/runs.py.
    document("summed_apis", "[]"),
    # What no summary has yet.
    Index("runs_unsummed_idx", "target_id", "started_at", postgresql_where=text("apis <> '[]'::jsonb")),
)

batches = Table(
    "batches",
    metadata,
    Column("run_id", Uuid, ForeignKey(runs.c.run_id, ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("records", Integer, nullable=False),
    # Which points and rates it holds, compressed: what comes late must not replace what a newer batch brought.
    Column("keys", LargeBinary, nullable=False, server_default=text("''::bytea")),
    timestamp("committed_at", now=True),
    Index(None, "committed_at"),
)

# What runs took of days that are over, by API, and all of those that are forgotten. A row a month: what is alike from
# day to day is compressed together.
run_days = Table(
    "run_days",
    metadata,
    Column("target_id", Integer, ForeignKey(targets.c.target_id), primary_key=True),
    Column("month", Date, primary_key=True),
    document("days", "{}"),  # by the day of the month on which they started: storage/folding/runs.py
)
