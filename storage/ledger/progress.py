"""How far the ledger is."""

from __future__ import annotations

from collections import defaultdict

from storage.database import Connection
from storage.sql import load

_SQL = load("ledger_progress")


def count_states(connection: Connection) -> dict[str, dict[str, int]]:
    """Windows of enabled targets by provider and state; a state without windows is left out."""
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for provider, state, count in connection.execute(_SQL["count_states"]):
        counts[provider][state] = count
    return dict(counts)


def is_settled(connection: Connection) -> bool:
    """Whether no window of an enabled target is planned or out."""
    row = connection.execute(_SQL["is_settled"]).fetchone()
    return bool(row and row[0])
