"""Which processes of the fleet live: each gives a sign every few seconds.

Ages are by the database's clock alone. A process that ends in order says so; one that says nothing any more has died,
or hangs, or cannot reach us.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection
from storage.errors import translated
from storage.sql import load
from telemetry.presence import Sign, fitting

_SQL = load("processes")
MOST = 10_000
"""Rows: no sender can fill a disk with processes that it has invented."""
TOLD_FOR = timedelta(hours=1)
"""How long a process that has vanished is told of."""


class Process(NamedTuple):
    """One that lives, or has vanished, or has ended in order a moment ago."""

    process_id: UUID
    role: str
    queues: str
    host: str
    machine: str
    pid: int
    version: str
    started_at: datetime
    first_seen: datetime
    last_seen: datetime
    #: Seconds since the last sign.
    silent: float
    stopped: bool
    trouble: str
    #: How many tasks it runs at once; 0: not known, or none.
    threads: int = 0


def tell(connection: Connection, signs: Sequence[Sign]) -> None:
    """Note signs of life."""
    kept = [fitting(sign) for sign in {sign.process_id: sign for sign in signs}.values()]
    columns = {
        "process_ids": [sign.process_id for sign in kept],
        "roles": [sign.role for sign in kept],
        "queues": [" ".join(sign.queues) for sign in kept],
        "hosts": [sign.host for sign in kept],
        "machines": [sign.machine for sign in kept],
        "pids": [sign.pid for sign in kept],
        "versions": [sign.version for sign in kept],
        "started_at": [datetime.fromtimestamp(sign.started_at, UTC) for sign in kept],
        "stopped": [sign.stopped for sign in kept],
        "troubles": [sign.trouble for sign in kept],
        "threads": [sign.threads for sign in kept],
        "most": MOST,
    }
    with translated():
        connection.execute(_SQL["tell"], columns)


def listing(connection: Connection) -> list[Process]:
    """Those of the last :data:`TOLD_FOR`, by role and start."""
    with translated(), connection.cursor(row_factory=class_row(Process)) as cursor:
        return cursor.execute(_SQL["listing"], {"within": TOLD_FOR}).fetchall()


def consumers(connection: Connection, silent_for: timedelta) -> list[tuple[frozenset[str], int]]:
    """The queues that each worker consumes which gave a sign within this time, and its threads: 0 where not known."""
    with translated():
        rows = connection.execute(_SQL["consumers"], {"within": silent_for}).fetchall()
    return [(frozenset(queues.split()), threads) for queues, threads in rows]


def newest(connection: Connection) -> float | None:
    """Seconds since any process gave a sign, however long ago; None where none ever did."""
    with translated():
        row = connection.execute(_SQL["newest"]).fetchone()
    return row[0] if row else None


def forget(connection: Connection, before: datetime) -> int:
    """Delete those that were last seen before a time; how many there were."""
    with translated():
        return connection.execute(_SQL["forget"], {"before": before}).rowcount
