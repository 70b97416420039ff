"""Measured values, as they come and sealed, and their rollups."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Date, DateTime, Double, Index, Integer, SmallInteger, Table, text
from sqlalchemy.dialects.postgresql import ARRAY

from storage.tables.columns import metadata, timestamp

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

# Points of closed hours are sealed: a row for each series and day. The place of a value says when it is of:
# first_second + place * step_seconds, in seconds of the day in UTC, and null where the step has no value; or, where the
# starts have no common step, the same place of seconds. What lies in points counts before what is here. More values go
# on where values end: so what cannot be compressed fills pages (docs/adr/0017-sealed-points.md).
sealed_points = Table(
    "sealed_points",
    metadata,
    Column("series_id", Integer, primary_key=True, autoincrement=False),
    Column("day", Date, primary_key=True),
    Column("first_second", Integer, nullable=False),
    Column("step_seconds", Integer, nullable=True),
    Column("seconds", ARRAY(Integer), nullable=True),
    Column("values", ARRAY(Double), nullable=False),
    Column("more_values", ARRAY(Double), nullable=True),
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
    timestamp("sealed_at", nullable=True),  # ... the last of them then
    timestamp("swept_at", nullable=True),  # since then nothing was left to seal
)
