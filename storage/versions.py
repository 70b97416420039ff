"""Versions of bills: which reading was the bill of its window when, and when what of it did not count.

Both are written by the transaction that changes them, and outlive the runs: ``reporting.costs_as_of`` and
``reporting.bill_versions`` read them. What a run came to stays with its version when the run is forgotten.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime

from storage.bills import Settled, columns_of
from storage.database import Connection
from storage.sql import load

_SQL = load("versions")


def save_versions(connection: Connection, settled: Sequence[Settled], now: datetime | None) -> None:
    """Note that these runs are the bills of their windows from ``now`` on; where None, since they are whole."""
    connection.execute(_SQL["save"], columns_of(settled) | {"now": now})
    save_days(connection, settled)


def save_days(connection: Connection, settled: Sequence[Settled]) -> None:
    """Note which days these runs have charges of, once they are added up."""
    connection.execute(_SQL["save_days"], columns_of(settled))


def save_left_out(connection: Connection, days: Collection[date], now: datetime | None) -> None:
    """Note what does not count from ``now`` on of these days, under the lock of those who judge it."""
    connection.execute(_SQL["save_left_out"], {"days": sorted(days), "now": now})


def differing_days(connection: Connection) -> set[date]:
    """Days that a writer of a former release has judged."""
    return {day for (day,) in connection.execute(_SQL["differing"])}


def note_versions(connection: Connection, *, limit: int = 1_000) -> int:
    """Note some bills that a writer of a former release has settled; how many."""
    with connection.transaction():
        found = connection.execute(_SQL["unknown"], {"limit": limit}).fetchall()
        if found:
            save_versions(connection, [((target_id, start), run_id) for target_id, start, run_id in found], None)
    return len(found)
