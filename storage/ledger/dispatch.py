"""Due windows are handed out, each as a numbered attempt with a lease."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from storage import locks
from storage.database import Connection
from storage.ledger.backfills import payable
from storage.ledger.windows import settle_denied
from storage.sql import load
from telemetry.target import Target, Window

_SQL = load("ledger_dispatch")


@dataclass(frozen=True)
class Dispatch:
    """One attempt at a window, to be sent to ``queue``."""

    target: Target
    window: Window
    #: From 1, counted by the ledger.
    attempt: int
    queue: str
    target_id: int


def take_due(
    connection: Connection,
    provider: str | None,
    now: datetime,
    *,
    lease: timedelta,
    max_attempts: int,
    max_in_flight: int,
    limit: int = 1000,
    service: str | None = None,
) -> list[Dispatch]:
    """Take at most ``limit`` due windows of ``provider`` (None: of every one), the newest first.

    No more than leave ``max_in_flight`` of each provider out. Due are: what was never collected; what failed and may be
    tried again; what was handed out and not reported before its ``lease`` ended; and, after all of those, settled
    windows whose refresh is due. One planner gets a window.

    A lost attempt is no answer, so it never makes a window ``failed``: without a worker the window stays open, however
    often it is handed out, its reason is among the troubles and the target's lag grows. That is what I2 asks for:
    nothing stays in between unseen, and nothing is given up that nobody tried. Each loss makes it wait longer, to an
    hour at the most: it may be what ends its workers. A refresh is put off by a day after ``max_attempts`` losses.

    Of a back-fill with a budget only so many are taken as what is left of it pays for.

    What is returned is committed. Send it, and :func:`give_back` what cannot be sent.
    """
    choice: dict[str, Any] = {"now": now, "provider": provider, "service": service}
    with connection.transaction():
        locks.take(connection, locks.DISPATCH)
        settle_denied(connection, choice, 10 * limit)
        connection.execute(_SQL["settle_lost"], {"now": now, "max_attempts": max_attempts, "limit": 10 * limit})
        free = {
            name: min(limit, max_in_flight - out)
            for name, out in connection.execute(_SQL["count_in_flight"], choice)
            if out < max_in_flight
        }
        paid = payable(connection, choice, limit)
        budgets = {"budgeted": paid.backfill_ids, "paid_targets": paid.target_ids, "paid_starts": paid.starts}
        taken = _take(connection, "take_planned", choice | budgets | {"lease_end": now + lease}, free, limit)
        for dispatch in taken:
            free[dispatch.target.provider] -= 1
        more = limit - len(taken)
        taken += _take(connection, "take_refreshes", choice | {"lease_end": now + lease}, free, more)
    return taken


def _take(
    connection: Connection, statement: str, choice: Mapping[str, Any], free: Mapping[str, int], limit: int
) -> list[Dispatch]:
    free_slots = {provider: slots for provider, slots in free.items() if slots > 0}
    if not free_slots or limit <= 0:
        return []
    values = {**choice, "providers": list(free_slots), "rooms": list(free_slots.values()), "limit": limit}
    rows = connection.execute(_SQL[statement], values).fetchall()
    taken = [
        Dispatch(Target(*place), Window(start, end), attempt, queue, target_id)
        for target_id, *place, queue, start, end, attempt in rows
    ]
    return sorted(taken, key=lambda dispatch: (dispatch.window.start, dispatch.target), reverse=True)


def give_back(connection: Connection, dispatches: Sequence[Dispatch], delay: timedelta, now: datetime) -> int:
    """Return what could not be sent: due again at ``now + delay``, and no failure of the window. The number returned.

    An attempt that was reported or superseded meanwhile is left alone, so the number may be smaller.
    """
    rows = {
        "target_ids": [dispatch.target_id for dispatch in dispatches],
        "starts": [dispatch.window.start for dispatch in dispatches],
        "attempts": [dispatch.attempt for dispatch in dispatches],
        "due_at": now + delay,
    }
    return connection.execute(_SQL["give_back"], rows).rowcount
