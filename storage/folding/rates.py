"""Folds rates: what is older than some hours becomes an interval for each price, state or type that held.

A rate that comes late is a row again, which counts over the interval that it lies in until it is folded too. So what
is there is what it would be if nothing were folded: of two rates of the same resource, start and period the one that
was written last (docs/adr/0016-rates-as-intervals.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import sql
from psycopg.errors import LockNotAvailable, UndefinedTable

from storage import locks
from storage.database import Connection
from storage.folding.intervals import Interval, overlay
from storage.names import SCHEMA
from storage.sql import load

_SQL = load("folding_rates")
_AFTER = timedelta(hours=2)
"""Most of what a window is read again for has come by then."""
_EMPTY_FOR = timedelta(days=2)
"""An empty day is dropped when it has been over for so long: what comes a little late needs no new one."""
_ROWS = 20_000
_FORGOTTEN = 10_000


def fold_rates(connection: Connection, now: datetime, *, after: timedelta = _AFTER, rows: int = _ROWS) -> int:
    """Fold some rates that began ``after`` before now or earlier, the oldest days first; how many rows, 0 for none.

    One transaction, and one at a time: another process that folds waits for it. A day that is empty is dropped, which
    counts as one.
    """
    before = now.astimezone(UTC) - after
    for name in [row[0] for row in connection.execute(_SQL["partitions"])]:
        if name.removeprefix("cost_rates_") > f"{before:%Y%m%d}":
            break
        try:
            done = _fold_some(connection, name, before, rows)
            if not done and name.removeprefix("cost_rates_") < f"{before - _EMPTY_FOR:%Y%m%d}":
                done = _drop_if_empty(connection, name)
        except UndefinedTable:
            continue  # retention has dropped it
        if done:
            return done
    return 0


def forget_intervals(connection: Connection, before: datetime) -> int:
    """Forget some intervals that ended before a time, and what began before it; how many rows, 0 for none."""
    values = {"before": before, "limit": _FORGOTTEN}
    with connection.transaction():
        return sum(connection.execute(_SQL[name], values).rowcount for name in ("forget", "forget_starts"))


def _fold_some(connection: Connection, partition: str, before: datetime, rows: int) -> int:
    with connection.transaction():
        locks.take(connection, locks.RATES)
        found = connection.execute(_of(partition, "take"), {"before": before, "limit": rows}).fetchall()
        if not found:
            return 0
        new = [_interval(row) for row in found]
        touched = [_interval(row) for row in connection.execute(_SQL["touched"], _columns(new))]
        known = {one.identity: one for one in touched}
        merged = {one.identity: one for one in overlay(known.values(), new)}
        connection.execute(_SQL["delete"], _columns([known[key] for key in known.keys() - merged.keys()]))
        connection.execute(_SQL["insert"], _columns([merged[key] for key in merged.keys() - known.keys()]))
        return sum(row[-1] for row in found)


def _drop_if_empty(connection: Connection, partition: str) -> int:
    """Drop it; 0 where somebody uses it, who is not waited for: everybody else would wait behind."""
    try:
        with connection.transaction():
            connection.execute(b"SET LOCAL lock_timeout = '100ms'")
            connection.execute(_of(partition, "lock_empty"))
            if connection.execute(_of(partition, "is_empty")).fetchone() != (True,):
                return 0
            connection.execute(_of(partition, "drop"))
    except LockNotAvailable:
        return 0
    return 1


def _of(partition: str, name: str) -> sql.Composed:
    return sql.SQL(_SQL[name].decode()).format(partition=sql.Identifier(SCHEMA, partition))


def _interval(row: Sequence[Any]) -> Interval:
    resource_id, period, phase, month, *rest = row[:10]
    return Interval((resource_id, period, phase, month), *rest)


def _columns(intervals: Sequence[Interval]) -> dict[str, list[Any]]:
    return {
        "resource_id": [one.chain[0] for one in intervals],
        "period": [one.chain[1] for one in intervals],
        "phase": [one.chain[2] for one in intervals],
        "month": [one.chain[3] for one in intervals],
        "start": [one.start for one in intervals],
        "until": [one.until for one in intervals],
        "amount": [one.amount for one in intervals],
        "currency": [one.currency for one in intervals],
        "basis": [one.basis for one in intervals],
        "resource_type": [one.resource_type for one in intervals],
    }
