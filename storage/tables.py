"""The tables, in schema ``finfleet``. Migrations make them; a test compares the two.

People read the views of schema ``reporting`` instead, which stay the same when these tables change.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSTZMULTIRANGE

from storage import cost_columns
from storage.names import SCHEMA
from telemetry.costs import COSTS

metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    },
)


def _time(name: str, *, nullable: bool = False, now: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=text("now()") if now else None)


def _text(name: str, *, nullable: bool = False, default: str | None = None) -> Column[str]:
    return Column(name, Text, nullable=nullable, server_default=None if default is None else text(f"'{default}'"))


def _count(name: str, *, big: bool = False) -> Column[int]:
    return Column(name, BigInteger if big else Integer, nullable=False, server_default=text("0"))


def _json(name: str, empty: str) -> Column[object]:
    return Column(name, JSONB, nullable=False, server_default=text(f"'{empty}'::jsonb"))


def _of_type(name: str, kind: object, *, later: bool) -> Column[Any]:
    """The column of a field of CostLine; one that came later has a default, for writers of a former release."""
    if kind is str:
        return _text(name, default="" if later else None)
    if kind in {datetime, datetime | None}:
        return _time(name, nullable=kind is not datetime)
    if kind is int:
        return Column(name, Integer, nullable=False, server_default=text("1"))
    if kind in {Decimal | None, bool | None}:
        return Column(name, Numeric if kind == Decimal | None else Boolean, nullable=True)
    return _json(name, "{}")


targets = Table(
    "targets",
    metadata,
    Column("target_id", Integer, Identity(always=True), primary_key=True),
    _text("provider"),
    _text("account"),
    _text("region"),
    _text("service"),
    _text("queue"),  # the Celery queue that its collect tasks go to
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    # Only the time since then can be asked of it: a machine cannot be measured in the past.
    Column("live", Boolean, nullable=False, server_default=text("false")),
    Column("interval_seconds", Integer, nullable=False),
    Column("delay_seconds", Integer, nullable=False),  # after its end, until a window is taken for delivered
    _time("enabled_since"),  # the ledger owes every closed window from here on ...
    _time("planned_until"),  # ... and has planned them up to here
    _time("denied_until", nullable=True),  # while a permission is missing, one window probes at this time
    _text("denied_error", default=""),
    _text("denied_permission", default=""),
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
    _time("paused_until", nullable=True),
    CheckConstraint("paused_until > paused_from", name="range"),
)

backfills = Table(  # the past that was asked for
    "backfills",
    metadata,
    Column("backfill_id", Integer, Identity(always=True), primary_key=True),
    _time("asked_at"),
    _text("origin"),
    Column("budget_usd", Numeric, nullable=True),  # null: only the budget of a day bounds it
    _time("cancelled_at", nullable=True),
    CheckConstraint("origin IN ('command', 'configuration')", name="origin"),
)

backfill_targets = Table(
    "backfill_targets",
    metadata,
    Column("backfill_id", Integer, ForeignKey(backfills.c.backfill_id), primary_key=True),
    Column("target_id", Integer, ForeignKey(targets.c.target_id), primary_key=True),
    _time("since"),
    _time("until"),
    Column("usd_per_window", Numeric, nullable=True),  # as it was estimated; null: not known
    Index(None, "target_id"),
)

collections = Table(  # the ledger
    "collections",
    metadata,
    Column("target_id", Integer, ForeignKey(targets.c.target_id), primary_key=True),
    Column("window_start", DateTime(timezone=True), primary_key=True),
    _time("window_end"),
    # planned: due at due_at. dispatched: an attempt is out, taken for lost at due_at. The other four are settled.
    _text("state", default="planned"),
    _time("due_at", now=True),
    _count("attempt"),  # the last one that was handed out
    _count("failures"),  # attempts that reported a failure, since it was last settled
    _count("lost"),  # attempts that no report came of, since the last one of which one came
    _time("planned_at", now=True),
    _time("dispatched_at", nullable=True),
    _time("settled_at", nullable=True),
    _time("failed_since", nullable=True),  # when it failed (or lacked a part) first, once it is tried again by itself
    _time("refresh_at", nullable=True),  # a settled window is read again then
    _count("refreshes"),
    # The newest run that a row of is committed: batches of an older one may add rows, not change them.
    _count("newest_attempt"),
    _time("newest_started_at", nullable=True),
    Column("settled_run", Uuid, nullable=True),
    Column("records", BigInteger, nullable=True),
    _text("error", default=""),
    _text("permission", default=""),
    _text("partial", default=""),  # why it is settled and yet not whole
    # Settled, and a part was refused: for the lack of `permission`, or by an outage. It is read again.
    Column("refused", Boolean, nullable=False, server_default=text("false")),
    # The back-fill that it was opened by, or made due again; and what it was before: null, it was not there.
    Column("backfill_id", Integer, nullable=True),
    _text("backfilled_from", nullable=True),
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
    _text("error"),
    _text("permission"),
    _text("partial"),
    Column("refused", Boolean, nullable=False),
    Column("ranges", TSTZMULTIRANGE, nullable=False),
    Column("windows", Integer, nullable=False),
    Column("records", BigInteger, nullable=True),  # of all of them; null: of some it is not known any more
    Column("attempt", Integer, nullable=False),  # the greatest that was handed out of any of them
    # What their readings have cost since their back-fill was asked for, and how many of those have no known price.
    Column("spent_usd", Numeric, nullable=False, server_default=text("0")),
    _count("unpriced"),
    CheckConstraint("state IN ('complete', 'empty', 'denied', 'failed')", name="state"),
    CheckConstraint("windows > 0 AND NOT isempty(ranges)", name="windows"),
    Index("folded_windows_bad_idx", "target_id", "month", postgresql_where=text("state IN ('denied', 'failed')")),
    Index("folded_windows_partial_idx", "target_id", "month", postgresql_where=text("partial <> '' OR refused")),
    Index("folded_windows_backfill_idx", "backfill_id", postgresql_where=text("backfill_id <> 0")),
)

runs = Table(
    "runs",
    metadata,
    Column("run_id", Uuid, primary_key=True),
    Column("target_id", Integer, ForeignKey(targets.c.target_id), nullable=False),
    _time("window_start"),
    _time("window_end"),
    Column("attempt", Integer, nullable=False),
    _time("started_at"),
    _count("batches_committed"),
    _count("records_committed", big=True),
    # From the report on:
    _time("reported_at", nullable=True),
    _time("finished_at", nullable=True),
    _text("outcome", nullable=True),
    Column("batches_expected", Integer, nullable=True),
    _count("calls", big=True),
    _count("throttles", big=True),
    Column("api_cost_usd", Numeric, nullable=True),  # null: an API without a known price was called
    _json("apis", "[]"),
    _count("unknown_prices"),
    _text("error", default=""),
    _text("partial", default=""),  # what it lacks although it ended well, a line for each reason
    _text("permission", default=""),  # the missing one, of the run or of a part of it
    Column("refused", Boolean, nullable=False, server_default=text("false")),  # a part, which may be there another time
    Index(None, "target_id", "window_start"),
    Index(None, "reported_at"),
)

batches = Table(
    "batches",
    metadata,
    Column("run_id", Uuid, ForeignKey(runs.c.run_id, ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("records", Integer, nullable=False),
    # Which points and rates it holds, compressed: what comes late must not replace what a newer batch brought.
    Column("keys", LargeBinary, nullable=False, server_default=text("''::bytea")),
    _time("committed_at", now=True),
    Index(None, "committed_at"),
)

# What runs took that are forgotten. A row a month: what is alike from day to day is compressed together.
run_days = Table(
    "run_days",
    metadata,
    Column("target_id", Integer, ForeignKey(targets.c.target_id), primary_key=True),
    Column("month", Date, primary_key=True),
    _json("days", "{}"),  # by the day of the month on which they started: storage/folding/runs.py
)

resources = Table(
    "resources",
    metadata,
    Column("resource_id", Integer, Identity(always=True), primary_key=True),
    _text("provider"),
    _text("account"),
    _text("region"),
    _text("service"),
    _text("provider_id"),  # the provider's own full id
    _text("type", default=""),
    _text("name", default=""),
    _json("tags", "{}"),
    _json("attributes", "{}"),
    _count("fingerprint", big=True),  # of type, name, tags and attributes: whether they changed
    _time("first_seen"),
    _time("last_seen"),  # within an hour: a resource that does not change is not written at every reading
    # When it was last seen whole, which type, name, tags and attributes are of, but for what a part has added since;
    # 1970 where only parts were seen. Null: of before, as last_seen.
    _time("described_at", nullable=True),
    _text("source", default=""),  # that pushed it: what two sources push is not the same thing, whatever they call it
    UniqueConstraint(
        "provider", "account", "region", "service", "provider_id", "source", name="resources_identity_key"
    ),
)

series = Table(
    "series",
    metadata,
    Column("series_id", Integer, Identity(always=True), primary_key=True),
    Column("resource_id", Integer, ForeignKey(resources.c.resource_id), nullable=False),
    _text("metric"),
    _text("source_metric"),
    _text("unit"),
    _text("statistic"),
    Column("period", Integer, nullable=False),
    UniqueConstraint(
        "resource_id", "metric", "source_metric", "unit", "statistic", "period", name="series_identity_key"
    ),
)

# Narrow, with integer keys and one partition a day: half the bytes and twice the speed of a wide table,
# and a day is dropped in no time (docs/adr/0004-narrow-points.md). No foreign key: it would double the cost of a row,
# and series are never deleted while they have points.
points = Table(
    "points",
    metadata,
    Column("series_id", Integer, primary_key=True, autoincrement=False),
    Column("start", DateTime(timezone=True), primary_key=True),
    Column("value", Double, nullable=False),
    postgresql_partition_by="RANGE (start)",
)

# A closed day of points is sealed: a row for each series and day. The place of a value says when it is of:
# first_second + place * step_seconds, in seconds of the day in UTC, and null where the step has no value; or, where the
# starts have no common step, the same place of seconds. What lies in points counts before what is here.
sealed_points = Table(
    "sealed_points",
    metadata,
    Column("series_id", Integer, primary_key=True, autoincrement=False),
    Column("day", Date, primary_key=True),
    Column("first_second", Integer, nullable=False),
    Column("step_seconds", Integer, nullable=True),
    Column("seconds", ARRAY(Integer), nullable=True),
    Column("values", ARRAY(Double), nullable=False),
    CheckConstraint("(step_seconds IS NULL) <> (seconds IS NULL)", name="starts"),
    Index(None, "day"),
    postgresql_partition_by="RANGE (day)",
)

# Made in the transaction that seals, and kept longer than what they are of. A sum is null where it has no number.
points_hourly = Table(
    "points_hourly",
    metadata,
    Column("series_id", Integer, primary_key=True, autoincrement=False),
    Column("day", Date, primary_key=True),
    # 24 places each, an hour in UTC; null in an hour without a value.
    Column("counts", ARRAY(SmallInteger), nullable=False),
    Column("sums", ARRAY(Double), nullable=False),
    Column("minimums", ARRAY(Double), nullable=False),
    Column("maximums", ARRAY(Double), nullable=False),
    Column("lasts", ARRAY(Double), nullable=False),
    Index(None, "day"),
    postgresql_partition_by="RANGE (day)",
)

points_daily = Table(
    "points_daily",
    metadata,
    Column("series_id", Integer, primary_key=True, autoincrement=False),
    Column("day", Date, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("sum", Double, nullable=True),
    Column("minimum", Double, nullable=False),
    Column("maximum", Double, nullable=False),
    Column("last", Double, nullable=False),
    Index(None, "day"),
    postgresql_partition_by="RANGE (day)",
)

sealed_days = Table(  # how far the sealing of a day is
    "sealed_days",
    metadata,
    Column("day", Date, primary_key=True),
    Column("next_series", Integer, nullable=False, server_default=text("0")),  # all before it are sealed ...
    _time("sealed_at", nullable=True),  # ... the last of them then
    _time("swept_at", nullable=True),  # since then nothing was left to seal
)

cost_rates = Table(
    "cost_rates",
    metadata,
    Column("resource_id", Integer, primary_key=True, autoincrement=False),
    Column("start", DateTime(timezone=True), primary_key=True),
    Column("period", Integer, primary_key=True, autoincrement=False),
    Column("amount", Numeric, nullable=False),  # per hour
    _text("currency"),
    _text("basis"),
    _text("resource_type"),  # as it was then: a resource may be resized
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
    _time("until"),
    Column("phase", Integer, nullable=False),  # seconds of start since 1970, modulo period
    Column("month", Date, nullable=False),  # of start, in UTC: none goes on into the next one
    Column("amount", Numeric, nullable=False),
    _text("currency"),
    _text("basis"),
    _text("resource_type"),
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

# Lines of costs stay with the run that read them, and those that count are those of the run that settled the window:
# a day that was restated is replaced whole by one pointer, and what was said before stays to be looked at
# (docs/adr/0009-costs-by-run.md).
cost_lines = Table(
    "cost_lines",
    metadata,
    Column("run_id", Uuid, ForeignKey(runs.c.run_id, ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),  # of the batch
    Column("line", Integer, primary_key=True),  # in the batch
    *(_of_type(name, kind, later=name in cost_columns.LATER) for name, kind in cost_columns.FIELDS.items()),
    Index(None, "charge_period_start"),
)

bills = Table(  # runs that have lines of a bill
    "bills",
    metadata,
    Column("run_id", Uuid, ForeignKey(runs.c.run_id, ondelete="CASCADE"), primary_key=True),
    Column("target_id", Integer, nullable=False),
    _time("window_start"),
    Column("lines", Integer, nullable=True),  # null: not added up yet, the views read the lines
    _text("version", default=""),  # of the delivery that it has read whole
    Index(None, "target_id", "window_start"),
    Index("bills_open_idx", "run_id", postgresql_where=text("lines IS NULL")),
)

deliveries = Table(  # versions of billing periods of exports, by the target that reads them
    "deliveries",
    metadata,
    Column("target_id", Integer, ForeignKey(targets.c.target_id), primary_key=True),
    Column("period_start", DateTime(timezone=True), primary_key=True),
    Column("version", Text, primary_key=True),  # empty: the period is missing
    _time("period_end"),
    _time("submitted_at", nullable=True),
    _time("seen_at"),  # first, by whoever looks or reads ...
    _time("last_seen_at", nullable=True),  # ... and last, by whoever looks
    _json("files", "[]"),
    _text("reason", default=""),  # why it is missing
    # Of the run that read it last:
    _time("read_at", nullable=True),
    Column("run_id", Uuid, nullable=True),
    Column("rows_read", BigInteger, nullable=True),
    Column("bytes_read", BigInteger, nullable=True),
    _json("totals", "{}"),
)

bill_summaries = Table(  # what the lines of a run come to
    "bill_summaries",
    metadata,
    Column("run_id", Uuid, ForeignKey(bills.c.run_id, ondelete="CASCADE"), primary_key=True),
    Column("day", Date, primary_key=True),  # in UTC, on which the charges begin
    Column("sub_account_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    _text("service_name"),
    _text("region_id"),
    _text("charge_category"),
    _text("billing_currency"),
    _time("billing_period_start", nullable=True),
    Column("lines", Integer, nullable=False),
    *(Column(name, Numeric, nullable=True) for name in COSTS),
    # Lines that do not tell it: the sum is of the others alone, and null where none does.
    *(Column(f"without_{name}", Integer, nullable=False) for name in COSTS),
    Column("estimated", Boolean, nullable=True),
    _text("invoice_id", default=""),
)

# Readings that were the bill of their window, and when: they outlive their runs, and so do their sums.
bill_versions = Table(
    "bill_versions",
    metadata,
    Column("run_id", Uuid, primary_key=True),
    Column("target_id", Integer, nullable=False),
    _time("window_start"),
    _time("window_end"),
    Column("attempt", Integer, nullable=False),
    _time("started_at"),
    _time("since"),  # it was the bill from then on ...
    _time("until", nullable=True),  # ... until then; null: it is
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
    _time("until", nullable=True),
    Index("bills_left_out_open_idx", "day", postgresql_where=text("until IS NULL")),
)

outbox = Table(
    "outbox",
    metadata,
    Column("outbox_id", BigInteger, Identity(always=True), primary_key=True),
    _text("destination"),
    Column("target_id", Integer, ForeignKey(targets.c.target_id), nullable=False),
    Column("run_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    _text("state", default="pending"),
    Column("body", LargeBinary, nullable=True),  # the message as it came; gone once it is sent
    _time("created_at", now=True),
    _time("due_at", now=True),
    _count("attempts"),
    _time("sent_at", nullable=True),
    _text("error", default=""),
    UniqueConstraint("destination", "run_id", "number"),
    CheckConstraint("state IN ('pending', 'sent', 'dead')", name="state"),
    CheckConstraint("state = 'sent' OR body IS NOT NULL", name="body"),
    Index("outbox_pending_idx", "destination", "target_id", "outbox_id", postgresql_where=text("state = 'pending'")),
    Index("outbox_dead_idx", "outbox_id", postgresql_where=text("state = 'dead'")),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("dead_letter_id", BigInteger, Identity(always=True), primary_key=True),
    Column("body_sha256", LargeBinary, nullable=False, unique=True),  # a redelivered one is not there twice
    Column("body", LargeBinary, nullable=False),
    _text("reason_code"),
    _text("reason"),
    _time("first_seen", now=True),
    _time("last_seen", now=True),
    Column("times", Integer, nullable=False, server_default=text("1")),
    _time("replayed_at", nullable=True),
    Index("dead_letters_waiting_idx", "dead_letter_id", postgresql_where=text("replayed_at IS NULL")),
)

# Each row is a lock, held by whoever has it FOR UPDATE: who only reads the views cannot, and could any advisory lock.
locks = Table("locks", metadata, Column("name", Text, primary_key=True))

suspects = Table(  # messages that may be what ended an ingest
    "suspects",
    metadata,
    Column("body_sha256", LargeBinary, primary_key=True),
    Column("tries", Integer, nullable=False, autoincrement=False),  # alone, without coming to an end
    _time("tried_at"),
)

# Signs of life. Times but started_at are the database's own, so that no clock of another machine is compared with it.
processes = Table(
    "processes",
    metadata,
    Column("process_id", Uuid, primary_key=True),
    _text("role"),  # its command: ingest, worker plan, worker aws ...
    _text("queues", default=""),  # that it consumes, with spaces between
    _text("host"),
    _text("machine", default=""),  # within which its pid means something; empty where that is not known
    Column("pid", Integer, nullable=False),
    _text("version"),
    _time("started_at"),
    _time("first_seen", now=True),
    _time("last_seen", now=True),
    _time("stopped_at", nullable=True),  # it ended in order
    _text("trouble", default=""),  # why it does not work although it runs
    _count("threads"),  # how many tasks it runs at once; 0: not known, as of a former release
)

# What was planned last of each service: while its digest is the same, its targets are not compared.
planned_services = Table(
    "planned_services",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("service", Text, primary_key=True),
    _text("digest"),
    _time("compared_at"),
)

# What the last planner that handed out has seen of Celery's queues: any planner goes on from there.
task_queues = Table(
    "task_queues",
    metadata,
    Column("queue", Text, primary_key=True),
    _count("looks", big=True),
    _count("left_waiting"),  # messages, with those that it has sent
    Column("drained", Double, nullable=False, server_default=text("0")),  # between two looks, of late
    _time("looked_at", now=True),
    postgresql_with={"fillfactor": 50},  # a row is written at each look: there is room for it in its page
)
