"""Whether a database takes something in: a disk may be full, or the server read-only, and still answer whoever asks."""

from __future__ import annotations

import os

from storage.database import Connection
from storage.errors import translated
from storage.sql import load

_SQL = load("room")
_BYTES = 64 * 1024
"""More than a page has left, and nothing that could be compressed: a file has to grow for it."""


def probe(connection: Connection) -> None:
    """Write so much, and take it back; StorageError where the database takes nothing in."""
    values = {"number": -int.from_bytes(os.urandom(6)), "digest": os.urandom(32), "body": os.urandom(_BYTES)}
    with translated(), connection.transaction(force_rollback=True):
        connection.execute(b"SET LOCAL lock_timeout = '2s'")
        connection.execute(_SQL["probe"], values)
