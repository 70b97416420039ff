"""Sealing of closed hours of points: one row for each series and day, and hourly and daily rollups.

An hour is closed once it has been over for a while: so ``points`` holds a few hours, and who reads adds up no more than
these. Some series of a day are sealed in a transaction, by one statement that deletes their points of closed hours and
writes them down as arrays, with those of the day that are sealed already: at any time a point is in one of the two
places. Ingest goes on writing into ``points``, and what lies there counts before what is sealed; so late data open an
hour again just by coming, and the next sealing merges them. Of a partition that is empty the space is given back, and
then it is dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from psycopg import sql
from psycopg.errors import LockNotAvailable, UndefinedTable

from storage.database import Connection
from storage.names import SCHEMA
from storage.partitions import Partitions, PartitionsMissing, create, partitions_of
from storage.sql import load

_SQL = load("folding_points")
logger = logging.getLogger(__name__)

SEAL_AFTER = timedelta(hours=1)
"""How long an hour has been over before it is sealed: by then nearly all of it has come."""
DROP_AFTER = timedelta(hours=30)
"""How long a day has been over before its partition is dropped: what comes later needs it made again."""
_POINTS = 30_000
"""In one transaction, about: a tenth of a second."""
_LOCK = b"SET LOCAL lock_timeout = '100ms'"
"""Whoever writes to the same rows goes first; also, he never finds himself in a deadlock with the sealing."""
_DROP_AFTER = timedelta(hours=1)
_DROP_LARGE_AFTER = timedelta(days=2)
_SMALL = 8 * 1024 * 1024
"""Bytes of a partition that are looked through in no time, for which everybody who writes waits. A large one whose
space is not given back, since autovacuum is off and a pooler keeps us from doing it, waits for longer."""


def fold_points(connection: Connection, now: datetime, *, after: timedelta = SEAL_AFTER, points: int = _POINTS) -> int:
    """Seal some series of hours that have been over for ``after``; returns how many points, 0: none is left to seal.

    One small transaction, outside of any other. What another process seals at this moment is left to it.
    """
    until = (now - after).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    for partition, day, _ in partitions_of(connection, "points"):
        if datetime.combine(day, time(), UTC) >= until:
            break
        try:
            if moved := fold_day(connection, partition, day, now, until=until, points=points):
                return moved
        except LockNotAvailable:
            logger.info("sealing: somebody writes to %s.%s now: the next run seals it", SCHEMA, partition)
    return 0


def fold_day(
    connection: Connection, partition: str, day: date, now: datetime, *, until: datetime, points: int = _POINTS
) -> int:
    """Seal some series of one day, what begins before ``until``; returns how many points.

    0: none is left, or another process seals this day.
    """
    try:
        Partitions().require(connection, [("sealed_points", day), ("points_hourly", day), ("points_daily", day)])
    except PartitionsMissing as missing:
        create(connection, missing.partitions)
    connection.execute(_SQL["know_day"], {"day": day})
    with suppress(UndefinedTable), connection.transaction():  # another process has dropped it
        connection.execute(_LOCK)
        row = connection.execute(_SQL["take_day"], {"day": day}).fetchone()
        series = _next_series(connection, partition, row, until, points) if row else []
        if series:
            moved, forgotten = _seal(connection, partition, day, series, until)
            if forgotten:
                logger.warning("sealing: late points of %d series of %s are forgotten, as that day is", forgotten, day)
            connection.execute(_SQL["sealed_to"], {"day": day, "next_series": series[-1] + 1, "now": now})
            return moved
        if row:
            connection.execute(_SQL["swept"], {"day": day, "now": now})
    return 0


def drop_sealed(connection: Connection, now: datetime, *, after: timedelta = DROP_AFTER) -> int:
    """Drop the partition of a day that has been over for ``after``, and whose points are all sealed.

    Returns how many were dropped, 0: none is left that can be.

    Its space is given back first, which Postgres does once no transaction can see any of its rows: then nobody misses
    them who looks at the database as it was a while ago. The locks are short, and waited for shortly.
    """
    for partition, day, end in partitions_of(connection, "points"):
        if datetime.combine(end, time(), UTC) > now - after:
            break
        swept_at = (connection.execute(_SQL["swept_at"], {"day": day}).fetchone() or (None,))[0]
        if swept_at is None:
            continue
        try:
            if _drop(connection, partition, now - swept_at):
                return 1
        except UndefinedTable:
            continue  # another process was faster
        except LockNotAvailable:
            logger.warning("sealing: %s.%s is in use: the next run drops it", SCHEMA, partition)
    return 0


def _drop(connection: Connection, partition: str, swept_for: timedelta) -> bool:
    if size := _size(connection, partition):
        with connection.transaction():  # whoever uses it keeps its space from being given back, which takes a while
            _lock(connection, partition)
        _vacuum(connection, partition)
        size = _size(connection, partition)
    if size and swept_for < (_DROP_AFTER if size < _SMALL else _DROP_LARGE_AFTER):
        return False
    with connection.transaction():
        _lock(connection, "points", partition)  # the parent first, as everybody who reads or writes does
        if connection.execute(_about(partition, "has_points")).fetchone() == (True,):
            return False
        connection.execute(_about(partition, "drop"))
    return True


def _lock(connection: Connection, *tables: str) -> None:
    connection.execute(_LOCK)
    for table in tables:
        lock = sql.SQL("LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE")
        connection.execute(lock.format(sql.Identifier(SCHEMA, table)))


def _vacuum(connection: Connection, partition: str) -> None:
    # Over a pooler each statement is in a transaction, where it cannot be done: autovacuum does it then.
    if not getattr(connection, "each_transaction", b""):
        connection.execute(_about(partition, "vacuum"))


def _size(connection: Connection, partition: str) -> int:
    row = connection.execute(_SQL["bytes"], _named(partition)).fetchone()
    return int(row[0]) if row else 0


def _next_series(
    connection: Connection, partition: str, known: tuple[int, datetime | None], until: datetime, points: int
) -> list[int]:
    """The series to seal next; what came late is of series that were passed already."""
    next_series, swept_at = known
    for first in dict.fromkeys([next_series, 0]) if swept_at is None else [0]:
        # Without its points a partition is read in no time; its index is not, before its space is given back.
        if first == 0 and connection.execute(_about(partition, "has_points")).fetchone() == (False,):
            break
        values = {"next_series": first, "until": until, "points": points}
        rows = connection.execute(_about(partition, "next_series"), values)
        if series := [row[0] for row in rows]:
            return series
    return []


def _seal(connection: Connection, partition: str, day: date, series: Sequence[int], until: datetime) -> tuple[int, int]:
    values = {"day": day, "series": list(series), "until": until}
    row = connection.execute(_about(partition, "seal"), values).fetchone()
    moved, forgotten = row or (0, 0)
    return int(moved), int(forgotten)


def _about(partition: str, statement: str) -> sql.Composed:
    return sql.SQL(_SQL[statement].decode()).format(partition=sql.Identifier(SCHEMA, partition))


def _named(partition: str) -> dict[str, Any]:
    return {"partition": f"{SCHEMA}.{partition}"}
