"""Locks that only finfleet can hold: rows of a table that people who read the views cannot even see.

An advisory lock would be free to whoever may connect, and one session of a report tool could stop the planner with it.
"""

from __future__ import annotations

from storage.database import Connection
from storage.sql import load

_SQL = load("locks")

ALLOCATION = "allocation"
"""One process at a time allocates: of two that replace a month, both would."""
DISPATCH = "dispatch"
"""One planner at a time hands out, so that the bound on what is in flight is one for all of them."""
OPENING = "opening"
"""One planner at a time opens what has just closed; who does it from a tick needs no lock."""
COST_SCOPES = "cost_scopes"
"""One transaction at a time says whose bill counts: of two that see not each other's, both would."""
PARTITIONS = "partitions"
"""One process at a time makes partitions."""
RATES = "rates"
"""One process at a time folds rates: it reads the intervals that it changes."""


def take(connection: Connection, name: str) -> None:
    """Hold the lock ``name`` until the transaction ends; StorageUnavailable where ``lock_timeout`` passes before."""
    if connection.execute(_SQL["take"], {"name": name}).rowcount == 0:
        # New, or its row is gone.
        connection.execute(_SQL["make"], {"name": name})
        connection.execute(_SQL["take"], {"name": name})


def try_take(connection: Connection, name: str) -> bool:
    """The same without any wait: whether the lock ``name`` is held now, until the transaction ends."""
    if connection.execute(_SQL["try_take"], {"name": name}).rowcount == 1:
        return True
    # New, or its row is gone; it stays as it is where somebody holds it.
    return (
        connection.execute(_SQL["is_there"], {"name": name}).rowcount == 0
        and connection.execute(_SQL["make"], {"name": name}).rowcount == 1
        and connection.execute(_SQL["try_take"], {"name": name}).rowcount == 1
    )
