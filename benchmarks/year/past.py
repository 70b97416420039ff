"""The past of the year in the form that folding gives it, where this release folds.

Folding all of it would take an hour. So the last days are written as collections write them and are folded by
finfleet's own steps; what came before is written folded: the days of points are those that were sealed, once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from importlib import import_module
from typing import Any, NamedTuple

from psycopg import sql

from storage import partitions
from storage.database import Connection
from storage.names import SCHEMA

_DAY = timedelta(days=1)
_PATTERN = 2
"""Days that are repeated: of the last one only some hours are sealed."""


class Folded(NamedTuple):
    """What this release folds, and keeps."""

    points: bool
    rates: bool
    ledger: bool
    versions: bool
    recommendations: bool
    anomalies: bool


def folded(connection: Connection) -> Folded:
    """By the tables that there are."""
    names = ("sealed_points", "rate_intervals", "folded_windows", "bill_versions", "recommendations", "anomalies")
    ((found,),) = connection.execute(
        "SELECT array_agg(to_regclass('finfleet.' || name) IS NOT NULL ORDER BY place)"
        " FROM unnest(%s::text[]) WITH ORDINALITY AS n(name, place)",
        (list(names),),
    )
    return Folded(*found)


def note_bills(connection: Connection) -> None:
    """Note which reading was the bill of its window, as maintenance does after a former release."""
    while import_module("storage.versions").note_versions(connection):
        pass


def repeat_sealed_days(connection: Connection, values: Mapping[str, Any]) -> None:
    """Fill the month with sealed days, and the year with their rollups."""
    today, month, year = values["now"].date(), values["month"], values["year"]
    for table, days in (("sealed_points", month), ("points_hourly", year), ("points_daily", year)):
        named = sql.Identifier(SCHEMA, table)
        found = connection.execute(sql.SQL("SELECT DISTINCT day FROM {} ORDER BY day").format(named)).fetchall()
        pattern = [row[0] for row in found][:_PATTERN]
        if pattern:
            missing = [today - back * _DAY for back in range(days) if today - back * _DAY < pattern[0]]
            _repeat(connection, table, pattern, missing)


def _repeat(connection: Connection, table: str, pattern: list[date], missing: list[date]) -> None:
    partitions.create(connection, [(table, day) for day in missing])
    rows = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = ('finfleet.' || %s)::regclass AND attnum > 0", (table,)
    )
    others = [row[0] for row in rows if row[0] != "day"]
    statement = sql.SQL("INSERT INTO {table} (day, {others}) SELECT %s, {others} FROM {table} WHERE day = %s").format(
        table=sql.Identifier(SCHEMA, table), others=sql.SQL(", ").join(map(sql.Identifier, others))
    )
    for place, day in enumerate(reversed(missing)):
        connection.execute(statement, (day, pattern[-1 - place % len(pattern)]))
