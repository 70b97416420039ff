"""Messages that may be what ended an ingest.

Those that were held together when a process ended are all delivered again, and only one of them was to blame. So each
is tried alone, and before that it is noted here. The one that is noted again and again, and never cleared, is the one.
"""

from __future__ import annotations

from datetime import datetime

from storage.database import Connection
from storage.errors import translated
from storage.sql import load

_SQL = load("suspects")


def begin(connection: Connection, digest: bytes, now: datetime) -> int:
    """Note that this body is about to be tried alone; the number of tries, this one included."""
    with translated():
        row = connection.execute(_SQL["begin"], {"digest": digest, "now": now}).fetchone()
    return int(row[0]) if row else 1


def clear(connection: Connection, digest: bytes) -> None:
    """It came to an end: nothing is held against it."""
    with translated():
        connection.execute(_SQL["clear"], {"digest": digest})


def forget(connection: Connection, before: datetime) -> int:
    """Delete those that were last tried before a time; how many there were."""
    with translated():
        return connection.execute(_SQL["forget"], {"before": before}).rowcount


def probe(connection: Connection) -> None:
    """Write a row, and take it back; StorageError where the database takes nothing in."""
    with translated(), connection.transaction(force_rollback=True):
        connection.execute(b"SET LOCAL lock_timeout = '2s'")
        connection.execute(_SQL["probe"])
