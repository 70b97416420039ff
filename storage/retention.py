"""What the database forgets: sent entries of the outbox, old runs with their batches, whole days of readings."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from psycopg import sql
from psycopg.errors import LockNotAvailable

from storage import outbox, processes, suspects
from storage.database import Connection
from storage.folding.runs import forget_runs
from storage.names import PARTITIONED, SCHEMA
from storage.sql import load

_SQL = load("retention")
logger = logging.getLogger(__name__)
_SUSPECT_FOR = timedelta(days=30)
_PROCESS_FOR = timedelta(days=1)


class Forgotten(NamedTuple):
    """What was deleted."""

    #: Entries of the outbox that were sent.
    sent: int
    #: Runs of settled windows.
    runs: int
    #: Partitions, a day of readings each.
    days: int


def forget(
    connection: Connection,
    now: datetime,
    *,
    points: timedelta,
    runs: timedelta,
    sent: timedelta,
    pushes: timedelta = timedelta(0),
) -> Forgotten:
    """Delete what is older than that; zero keeps it for ever. Outside of a transaction: it takes many short ones.

    What the ledger says of a window stays, and of a window that is not folded the run that settled it; of other runs a
    summary of their day. Runs of what was pushed stay while their windows may be
    pushed to, which is for ``pushes``: by them it is known what came before.
    """
    suspects.forget(connection, now - _SUSPECT_FOR)
    processes.forget(connection, now - _PROCESS_FOR)
    return Forgotten(
        sent=outbox.purge_sent(connection, now - sent) if sent else 0,
        runs=_forget_runs(connection, now - runs, now - pushes if pushes else None) if runs else 0,
        days=_drop_days(connection, now - points) if points else 0,
    )


def _forget_runs(connection: Connection, before: datetime, pushes_before: datetime | None) -> int:
    forgotten = 0
    while count := forget_runs(connection, before, pushes_before):
        forgotten += count
    return forgotten


def _drop_days(connection: Connection, before: datetime) -> int:
    """Drop the partitions of whole days before a time.

    A table that somebody reads without an end keeps its old days until the next time: whoever waits to drop one makes
    all who write wait behind, so it is a short wait, and only one.
    """
    last = f"{before.astimezone(UTC):%Y%m%d}"
    dropped = 0
    for table in PARTITIONED:
        names = [row[0] for row in connection.execute(_SQL["partitions"], {"table": f"{SCHEMA}.{table}"})]
        for name in names:
            if name.removeprefix(f"{table}_") >= last:
                continue
            try:
                _drop(connection, name)
            except LockNotAvailable:
                logger.warning("retention: %s.%s is in use: its old days stay until the next time", SCHEMA, table)
                break
            dropped += 1
    return dropped


def _drop(connection: Connection, name: str) -> None:
    with connection.transaction():
        connection.execute(b"SET LOCAL lock_timeout = '2s'")
        connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(SCHEMA, name)))
