"""Partitions of the tables that have them, a day, a month or a year each, made on demand.

A partition is made in a transaction of its own, before the one that needs it: its lock is short, and whoever writes
to other days goes on. Which exist is remembered, so the common case asks nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from psycopg import sql

from storage import locks
from storage.database import Connection
from storage.names import PARTITIONED, SCHEMA
from storage.sql import load

_SQL = load("partitions")
_AT_ONCE = 50
_AHEAD = 2
_FORMS = {"day": "%Y%m%d", "month": "%Y%m", "year": "%Y"}

Partition = tuple[str, date]
"""The table (``points``, ``cost_rates`` ...) and a day in UTC that the partition holds."""


class PartitionsMissing(Exception):
    """The transaction cannot go on until these exist."""

    def __init__(self, partitions: frozenset[Partition]) -> None:
        super().__init__(partitions)
        self.partitions = partitions


class Partitions:
    """Which partitions exist, as far as was asked."""

    def __init__(self) -> None:
        self._known: frozenset[str] = frozenset()

    def require(self, connection: Connection, partitions: Iterable[Partition]) -> None:
        """Raise PartitionsMissing where one of these does not exist."""
        wanted = {name_of(*partition): partition for partition in partitions}
        if self._known.issuperset(wanted):
            return
        self._known = _existing(connection)
        missing = frozenset(partition for name, partition in wanted.items() if name not in self._known)
        if missing:
            raise PartitionsMissing(missing)

    def forget(self) -> None:
        """Ask the database again: somebody dropped one."""
        self._known = frozenset()


def create(connection: Connection, partitions: Iterable[Partition]) -> None:
    """Make those that do not exist, in transactions of its own. Two consumers may do it at once.

    A few at a time: each takes a handful of the locks that the server has for all.
    """
    wanted = sorted(partitions)
    for first in range(0, len(wanted), _AT_ONCE):
        with connection.transaction():
            locks.take(connection, locks.PARTITIONS)
            existing = set(_existing(connection))
            for table, day in wanted[first : first + _AT_ONCE]:
                if name_of(table, day) not in existing:
                    _create(connection, table, day)
                    existing.add(name_of(table, day))


def make_ahead(connection: Connection, now: datetime) -> int:
    """Make those of today and the next two days, so that nobody who writes waits for it; returns how many were made."""
    today = now.astimezone(UTC).date()
    wanted = {
        name_of(table, day): (table, day)
        for table in PARTITIONED
        for day in (today + timedelta(days=ahead) for ahead in range(_AHEAD + 1))
    }
    missing = [wanted[name] for name in sorted(wanted.keys() - _existing(connection))]
    create(connection, missing)
    return len(missing)


def partitions_of(connection: Connection, table: str) -> list[tuple[str, date, date]]:
    """Name, first day and the day after the last of each partition of a table, in their order.

    One that somebody else made, by a name that is none of ours, is not among them.
    """
    form = _FORMS[PARTITIONED[table]]
    found = []
    for name in sorted(_existing(connection, table)):
        try:
            day = datetime.strptime(name.removeprefix(f"{table}_"), form).replace(tzinfo=UTC).date()
        except ValueError:
            continue
        if name == name_of(table, day):
            found.append((name, *_bounds(table, day)))
    return found


def name_of(table: str, day: date) -> str:
    """The name of the partition that a day lies in."""
    if table not in PARTITIONED:
        raise ValueError(f"{table} has no partitions: {', '.join(sorted(PARTITIONED))} have")
    return f"{table}_{day.strftime(_FORMS[PARTITIONED[table]])}"


def _existing(connection: Connection, *tables: str) -> frozenset[str]:
    parents = [f"{SCHEMA}.{table}" for table in tables or PARTITIONED]
    return frozenset(row[0] for row in connection.execute(_SQL["list"], {"tables": parents}))


def _create(connection: Connection, table: str, day: date) -> None:
    names = {"parent": sql.Identifier(SCHEMA, table), "partition": sql.Identifier(SCHEMA, name_of(table, day))}
    bounds = [_literal(table, bound) for bound in _bounds(table, day)]
    for statement in ("create", "attach"):
        connection.execute(sql.SQL(_SQL[statement].decode()).format(**names, start=bounds[0], end=bounds[1]))


def _bounds(table: str, day: date) -> tuple[date, date]:
    span = PARTITIONED[table]
    if span == "day":
        return day, day + timedelta(days=1)
    if span == "month":
        first = day.replace(day=1)
        return first, (first + timedelta(days=31)).replace(day=1)
    return date(day.year, 1, 1), date(day.year + 1, 1, 1)


def _literal(table: str, day: date) -> sql.Literal:
    # Tables of days are by the time of a reading, the others by its date.
    return sql.Literal(f"{day.isoformat()}T00:00:00Z" if PARTITIONED[table] == "day" else day.isoformat())
