"""The rows of a dataset, as one snapshot of the database has them, however long they take to be written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg import sql

from storage.database import Connection
from storage.export.asked import Asked
from storage.sql import load

_SQL = load("export")
_DAY = timedelta(days=1)
_KINDS: Mapping[str, str] = {
    "text": "String",
    "numeric": "Decimal",
    "timestamp with time zone": "Date/Time",
    "jsonb": "JSON",
    "boolean": "Boolean",
    "integer": "Integer",
    "bigint": "Integer",
}
COSTS = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")
REQUIRED = (*COSTS, "ChargeCategory", "ServiceName")
"""What FOCUS wants of each charge, and nobody may know."""


class Column(NamedTuple):
    """A column of a dataset, and the type that FOCUS, or we, give it."""

    name: str
    kind: str


class Sums(NamedTuple):
    """What the rows of one currency come to."""

    currency: str
    rows: int
    #: By the names of COSTS, and None where no row tells it.
    costs: tuple[Decimal | None, ...]
    #: Rows that do not tell it, by the names of REQUIRED.
    unknown: tuple[int, ...]
    #: Rows whose column is filled by an assumption, by the names of the columns that say so.
    assumed: tuple[int, ...]


class Snapshot:
    """One dataset of one snapshot. The transaction is the caller's, and is to be REPEATABLE READ."""

    def __init__(self, connection: Connection, asked: Asked) -> None:
        self._connection = connection
        self._asked = asked
        self._view = sql.Identifier("reporting", asked.of.view)
        found = connection.execute(_SQL["columns"], {"view": f"reporting.{asked.of.view}"})
        self.columns = tuple(Column(name, _KINDS[kind]) for name, kind in found)

    @property
    def bases(self) -> tuple[str, ...]:
        """Columns that say by what another is filled."""
        return tuple(one.name for one in self.columns if one.name.endswith("Basis"))

    def parts(self) -> Iterator[tuple[datetime | None, datetime | None]]:
        """Ranges, one after the other, that are read at once: days on which charges begin, or all there is."""
        since, until = self._asked.since, self._asked.until
        if not self._asked.of.charges:
            yield since, until
            return
        while (day := self._next_day(since, until)) is not None:
            yield (day if since is None else max(day, since)), (day + _DAY if until is None else min(day + _DAY, until))
            since = day + _DAY

    def rows(self, part: tuple[datetime | None, datetime | None]) -> Iterator[bytes]:
        """The rows of a part in their order, each a line of CSV: NULL is nothing, and no text is ''."""
        columns = sql.SQL(", ").join(_as_text(one) for one in self.columns)
        order = sql.SQL(", ").join(_ordered(name) for name in self._asked.of.order)
        query = sql.SQL("COPY (SELECT {} FROM {} AS f WHERE {} ORDER BY {}) TO STDOUT (FORMAT csv)")
        statement = query.format(columns, self._view, self._condition(part), order)
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in copy:  # the server sends each in a message of its own
                yield bytes(row)

    def sums(self, part: tuple[datetime | None, datetime | None]) -> list[Sums]:
        """What the rows of a part come to, by currency; of a dataset without charges, how many there are."""
        if not self._asked.of.charges:
            count = sql.SQL("SELECT count(*) FROM {} AS f WHERE {}").format(self._view, self._condition(part))
            return [Sums("", row[0], (), (), ()) for row in self._connection.execute(count)]
        counted = [
            *(sql.SQL("sum({})").format(sql.Identifier(name)) for name in COSTS),
            *(sql.SQL("count(*) - count({})").format(sql.Identifier(name)) for name in REQUIRED),
            *(sql.SQL("count({})").format(sql.Identifier(name)) for name in self.bases),
        ]
        query = sql.SQL('SELECT "BillingCurrency", count(*), {} FROM {} AS f WHERE {} GROUP BY 1 ORDER BY 1')
        statement = query.format(sql.SQL(", ").join(counted), self._view, self._condition(part))
        found = self._connection.execute(statement)
        costs, required = 2 + len(COSTS), 2 + len(COSTS) + len(REQUIRED)
        return [Sums(row[0], row[1], row[2:costs], row[costs:required], row[required:]) for row in found]

    def periods(self) -> tuple[bool, datetime | None]:
        """Of billing periods, whether all of them are complete, and when one was updated last."""
        query = sql.SQL(
            'SELECT coalesce(bool_and("x_Complete"), false), max("BillingPeriodLastUpdated") FROM {} AS f WHERE {}'
        ).format(self._view, self._condition((self._asked.since, self._asked.until)))
        complete, updated = self._connection.execute(query).fetchone() or (False, None)
        return complete, updated

    def digits(self) -> dict[str, tuple[int, int]]:
        """Of each column of decimals, how many digits before and behind the point a value has at most."""
        names = [one.name for one in self.columns if one.kind == "Decimal"]
        most: dict[str, tuple[int, int]] = dict.fromkeys(names, (0, 0))
        each = sql.SQL(", ").join(
            sql.SQL("max(length(trunc(abs({0}))::text)), max(scale(trim_scale({0})))").format(sql.Identifier(name))
            for name in names
        )
        for part in self.parts():
            query = sql.SQL("SELECT {} FROM {} AS f WHERE {}").format(each, self._view, self._condition(part))
            row: Sequence[int | None] = self._connection.execute(query).fetchone() or ()
            for name, before, behind in zip(names, row[::2], row[1::2], strict=True):
                most[name] = max(most[name][0], before or 0), max(most[name][1], behind or 0)
        return most

    def _next_day(self, since: datetime | None, until: datetime | None) -> datetime | None:
        row: tuple[datetime | None] | None = self._connection.execute(
            _SQL["next_day"], {"since": since, "until": until}
        ).fetchone()
        return row[0].astimezone(UTC) if row and row[0] else None

    def _condition(self, part: tuple[datetime | None, datetime | None]) -> sql.Composable:
        asked, by = self._asked, sql.Identifier(self._asked.of.by)
        tests: list[tuple[sql.Composable, str, Any]] = [
            (by, ">=", part[0]),
            (by, "<", part[1]),
            (sql.Identifier("x_Provider"), "=", asked.provider),
            (sql.Identifier("x_Account"), "=", asked.account),
        ]
        told = [
            sql.SQL("{} {} {}").format(name, sql.SQL(test), sql.Literal(value))
            for name, test, value in tests
            if value is not None
        ]
        return sql.SQL(" AND ").join(told) if told else sql.SQL("true")


def _ordered(name: str) -> sql.Composable:
    # Not by the language of the database: files of two servers are the same.
    collation = sql.SQL("" if name.endswith(("Start", "End")) else ' COLLATE "C"')
    return sql.SQL("f.{}{}").format(sql.Identifier(name), collation)


def _as_text(column: Column) -> sql.Composable:
    """Times as FOCUS writes them; numbers without zeros at their ends, which Postgres never writes as 1E5."""
    name = sql.SQL("f.{}").format(sql.Identifier(column.name))
    if column.kind == "Decimal":
        return sql.SQL("trim_scale({})").format(name)
    if column.kind == "Boolean":
        return sql.SQL("{}::text").format(name)
    if column.kind == "Date/Time":
        utc = sql.SQL("({} AT TIME ZONE 'UTC')").format(name)
        return sql.SQL(
            """to_char({0}, 'YYYY-MM-DD"T"HH24:MI:SS')"""
            " || CASE WHEN date_trunc('second', {0}) = {0} THEN 'Z' ELSE to_char({0}, '.US\"Z\"') END"
        ).format(utc)
    return name
