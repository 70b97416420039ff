"""Day partitions of the tables that have them, made on demand.

A partition is made in a transaction of its own, before the one that needs it: its lock is short, and whoever writes
to other days goes on. Which exist is remembered, so the common case asks nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from psycopg import sql

from storage import locks
from storage.database import Connection
from storage.names import PARTITIONED, SCHEMA
from storage.sql import load

_SQL = load("partitions")
_AT_ONCE = 50
_TABLES = frozenset(PARTITIONED)

Partition = tuple[str, date]
"""The table (``points``, ``cost_rates``) and the day, in UTC."""


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
        wanted = {_name(*partition): partition for partition in partitions}
        if self._known.issuperset(wanted):
            return
        self._known = frozenset(row[0] for row in connection.execute(_SQL["list"]))
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
            existing = {row[0] for row in connection.execute(_SQL["list"])}
            for table, day in wanted[first : first + _AT_ONCE]:
                if _name(table, day) not in existing:
                    _create(connection, table, day)


def _create(connection: Connection, table: str, day: date) -> None:
    names = {
        "parent": sql.Identifier(SCHEMA, table),
        "partition": sql.Identifier(SCHEMA, _name(table, day)),
        "start": sql.Literal(f"{day.isoformat()}T00:00:00Z"),
        "end": sql.Literal(f"{(day + timedelta(days=1)).isoformat()}T00:00:00Z"),
    }
    for statement in ("create", "attach"):
        connection.execute(sql.SQL(_SQL[statement].decode()).format(**names))


def _name(table: str, day: date) -> str:
    if table not in _TABLES:
        raise ValueError(f"{table} has no partitions: {', '.join(sorted(_TABLES))} have")
    return f"{table}_{day:%Y%m%d}"
