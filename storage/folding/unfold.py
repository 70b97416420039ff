"""Folded windows become rows of the ledger again, where something is to be done: for a late message, or a back-fill.

They are folded again later, and come to lie in the same ranges.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from storage.database import Connection
from storage.sql import load

_SQL = load("folding_ledger")

STAND_IN = datetime(2200, 1, 1, tzinfo=UTC)
"""When a run has started that stands for those of a window which are forgotten: it is newer than all of them."""
ALL_KEYS = b"*"
"""In the place of the keys of a batch: of what is forgotten nobody knows which points and rates it had."""

WindowKey = tuple[int, datetime]
"""target_id and the window's start."""


def unfold(connection: Connection, keys: Collection[WindowKey]) -> int:
    """Have those of these windows back that are folded, inside of the caller's transaction; how many there were.

    Who has locks on windows may call it: whoever folds waits for none.
    """
    if not keys:
        return 0
    found = connection.execute(_SQL["find"], _columns(sorted(keys))).fetchall()
    return _unfold(connection, [(target_id, start) for target_id, start in found])


def unfold_to_collect(connection: Connection, values: dict[str, Any]) -> int:
    """Have a number of folded windows collected again, in a transaction; how many, and again until it is 0.

    ``values`` are those of a back-fill: ``target_ids``, ``since``, ``until``, ``again``, ``backfill_id``, ``now`` and
    ``limit``.
    """
    with connection.transaction():
        found = connection.execute(_SQL["find_to_collect"], values).fetchall()
        keys = [(target_id, start) for target_id, start in found]
        _unfold(connection, keys)
        connection.execute(_SQL["collect_again"], values | _columns(keys))
    return len(keys)


def _unfold(connection: Connection, keys: Sequence[WindowKey]) -> int:
    if not keys:
        return 0
    # A statement of its own, after the lock: so it sees what others have committed meanwhile.
    values = _columns(keys) | {"stand_in": STAND_IN, "all_keys": ALL_KEYS}
    return connection.execute(_SQL["unfold"], values).rowcount


def _columns(keys: Sequence[WindowKey]) -> dict[str, Any]:
    return {"target_ids": [target_id for target_id, _ in keys], "starts": [start for _, start in keys]}
