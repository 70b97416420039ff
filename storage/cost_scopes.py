"""Whose costs the bills are of that settled their windows, and which counts where two targets tell of the same charges.

One account configured under two names, or a payer and its member: the provider's own account ids, which the lines bear,
find it out. ``reporting.cost_sources`` shows the rule at work, and ``reporting.costs`` what counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from storage import locks
from storage.bills import Settled, columns_of, summarise
from storage.database import Connection
from storage.sql import load
from storage.versions import differing_days, save_left_out, save_versions
from telemetry.costs import BILLED_PROVIDER
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


def save_bills(connection: Connection, settled: Sequence[Settled], now: datetime | None = None) -> None:
    """Note whose costs the bill of each of these windows is of, and what it comes to; last of a transaction.

    It is the bill from ``now`` on: of the database where None.
    """
    if not settled:
        return
    columns = {**columns_of(settled), "of": BILLED_PROVIDER}
    if connection.execute(_SQL["touched"], columns).fetchone() != (True,):
        return
    summarise(connection, settled)
    save_versions(connection, settled, now)
    # Before any row of it is changed: whoever holds the lock changes those of others too.
    locks.take(connection, locks.COST_SCOPES)
    days = {day for name in ("forget", "insert") for (day,) in connection.execute(_SQL[name], columns)}
    _judge(connection, days, now)


def judge_again(connection: Connection, now: datetime | None = None) -> int:
    """Let bills of targets that are configured take the place of those that are not any more; on how many days."""
    days = {day for (day,) in connection.execute(_SQL["outdated"])}
    unknown = differing_days(connection)
    with connection.transaction():
        if days or unknown:
            locks.take(connection, locks.COST_SCOPES)
        _judge(connection, days | unknown, now)
    return len(days)


def left_out(connection: Connection, *, since: datetime | None = None, limit: int = 20) -> list[LeftOut]:
    """Whose bill does not count, and which does instead; days from ``since`` on, the newest first."""
    if connection.execute(_SQL["has_sources"]).fetchone() != (True,):
        return []
    rows = connection.execute(_SQL["left_out"], {"since": since, "limit": limit})
    return [LeftOut(*row) for row in rows]


def _judge(connection: Connection, days: set[date], now: datetime | None) -> None:
    """Under the lock: of two transactions that see not each other's rows, both would let their own bill count."""
    if days:
        connection.execute(_SQL["judge"], {"days": sorted(days), "pushed": COSTS_SERVICE})
        save_left_out(connection, days, now)
