"""The ledger mends itself: time that is owed and has no window, and windows that can be collected after all."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from storage.database import Connection
from storage.ledger.backfills import withdraw_late
from storage.ledger.cut import cut
from storage.ledger.windows import LIVE_HORIZON, Owed, insert_windows
from storage.sql import load
from telemetry.target import floor_time

_SQL = load("ledger_heal")
_AT_ONCE = 1_000_000
"""Windows that every healing looks at."""
_SHARDS = 100
"""Of a larger ledger, healings until every window was looked at once, or about that many."""
_MOST_TARGETS = 500
"""Targets that are locked while their gaps are filled."""
_DAY = timedelta(days=1)


class Healed(NamedTuple):
    """What a healing did."""

    #: Windows that were missing.
    opened: int
    #: Denied and failed windows, and those of which a part was refused, that are due again.
    reopened: int


def heal_gaps(
    connection: Connection,
    now: datetime,
    *,
    limit: int = 10_000,
    live_horizon: timedelta = LIVE_HORIZON,
    reopen: timedelta = timedelta(days=7),
) -> Healed:
    """Plan what is missing between ``enabled_since`` and ``planned_until``, and try denied and failed windows again.

    What a back-fill has opened that was cancelled meanwhile, and came to nothing, is withdrawn before.

    Denied windows that began before ``now - reopen``, or whose target still lacks the permission, stay as they are:
    how long a permission was missing says nothing of whether anybody still wants that time.

    A failed window is tried once more as soon as its target has answered since, whenever that is: an outage heals when
    its cause is gone, and what answered is a newer window of the target. Of a target that does not answer one window
    probes, the newest. A window that fails again waits for as long as it has failed, between an hour and a day, and
    stays failed after ``reopen``: about a dozen calls more than it took to fail. Live targets have nothing to give.

    A settled window of which a part was refused is read again at that pace too, for ``reopen``: as soon as a newer one
    of its target has come without that refusal, whether a permission was granted or an outage is over.

    At most ``limit`` windows are opened at once, and as many of each kind made due, the newest first: call again until
    ``opened`` is 0.

    Of a ledger of more than a million windows (half a second) a call looks only at the last two days of all targets,
    and at everything of one target in a hundred.
    """
    withdraw_late(connection, limit)
    if _is_large(connection):
        opened = fill(connection, now, None, limit, live_horizon, since=floor_time(now, _DAY) - _DAY)
        shard = random.randrange(_SHARDS)  # noqa: S311 - spreads work, keeps no secret
        if opened < limit:
            opened += fill(connection, now, None, limit - opened, live_horizon, shard=shard)
    else:
        opened = fill(connection, now, None, limit, live_horizon)
    again = {"now": now, "limit": limit}
    reopened = connection.execute(_SQL["reopen_denied"], again | {"since": now - reopen}).rowcount
    reopened += connection.execute(_SQL["reopen_failed"], again | {"reopen": reopen}).rowcount
    reopened += connection.execute(_SQL["reopen_refused"], again | {"reopen": reopen}).rowcount
    return Healed(opened, reopened)


def _is_large(connection: Connection) -> bool:
    row = connection.execute(_SQL["estimate_windows"]).fetchone()
    return bool(row and row[0] > _AT_ONCE)


def fill(
    connection: Connection,
    now: datetime,
    target_ids: Sequence[int] | None,
    limit: int,
    live_horizon: timedelta,
    *,
    since: datetime | None = None,
    shard: int | None = None,
) -> int:
    """Plan missing windows of these targets, or of all, and return how many; again until it returns 0.

    With ``since``, only of targets that miss one that began after it; with ``shard``, only of one target in a hundred.
    """
    look: dict[str, Any] = {"target_ids": target_ids, "shard": shard, "shards": _SHARDS, "limit": limit}
    if target_ids is None and shard is None:
        gaps = connection.execute(_SQL["find_gaps"], {"since": since, "limit": limit}).fetchall()
    else:
        gaps = connection.execute(_SQL["find_gaps_of"], look).fetchall()
    if not gaps:
        return 0
    behind = list(dict.fromkeys(row[0] for row in gaps))[:_MOST_TARGETS]
    suspects = look | {"target_ids": sorted(behind), "shard": None}
    with connection.transaction():
        connection.execute(_SQL["lock_targets"], suspects)
        # Again, now that nobody else plans for them.
        gaps = connection.execute(_SQL["find_gaps_of"], suspects).fetchall()
        missing: list[Owed] = []
        for target_id, seconds, start, end in gaps:
            room = limit - len(missing)
            if room <= 0:
                break
            interval = timedelta(seconds=seconds)
            newest = floor_time(end - timedelta.resolution, interval) - (room - 1) * interval
            missing += [(target_id, window) for window in cut(max(start, newest), end, interval)]
        return insert_windows(connection, missing, now, live_horizon)
