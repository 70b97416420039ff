"""Statements of allocation whose parts come of the rules."""

from __future__ import annotations

from typing import Any

from psycopg import sql

from storage.database import Connection
from storage.sql import load

_SQL = load("allocation")


def run(connection: Connection, name: str, *, place: int | None = None, then: int | None = None, **parts: Any) -> Any:
    """Run a statement with its parts; ``place`` and ``then`` are in the names of temporary tables."""
    told = {key: one if isinstance(one, sql.Composable) else sql.Literal(one) for key, one in parts.items()}
    statement = sql.SQL(_SQL[name].decode()).format(place=sql.SQL(str(place)), then=sql.SQL(str(then)), **told)
    return connection.execute(statement)
