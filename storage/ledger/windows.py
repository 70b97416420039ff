"""Closed windows become rows of the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from storage.database import Connection
from storage.ledger.cut import cut, owed
from storage.sql import load
from telemetry.target import Window

LIVE_HORIZON = timedelta(minutes=10)
"""How long a worker that was running holds the samples of a live target."""
NO_SAMPLER = "no sampler was running, and a live target can only be measured as it happens"

_SQL = load("ledger_windows")

Owed = tuple[int, Window]
"""A target's id, and a window that it owes."""


def open_windows(
    connection: Connection,
    provider: str | None,
    service: str | None,
    now: datetime,
    *,
    limit: int = 10_000,
    live_horizon: timedelta = LIVE_HORIZON,
) -> int:
    """Plan the windows of a service that have closed since the last time, oldest first, and return their number.

    None stands for every provider, or every service of it.
    At most ``limit`` at once, shared between the targets: call again until it returns 0. Windows of a live target
    that ended before ``now - live_horizon`` are failed at once; those of a target that lacks a permission are denied
    at once, but for one that probes once ``denied_until`` has passed.
    """
    choice = {"now": now, "provider": provider, "service": service}
    with connection.transaction():
        found = [row[0] for row in connection.execute(_SQL["find_behind"], choice | {"limit": limit})]
        behind = connection.execute(_SQL["lock_behind"], {"now": now, "target_ids": found}).fetchall()
        if not behind:
            return 0
        share = max(1, limit // len(behind))
        ids = [row[0] for row in behind]
        pauses = _pauses(connection, ids)
        windows: list[Owed] = []
        reached: list[datetime] = []
        for target_id, seconds, planned_until, closed_until in behind:
            span = planned_until, closed_until, timedelta(seconds=seconds)
            own, until = _next_windows(*span, pauses[target_id], share)
            windows += [(target_id, window) for window in own]
            reached.append(until)
        insert_windows(connection, windows, now, live_horizon)
        connection.execute(_SQL["advance"], {"target_ids": ids, "planned_until": reached})
        settle_denied(connection, choice, limit)
    return len(windows)


def _next_windows(
    start: datetime,
    end: datetime,
    interval: timedelta,
    pauses: Sequence[tuple[datetime, datetime | None]],
    limit: int,
) -> tuple[list[Window], datetime]:
    """At most ``limit`` windows of ``[start, end)``, and up to where that is planned then."""
    windows: list[Window] = []
    for part in owed(start, end, pauses):
        for window in cut(*part, interval):
            if len(windows) == limit:
                return windows, windows[-1].end
            windows.append(window)
    return windows, end


def _pauses(connection: Connection, target_ids: list[int]) -> dict[int, list[tuple[datetime, datetime | None]]]:
    pauses: dict[int, list[tuple[datetime, datetime | None]]] = defaultdict(list)
    for target_id, paused_from, paused_until in connection.execute(_SQL["pauses"], {"target_ids": target_ids}):
        pauses[target_id].append((paused_from, paused_until))
    return pauses


def insert_windows(connection: Connection, windows: Sequence[Owed], now: datetime, live_horizon: timedelta) -> int:
    """Add windows to the ledger, due now, and return how many were new. The caller has locked their targets."""
    if not windows:
        return 0
    rows = {
        "target_ids": [target_id for target_id, _ in windows],
        "starts": [window.start for _, window in windows],
        "ends": [window.end for _, window in windows],
        "now": now,
        "live_since": now - live_horizon,
        "no_sampler": NO_SAMPLER,
    }
    return connection.execute(_SQL["insert_windows"], rows).rowcount


def settle_denied(connection: Connection, choice: dict[str, Any], limit: int) -> int:
    """Deny what is planned for targets that lack a permission, but for a probe; how many windows, ``limit`` at most.

    ``choice`` holds ``now`` and, or None, ``provider`` and ``service``.
    """
    return connection.execute(_SQL["settle_denied"], choice | {"limit": limit}).rowcount
