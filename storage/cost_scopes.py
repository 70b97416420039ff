"""Whose costs the bills are of that settled their windows, and which counts where two targets tell of the same charges.

One account configured under two names, or a payer and its member: the provider's own account ids, which the lines bear,
find it out. ``reporting.cost_sources`` shows the rule at work, and ``reporting.costs`` what counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from storage import locks
from storage.database import Connection
from storage.sql import load
from telemetry.push.batches import COSTS_SERVICE

_SQL = load("cost_scopes")


class LeftOut(NamedTuple):
    """A target of whose bill something does not count, since that of another one does."""

    target: str
    counted_from: str
    reason: str
    #: Billed accounts, by the provider's own ids.
    accounts: int
    first_day: date
    last_day: date


def save_scopes(connection: Connection, settled: Sequence[tuple[tuple[int, datetime], UUID | None]]) -> None:
    """Note whose costs the bill of each of these windows is of, by its target, start and run; last of a transaction."""
    if not settled:
        return
    columns: dict[str, Any] = {
        "target_ids": [target_id for (target_id, _), _ in settled],
        "starts": [start for (_, start), _ in settled],
        "runs": [run for _, run in settled],
    }
    days = {day for name in ("forget", "insert") for (day,) in connection.execute(_SQL[name], columns)}
    _judge(connection, days)


def judge_again(connection: Connection) -> int:
    """Let bills of targets that are configured take the place of those that are not any more; on how many days."""
    days = {day for (day,) in connection.execute(_SQL["outdated"])}
    with connection.transaction():
        _judge(connection, days)
    return len(days)


def left_out(connection: Connection, *, since: datetime | None = None, limit: int = 20) -> list[LeftOut]:
    """Whose bill does not count, and which does instead; days from ``since`` on, the newest first."""
    rows = connection.execute(_SQL["left_out"], {"since": since, "limit": limit})
    return [LeftOut(*row) for row in rows]


def _judge(connection: Connection, days: set[date]) -> None:
    if days:
        locks.take(connection, locks.COST_SCOPES)
        connection.execute(_SQL["judge"], {"days": sorted(days), "pushed": COSTS_SERVICE})
