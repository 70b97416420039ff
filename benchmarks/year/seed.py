"""Fill an empty, migrated database with a year: see `Size` for how much of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from psycopg import sql

from benchmarks.year.folding import fold
from benchmarks.year.owners import allocate, bring_rates
from benchmarks.year.past import Folded, folded, note_bills, repeat_sealed_days
from storage import partitions
from storage.database import Connection
from storage.names import SCHEMA

DAY = timedelta(days=1)
_ACCOUNTS, _LEAST_ACCOUNTS = 20, 4
_RESOURCES, _LINES, _LETTERS = 5_000, 3_000_000, 2_000
_YEAR, _MONTH = 365, 30
_HOT, _RATES, _ROWS = 3, 2, 4
"""Days of points, of rates and of windows that are written as collections write them, where older ones are folded."""
_READINGS = {"points": "points", "cost_rates": "rates"}
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
        return max(40, round(_RESOURCES * self._root))

    @property
    def year(self) -> int:
        """Days of the ledger and of the bills."""
        return max(6, round(_YEAR * self._root))

    @property
    def month(self) -> int:
        """Days of points, of rates and of runs, today included."""
        return max(4, round(_MONTH * self._root))

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
    """Fill the tables, each in a transaction of its own, and fold what is old."""
    there = folded(connection)
    today = now.replace(hour=0, minute=0, second=0)
    points_since = today - (min(size.month, _HOT) if there.points else size.month) * DAY + DAY
    rates_since = today - (min(size.month, _RATES) if there.rates else size.month) * DAY + DAY
    since = now - size.year * DAY
    values = {
        "now": now,
        "since": since,
        "runs_since": now - size.month * DAY,
        "rows_since": today - _ROWS * DAY if there.ledger else since - DAY,
        "rates_since": rates_since,
        "accounts": size.accounts,
        "resources": size.resources,
        "lines": size.lines,
        "letters": size.letters,
        "month": size.month,
        "year": size.year,
        "version": version("finfleet"),
    }
    connection.execute("SET synchronous_commit TO off")
    connection.execute("SET statement_timeout TO 0")
    _once(connection, values, there)
    for back in reversed(range(size.month)):
        _day_of_readings(connection, today - back * DAY, values, points=points_since, rates=rates_since)
    fold(connection, now)
    if there.versions:
        _run(connection, "deliveries", values)
        note_bills(connection)
    if there.recommendations:
        _run(connection, "recommendations", values)
        _run(connection, "invoices", values)
    if there.points:
        repeat_sealed_days(connection, values)
    if there.anomalies:
        _run(connection, "anomalies", values)
    _vacuum(connection)
    allocate(connection, now)
    bring_rates(connection, since.date() - DAY * 7, now.date())
    _vacuum(connection)
    connection.execute("RESET synchronous_commit")


def _once(connection: Connection, values: Mapping[str, Any], there: Folded) -> None:
    for name in ("targets", "resources", "series"):
        _run(connection, name, values)
    for name, table in (("ledger", "collections"), ("runs", "runs"), ("costs", "cost_lines")):
        with _indexes_later(connection, table):
            _run(connection, name, values)
    for name in ("run_days", "scopes", "batches", "outbox", "letters", "processes"):
        _run(connection, name, values)
    connection.execute(_text("prices"))
    if there.ledger:
        _run(connection, "ranges", values)
    if there.rates:
        _run(connection, "intervals", values)
        _run(connection, "starts", values)
    _vacuum(connection)


def _day_of_readings(
    connection: Connection, start: datetime, values: Mapping[str, Any], *, points: datetime, rates: datetime
) -> None:
    """Those that are rows: of days since ``points`` and ``rates``."""
    tables = [name for name, since in (("points", points), ("cost_rates", rates)) if start >= since]
    partitions.create(connection, [(table, start.date()) for table in tables])
    end = min(start + DAY, values["now"] - _DELAY)
    numbers = {"first": int(start.timestamp()) // _PERIOD, "last": int(end.timestamp()) // _PERIOD - 1}
    for table in tables:
        _run(connection, _READINGS[table], {**values, **numbers, "day": start})


def _vacuum(connection: Connection) -> None:
    """As autovacuum would sooner or later; of a table with partitions, these as well."""
    rows = connection.execute(
        "SELECT relname FROM pg_class"
        " WHERE relnamespace = %s::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition",
        (SCHEMA,),
    )
    tables = sql.SQL(", ").join(sql.Identifier(SCHEMA, row[0]) for row in rows)
    connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(tables))


def _run(connection: Connection, name: str, values: Mapping[str, Any]) -> None:
    connection.execute(_text(name).replace(b"{windows}", _text("windows")), values)


def _text(name: str) -> bytes:
    return files("benchmarks").joinpath("year", f"{name}.sql").read_bytes()


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
