"""Adds up bills that came before there were summaries, or from a writer of a former release."""

from __future__ import annotations

from datetime import datetime

from storage.bills import note_unknown, summarise, unsummarised
from storage.database import Connection
from storage.versions import save_days

_RUNS = 200
_LINES = 100_000
_NOTED = 1_000


def fold_bills(connection: Connection, now: datetime, *, runs: int = _RUNS, lines: int = _LINES) -> int:  # noqa: ARG001 - as every step of maintenance
    """Add up a few whole runs, those of the newest windows first; how many, 0 where none is left.

    One transaction, which leaves what another process has at hand to it. Bills of this release are added up by the
    transaction that settles them.
    """
    with connection.transaction():
        found = unsummarised(connection, runs=runs, lines=lines)
        if not found:
            return note_unknown(connection, limit=_NOTED)
        summarise(connection, found, marking=True)
        save_days(connection, found)
    return len(found)
