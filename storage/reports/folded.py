"""What is told of a database that is not migrated yet: it has nothing folded, and no table for it."""

from __future__ import annotations

from storage.database import Connection
from storage.sql import load

_SQL = load("folded")
_TABLE = b"finfleet.folded_windows AS f"


def as_there(connection: Connection, statement: bytes) -> bytes:
    """``statement`` for this database: `finfleet status` tells of the former release's too, before an upgrade."""
    row = connection.execute(_SQL["is_there"]).fetchone()
    return statement if row and row[0] else statement.replace(_TABLE, b"(" + _SQL["nothing"] + b") AS f")
