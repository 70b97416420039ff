"""Sources that push: the targets that stand for them, and the windows that are made as their records come.

I1 of the ledger, for what nobody planned: only a source that the configuration names is let in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from storage.database import Connection
from storage.folding.unfold import unfold
from storage.sql import load
from telemetry.push.batches import GRIDS, PROVIDER, REGION, is_pushed
from telemetry.target import Target, Window, floor_time

_SQL = load("writer_pushed")
_LEDGER = load("writer_ledger")
_QUEUE = "push"
_UNSETTLED = "what was pushed for it was refused, or has not come whole; see finfleet dlq list"


def name_sources(connection: Connection, sources: Collection[str], now: datetime) -> None:
    """Let these sources push from now on, and no others. What others have pushed before stays."""
    values = {
        "provider": PROVIDER,
        "region": REGION,
        "queue": _QUEUE,
        "sources": sorted(sources),
        "services": list(GRIDS),
        "seconds": [int(grid.total_seconds()) for grid in GRIDS.values()],
        "now": now,
    }
    with connection.transaction():
        connection.execute(_SQL["name_sources"], values)
        connection.execute(_SQL["owe_nothing"], values)
        connection.execute(_SQL["forget_sources"], values)


def open_pushed(
    connection: Connection, targets: Mapping[Target, int], runs: Iterable[tuple[Target, Window]]
) -> frozenset[int]:
    """Make the windows of pushed runs where they are not there yet; the ids of the sources that may push.

    Before anything else is locked, in the order of their keys: so two writers wait for each other instead of
    deadlocking.
    """
    pushed = {(target, window) for target, window in runs if is_pushed(target) and target in targets}
    if not pushed:
        return frozenset()
    ids = sorted({targets[target] for target, _ in pushed})
    rows = connection.execute(_SQL["configured"], {"target_ids": ids, "queue": _QUEUE})
    configured = frozenset(target_id for (target_id,) in rows)
    wanted = sorted(
        (targets[target], window.start, window.end)
        for target, window in pushed
        if targets[target] in configured and on_grid(target, window)
    )
    columns = {
        "target_ids": [target_id for target_id, _, _ in wanted],
        "starts": [start for _, start, _ in wanted],
        "ends": [end for _, _, end in wanted],
        "unsettled": _UNSETTLED,
    }
    # Those that are there are held, so that none of them is folded before the others are made.
    held = {(row[0], row[1]) for row in connection.execute(_LEDGER["lock_windows"], columns)}
    unfold(connection, {(target_id, start) for target_id, start, _ in wanted} - held)
    connection.execute(_SQL["open_windows"], columns)
    return configured


def on_grid(target: Target, window: Window) -> bool:
    """Whether a window is one that the records of this target are kept in."""
    grid = GRIDS[target.service]
    return window.duration == grid and floor_time(window.start, grid) == window.start
