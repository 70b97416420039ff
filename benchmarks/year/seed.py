"""Fill an empty, migrated database with a year: see `Size` for how much of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from typing import Any

from storage import partitions
from storage.database import Connection
from storage.names import PARTITIONED

DAY = timedelta(days=1)
_ACCOUNTS, _LEAST_ACCOUNTS = 20, 4
_RESOURCES, _LINES, _LETTERS = 5_000, 3_000_000, 2_000
_YEAR, _MONTH = 365, 30
_PERIOD = 300
_DELAY = timedelta(minutes=10)
_RESTATED = 1.1
"""Readings of a day of a bill, as ledger.sql has them."""


@dataclass(frozen=True)
class Size:
    """A year at ``scale`` 1: three clouds, 20 accounts, 5,000 resources.

    A smaller scale shortens time and width by its root, so that the number of rows follows it.
    """

    scale: float = 1.0

    @property
    def accounts(self) -> int:
        """Of all clouds; four have one of each."""
        return max(_LEAST_ACCOUNTS, round(_ACCOUNTS * self._root))

    @property
    def resources(self) -> int:
        """Of all accounts; each has five metrics."""
        return max(60, round(_RESOURCES * self._root))

    @property
    def year(self) -> int:
        """Days of the ledger and of the bills."""
        return max(3, round(_YEAR * self._root))

    @property
    def month(self) -> int:
        """Days of points, of rates and of runs, today included."""
        return max(2, round(_MONTH * self._root))

    @property
    def lines(self) -> int:
        """Of a bill of one day."""
        bills = (self.accounts + 1) * self.year * _RESTATED
        return max(20, math.ceil(_LINES * self.scale / bills))

    @property
    def letters(self) -> int:
        """Dead ones."""
        return max(20, round(_LETTERS * self.scale))

    @property
    def _root(self) -> float:
        return math.sqrt(self.scale)


def clock(connection: Connection) -> datetime:
    """The database's time, a moment after a window of five minutes has closed: that is when the year ends."""
    ((now,),) = connection.execute("SELECT date_bin('5 minutes', now(), timestamptz 'epoch') + interval '1 second'")
    at: datetime = now
    return at.astimezone(UTC)


def seed(connection: Connection, size: Size, now: datetime) -> None:
    """Fill the tables, each in a transaction of its own."""
    since = now - size.year * DAY
    values = {
        "now": now,
        "since": since,
        "runs_since": now - size.month * DAY,
        "accounts": size.accounts,
        "resources": size.resources,
        "lines": size.lines,
        "letters": size.letters,
    }
    connection.execute("SET synchronous_commit TO off")
    connection.execute("SET statement_timeout TO 0")
    for name in ("targets", "resources", "series"):
        _run(connection, name, values)
    for name, table in (("ledger", "collections"), ("runs", "runs"), ("costs", "cost_lines")):
        with _indexes_later(connection, table):
            _run(connection, name, values)
    for name in ("scopes", "batches", "outbox", "letters", "processes"):
        _run(connection, name, values)
    connection.execute("VACUUM ANALYZE")
    today = now.date()
    for back in reversed(range(size.month)):
        _day_of_readings(connection, today - back * DAY, values)
    connection.execute("VACUUM ANALYZE")
    connection.execute("RESET synchronous_commit")


def _day_of_readings(connection: Connection, day: date, values: Mapping[str, Any]) -> None:
    partitions.create(connection, [(table, day) for table in PARTITIONED])
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    end = min(start + DAY, values["now"] - _DELAY)
    numbers = {"first": int(start.timestamp()) // _PERIOD, "last": int(end.timestamp()) // _PERIOD - 1}
    for name in ("points", "rates"):
        _run(connection, name, {**values, **numbers, "day": start})


def _run(connection: Connection, name: str, values: Mapping[str, Any]) -> None:
    statement = files("benchmarks").joinpath("year", f"{name}.sql").read_bytes()
    connection.execute(statement, values)


@contextmanager
def _indexes_later(connection: Connection, table: str) -> Iterator[None]:
    """Without the indexes of a table that are no constraints: to make them once is faster than row by row."""
    found = connection.execute(
        """
        SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
          FROM pg_index AS i
         WHERE i.indrelid = ('finfleet.' || %s)::regclass
           AND NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = i.indexrelid)
        """,
        (table,),
    ).fetchall()
    for name, _ in found:
        connection.execute(f"DROP INDEX {name}".encode())
    yield
    for _, definition in found:
        connection.execute(definition.encode())
