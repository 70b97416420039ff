"""The data dictionary: the views and functions of schema ``reporting``, as the comments in the database say."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from storage.database import Connection
from storage.sql import load

_SQL = load("dictionary")


@dataclass(frozen=True, slots=True)
class DescribedColumn:
    """Of a view."""

    name: str
    type: str
    meaning: str


@dataclass(frozen=True, slots=True)
class DescribedView:
    """A view, and what it is."""

    name: str
    meaning: str
    columns: tuple[DescribedColumn, ...]


@dataclass(frozen=True, slots=True)
class DescribedFunction:
    """A question with arguments."""

    name: str
    meaning: str
    arguments: str
    result: str


@dataclass(frozen=True, slots=True)
class Dictionary:
    """What there is to read."""

    views: tuple[DescribedView, ...]
    functions: tuple[DescribedFunction, ...]


def dictionary(connection: Connection) -> Dictionary:
    """All of it; what has no comment has an empty meaning."""
    rows = connection.execute(_SQL["columns"]).fetchall()
    views = tuple(
        DescribedView(name, meaning or "", tuple(DescribedColumn(c, t, says or "") for _, _, c, t, says in columns))
        for (name, meaning), columns in groupby(rows, key=lambda row: row[:2])
    )
    functions = (
        DescribedFunction(name, meaning or "", arguments, result)
        for name, meaning, arguments, result in connection.execute(_SQL["functions"])
    )
    return Dictionary(views, tuple(functions))
