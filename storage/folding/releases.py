"""Whether processes of another release live, which know less of what is folded."""

from __future__ import annotations

from datetime import timedelta
from importlib.metadata import version

from storage.database import Connection
from storage.sql import load

_SQL = load("folding_ledger")
_SILENT = timedelta(minutes=10)


def others_live(connection: Connection) -> bool:
    """Whether one that may write to the ledger has given a sign of life lately."""
    row = connection.execute(_SQL["others"], {"version": version("finfleet"), "silent": _SILENT}).fetchone()
    return bool(row and row[0])
