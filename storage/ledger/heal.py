"""The ledger mends itself: time that is owed and has no window, and windows whose permission has been granted."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from storage.database import Connection
from storage.ledger.cut import cut
from storage.ledger.windows import LIVE_HORIZON, Owed, insert_windows
from storage.sql import load
from telemetry.target import floor_time

_SQL = load("ledger_heal")
_AT_ONCE = 1_000_000
"""Windows that every healing looks at."""
_DAY = timedelta(days=1)


class Healed(NamedTuple):
    """What a healing did."""

    #: Windows that were missing.
    opened: int
    #: Denied windows that are due again.
    reopened: int


def heal_gaps(
    connection: Connection,
    now: datetime,
    *,
    limit: int = 10_000,
    live_horizon: timedelta = LIVE_HORIZON,
    reopen: timedelta = timedelta(days=7),
) -> Healed:
    """Plan what is missing between ``enabled_since`` and ``planned_until``, and try denied windows again.

    Denied windows that began before ``now - reopen``, or whose target still lacks the permission, stay as they are.
    At most ``limit`` windows are opened at once, the newest first: call again until ``opened`` is 0.

    Of a ledger of more than a million windows (half a second) a call looks only at the last two days; one in a hundred
    looks at everything.
    """
    opened = fill(connection, now, None, limit, live_horizon, since=_look_back(connection, now))
    reopened = connection.execute(_SQL["reopen_denied"], {"now": now, "since": now - reopen}).rowcount
    return Healed(opened, reopened)


def _look_back(connection: Connection, now: datetime) -> datetime | None:
    row = connection.execute(_SQL["estimate_windows"]).fetchone()
    if not row or row[0] <= _AT_ONCE or random.randrange(100) == 0:  # noqa: S311 - spreads work, keeps no secret
        return None
    return floor_time(now, _DAY) - _DAY


def fill(
    connection: Connection,
    now: datetime,
    target_ids: Sequence[int] | None,
    limit: int,
    live_horizon: timedelta,
    *,
    since: datetime | None = None,
) -> int:
    """Plan missing windows of these targets, or of all, and return how many; again until it returns 0.

    With ``since``, only of targets that miss one that began after it.
    """
    look = {"target_ids": target_ids, "since": since}
    gaps = connection.execute(_SQL["find_gaps"], look).fetchall()
    if not gaps:
        return 0
    suspects = {"target_ids": sorted({row[0] for row in gaps[:limit]}), "since": None}
    with connection.transaction():
        connection.execute(_SQL["lock_targets"], suspects)
        # Again, now that nobody else plans for them.
        gaps = connection.execute(_SQL["find_gaps"], suspects).fetchall()
        missing: list[Owed] = []
        for target_id, seconds, start, end in gaps:
            room = limit - len(missing)
            if room <= 0:
                break
            interval = timedelta(seconds=seconds)
            newest = floor_time(end - timedelta.resolution, interval) - (room - 1) * interval
            missing += [(target_id, window) for window in cut(max(start, newest), end, interval)]
        return insert_windows(connection, missing, now, live_horizon)
