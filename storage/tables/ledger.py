"""The ledger: what is owed, and how it ended; as rows and as ranges."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import TSTZMULTIRANGE

from storage.tables.columns import counter, metadata, string, timestamp

targets = Table(
    "targets",
    metadata,
    Column("target_id", Integer, Identity(always=True), primary_key=True),
    string("provider"),
    string("account"),
    string("region"),
    string("service"),
    string("queue"),  # the Celery queue that its collect tasks go to
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    # Only the time since then can be asked of it: a machine cannot be measured in the past.
    Column("live", Boolean, nullable=False, server_default=text("false")),
    Column("interval_seconds", Integer, nullable=False),
    Column("delay_seconds", Integer, nullable=False),  # after its end, until a window is taken for delivered
    timestamp("enabled_since"),  # the ledger owes every closed window from here on ...
    timestamp("planned_until"),  # ... and has planned them up to here
    timestamp("denied_until", nullable=True),  # while a permission is missing, one window probes at this time
    string("denied_error", default=""),
    string("denied_permission", default=""),
    # Deliveries of bills open its windows, and the clock opens none: it owes no time by itself.
    Column("delivered", Boolean, nullable=False, server_default=text("false")),
    UniqueConstraint("provider", "account", "region", "service"),
    CheckConstraint("interval_seconds > 0 AND delay_seconds >= 0", name="interval"),
    CheckConstraint("planned_until >= enabled_since", name="planned"),
)

# Time that the ledger does not owe although it lies between enabled_since and planned_until:
# the target was not configured then. Until it is configured again its last pause has no end.
pauses = Table(
    "pauses",
    metadata,
    Column("target_id", Integer, ForeignKey(targets.c.target_id), primary_key=True),
    Column("paused_from", DateTime(timezone=True), primary_key=True),
    timestamp("paused_until", nullable=True),
    CheckConstraint("paused_until > paused_from", name="range"),
)

backfills = Table(  # the past that was asked for
    "backfills",
    metadata,
    Column("backfill_id", Integer, Identity(always=True), primary_key=True),
    timestamp("asked_at"),
    string("origin"),
    Column("budget_usd", Numeric, nullable=True),  # null: only the budget of a day bounds it
    timestamp("cancelled_at", nullable=True),
    CheckConstraint("origin IN ('command', 'configuration')", name="origin"),
)

backfill_targets = Table(
    "backfill_targets",
    metadata,
    Column("backfill_id", Integer, ForeignKey(backfills.c.backfill_id), primary_key=True),
    Column("target_id", Integer, ForeignKey(targets.c.target_id), primary_key=True),
    timestamp("since"),
    timestamp("until"),
    Column("usd_per_window", Numeric, nullable=True),  # as it was estimated; null: not known
    Index(None, "target_id"),
)

collections = Table(  # the ledger
    "collections",
    metadata,
    Column("target_id", Integer, ForeignKey(targets.c.target_id), primary_key=True),
    Column("window_start", DateTime(timezone=True), primary_key=True),
    timestamp("window_end"),
    # planned: due at due_at. dispatched: an attempt is out, taken for lost at due_at. The other four are settled.
    string("state", default="planned"),
    timestamp("due_at", now=True),
    counter("attempt"),  # the last one that was handed out
    counter("failures"),  # attempts that reported a failure, since it was last settled
    counter("lost"),  # attempts that no report came of, since the last one of which one came
    timestamp("planned_at", now=True),
    timestamp("dispatched_at", nullable=True),
    timestamp("settled_at", nullable=True),
    timestamp(
        "failed_since", nullable=True
    ),  # when it failed (or lacked a part) first, once it is tried again by itself
    timestamp("refresh_at", nullable=True),  # a settled window is read again then
    counter("refreshes"),
    # The newest run that a row of is committed: batches of an older one may add rows, not change them.
    counter("newest_attempt"),
    timestamp("newest_started_at", nullable=True),
    Column("settled_run", Uuid, nullable=True),
    Column("records", BigInteger, nullable=True),
    string("error", default=""),
    string("permission", default=""),
    string("partial", default=""),  # why it is settled and yet not whole
    # Settled, and a part was refused: for the lack of `permission`, or by an outage. It is read again.
    Column("refused", Boolean, nullable=False, server_default=text("false")),
    # The back-fill that it was opened by, or made due again; and what it was before: null, it was not there.
    Column("backfill_id", Integer, nullable=True),
    string("backfilled_from", nullable=True),
    CheckConstraint("window_end > window_start", name="window"),
    CheckConstraint(
        "state IN ('planned', 'dispatched', 'complete', 'empty', 'denied', 'failed')",
        name="state",
    ),
    Index("collections_due_idx", "due_at", postgresql_where=text("state IN ('planned', 'dispatched')")),
    Index(
        "collections_open_idx",
        "target_id",
        "window_start",
        postgresql_where=text("state IN ('planned', 'dispatched')"),
    ),
    Index("collections_bad_idx", "target_id", "window_start", postgresql_where=text("state IN ('denied', 'failed')")),
    Index("collections_partial_idx", "target_id", "window_start", postgresql_where=text("partial <> ''")),
    Index("collections_refused_idx", "target_id", "window_start", postgresql_where=text("refused")),
    Index("collections_refresh_idx", "refresh_at", postgresql_where=text("refresh_at IS NOT NULL")),
    Index("collections_window_idx", "window_start"),
    Index("collections_backfill_idx", "backfill_id", "state", postgresql_where=text("backfill_id IS NOT NULL")),
)

# Settled windows that nothing is left to do of, which are no rows of the ledger any more: the windows of a target that
# began in a month and ended alike. They begin at `phase`, and every `seconds` from 1970 on, and last as long: so each
# can be had again as a row (storage/folding/unfold.py).
folded_windows = Table(
    "folded_windows",
    metadata,
    Column("target_id", Integer, ForeignKey(targets.c.target_id), primary_key=True),
    Column("month", Date, primary_key=True),  # its first day, in UTC
    Column("seconds", Integer, primary_key=True, autoincrement=False),
    Column("phase", Integer, primary_key=True, autoincrement=False),
    Column("backfill_id", Integer, primary_key=True, autoincrement=False),  # 0: none
    Column("state", Text, primary_key=True),
    Column("reason", Uuid, primary_key=True),  # of the four that follow: text may be too long for an index
    string("error"),
    string("permission"),
    string("partial"),
    Column("refused", Boolean, nullable=False),
    Column("ranges", TSTZMULTIRANGE, nullable=False),
    Column("windows", Integer, nullable=False),
    Column("records", BigInteger, nullable=True),  # of all of them; null: of some it is not known any more
    Column("attempt", Integer, nullable=False),  # the greatest that was handed out of any of them
    # What their readings have cost since their back-fill was asked for, and how many of those have no known price.
    Column("spent_usd", Numeric, nullable=False, server_default=text("0")),
    counter("unpriced"),
    CheckConstraint("state IN ('complete', 'empty', 'denied', 'failed')", name="state"),
    CheckConstraint("windows > 0 AND NOT isempty(ranges)", name="windows"),
    Index("folded_windows_bad_idx", "target_id", "month", postgresql_where=text("state IN ('denied', 'failed')")),
    Index("folded_windows_partial_idx", "target_id", "month", postgresql_where=text("partial <> '' OR refused")),
    Index("folded_windows_backfill_idx", "backfill_id", postgresql_where=text("backfill_id <> 0")),
)
