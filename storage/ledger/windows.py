"""Closed windows become rows of the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from storage import locks
from storage.database import Connection
from storage.ledger.cut import cut, owed
from storage.sql import load
from telemetry.target import Window

LIVE_HORIZON = timedelta(minutes=10)
"""How long a worker that was running holds the samples of a live target."""
NO_SAMPLER = "no sampler was running, and a live target can only be measured as it happens"

_SQL = load("ledger_windows")

_AT_ONCE = 2000

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
        return _open(connection, choice, found, limit, live_horizon)


def open_closed(connection: Connection, provider: str, service: str, now: datetime) -> Iterator[int | None]:
    """The same for all that has closed, some thousands of windows at a time: yields how many, once they are committed.

    None, and no more, while another planner is at it. What is furthest behind may need several calls.
    """
    choice = {"now": now, "provider": provider, "service": service}
    found = [row[0] for row in connection.execute(_SQL["find_behind"], choice | {"limit": None})]
    for first in range(0, len(found), _AT_ONCE):
        with connection.transaction():
            if not locks.try_take(connection, locks.OPENING):
                yield None
                return
            opened = _open(connection, choice, found[first : first + _AT_ONCE], _AT_ONCE, LIVE_HORIZON)
        yield opened


def _open(
    connection: Connection, choice: dict[str, Any], target_ids: Sequence[int], limit: int, live_horizon: timedelta
) -> int:
    """Open at most ``limit`` windows of these targets, in the caller's transaction."""
    now = choice["now"]
    behind = connection.execute(_SQL["lock_behind"], {"now": now, "target_ids": target_ids}).fetchall()
    if not behind:
        return 0
    share = max(1, limit // len(behind))
    pauses = _pauses(connection, [row[0] for row in behind])
    as_opened = _as_opened(now, live_horizon)
    whole = {"target_ids": [row[0] for row in behind if row[0] not in pauses], "share": share}
    row = connection.execute(_SQL["open_whole"], {**whole, **as_opened}).fetchone()
    opened: int = row[0] if row else 0
    opened += _open_around(connection, [row for row in behind if row[0] in pauses], pauses, share, as_opened)
    settle_denied(connection, choice, limit)
    return opened


def _open_around(
    connection: Connection,
    behind: Sequence[tuple[Any, ...]],
    pauses: Mapping[int, Sequence[tuple[datetime, datetime | None]]],
    share: int,
    as_opened: Mapping[str, Any],
) -> int:
    """Open windows of targets that owe nothing of some time in between."""
    windows: list[Owed] = []
    reached: list[datetime] = []
    for target_id, seconds, planned_until, closed_until in behind:
        own, until = _next_windows(planned_until, closed_until, timedelta(seconds=seconds), pauses[target_id], share)
        windows += [(target_id, window) for window in own]
        reached.append(until)
    _insert(connection, windows, as_opened)
    if behind:
        connection.execute(_SQL["advance"], {"target_ids": [row[0] for row in behind], "planned_until": reached})
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
    return _insert(connection, windows, _as_opened(now, live_horizon))


def _insert(connection: Connection, windows: Sequence[Owed], as_opened: Mapping[str, Any]) -> int:
    if not windows:
        return 0
    rows = {
        "target_ids": [target_id for target_id, _ in windows],
        "starts": [window.start for _, window in windows],
        "ends": [window.end for _, window in windows],
    }
    return connection.execute(_SQL["insert_windows"], {**rows, **as_opened}).rowcount


def _as_opened(now: datetime, live_horizon: timedelta) -> dict[str, Any]:
    return {"now": now, "live_since": now - live_horizon, "no_sampler": NO_SAMPLER}


def settle_denied(connection: Connection, choice: dict[str, Any], limit: int) -> int:
    """Deny what is planned for targets that lack a permission, but for a probe; how many windows, ``limit`` at most.

    ``choice`` holds ``now`` and, or None, ``provider`` and ``service``.
    """
    return connection.execute(_SQL["settle_denied"], choice | {"limit": limit}).rowcount
