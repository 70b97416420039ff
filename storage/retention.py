"""What the database forgets: readings, their rollups, old runs, former readings of bills, sent entries of the outbox.

Each function forgets a bounded piece in one small transaction, outside of any other, and returns how much; 0: nothing
is left to forget, or somebody uses it now.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

from psycopg import sql
from psycopg.errors import LockNotAvailable

from storage import outbox, processes, suspects
from storage.database import Connection
from storage.folding import rates, runs
from storage.names import PARTITIONED, SCHEMA
from storage.partitions import partitions_of
from storage.sql import load

_SQL = load("retention")
logger = logging.getLogger(__name__)
_AT_ONCE = 10_000
_SUSPECT_FOR = timedelta(days=30)
_PROCESS_FOR = timedelta(days=1)
_REST = timedelta(days=2)
"""How long nothing was sealed into a month before it goes: a back-fill of old days comes a window at a time, and what
comes once the rest of its day is forgotten is forgotten too."""


class Kept(NamedTuple):
    """For how long; zero keeps it for ever."""

    #: Points and rates.
    points: timedelta = timedelta(0)
    #: Hourly rollups of points.
    hourly: timedelta = timedelta(0)
    #: Daily ones.
    daily: timedelta = timedelta(0)
    #: Runs of settled windows; one that settled a window that is not folded stays.
    runs: timedelta = timedelta(0)
    #: Lines of bills, and recommendations, that were replaced by a later reading; they go with their run at the latest.
    history: timedelta = timedelta(0)
    #: Entries of the outbox that were sent.
    sent: timedelta = timedelta(0)
    #: What was pushed is known for as long as it may be pushed again.
    pushes: timedelta = timedelta(0)


def forget_points(connection: Connection, now: datetime, kept: Kept) -> int:
    """Drop a month of sealed points. Days that are not sealed yet are sealed first, so that their rollups stay."""
    return _drop_old(connection, "sealed_points", now, kept.points)


def forget_rates(connection: Connection, now: datetime, kept: Kept) -> int:
    """Drop a day of rates."""
    return _drop_old(connection, "cost_rates", now, kept.points)


def forget_intervals(connection: Connection, now: datetime, kept: Kept) -> int:
    """Delete some intervals of rates."""
    return rates.forget_intervals(connection, now - kept.points) if kept.points else 0


def forget_hourly(connection: Connection, now: datetime, kept: Kept) -> int:
    """Drop a month of hourly rollups."""
    return _drop_old(connection, "points_hourly", now, kept.hourly)


def forget_daily(connection: Connection, now: datetime, kept: Kept) -> int:
    """Drop a year of daily rollups."""
    return _drop_old(connection, "points_daily", now, kept.daily)


def forget_runs(connection: Connection, now: datetime, kept: Kept) -> int:
    """Delete some runs, with their batches; a summary of their day stays, and so does the ledger."""
    return runs.forget_runs(connection, now - kept.runs, now - kept.pushes if kept.pushes else None) if kept.runs else 0


def forget_history(connection: Connection, now: datetime, kept: Kept) -> int:
    """Delete some lines of bills that no longer count; their run stays until it is forgotten."""
    if not kept.history:
        return 0
    return connection.execute(_SQL["forget_history"], {"before": now - kept.history, "limit": _AT_ONCE}).rowcount


def forget_recommendations(connection: Connection, now: datetime, kept: Kept) -> int:
    """Delete some recommendations of deliveries that a newer one has replaced; the newest of a target stays."""
    if not kept.history:
        return 0
    values = {"before": now - kept.history, "limit": _AT_ONCE}
    return connection.execute(_SQL["forget_recommendations"], values).rowcount


def forget_sent(connection: Connection, now: datetime, kept: Kept) -> int:
    """Delete what was sent."""
    return outbox.purge_sent(connection, now - kept.sent) if kept.sent else 0


def forget_suspects(connection: Connection, now: datetime, _kept: Kept) -> int:
    """Delete what is known of messages that were tried alone."""
    return suspects.forget(connection, now - _SUSPECT_FOR)


def forget_processes(connection: Connection, now: datetime, _kept: Kept) -> int:
    """Delete signs of life of processes that are gone."""
    return processes.forget(connection, now - _PROCESS_FOR)


def _drop_old(connection: Connection, table: str, now: datetime, kept: timedelta) -> int:
    """Drop the oldest partition that ends before what is kept begins.

    A table that somebody reads without an end keeps its old partitions until the next time: whoever waits to drop one
    makes all who write wait behind, so it is a short wait, and only one.
    """
    if not kept:
        return 0
    for name, day, end in partitions_of(connection, table):
        if datetime.combine(end, time(), UTC) > now - kept:
            break
        values = {"day": day, "end": end, "since": now - _REST}
        if PARTITIONED[table] != "day" and connection.execute(_SQL["was_sealed"], values).fetchone() == (True,):
            continue
        try:
            with connection.transaction():
                connection.execute(b"SET LOCAL lock_timeout = '2s'")
                connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(SCHEMA, name)))
        except LockNotAvailable:
            logger.warning("retention: %s.%s is in use: its old days stay until the next time", SCHEMA, table)
            break
        return 1
    return 0
