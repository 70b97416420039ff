"""Asking a question: its rows a page at a time, and how complete what they are of is, both of one moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import IsolationLevel

from storage.questions.completeness import Completeness, completeness_of
from storage.questions.files import Column, Question
from storage.questions.values import Values

_Connection = psycopg.Connection[Any]
PAGE = 2_000
"""Rows that are fetched at once."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes of a question."""

    columns: tuple[Column, ...]
    #: In the order that the question says; to be read before the block ends.
    rows: Iterator[tuple[Any, ...]]
    #: Of the bill of the days that it is about; None where the question is about something else.
    completeness: Completeness | None
    #: Postgres's names of the types of the columns.
    types: tuple[str, ...]


@contextmanager
def ask(connection: _Connection, question: Question, values: Values) -> Iterator[Answer]:
    """Ask within a transaction of its own, which changes nothing. The connection has to be in none."""
    with reading(connection):
        told = completeness_of(connection, question, values) if "bill" in question.reads else None
        with connection.cursor(name="question") as cursor:
            cursor.itersize = PAGE
            cursor.execute(question.statement, values.bound)
            yield Answer(question.columns, iter(cursor), told, types_of(connection, cursor))


def types_of(connection: _Connection, cursor: psycopg.ServerCursor[Any]) -> tuple[str, ...]:
    """Names of the types of its columns; empty where a type is nobody's, or an array."""
    codes = [one.type_code for one in cursor.description or ()]
    found = [(code, connection.adapters.types.get(code)) for code in codes]
    return tuple(known.name if known is not None and known.oid == code else "" for code, known in found)


@contextmanager
def reading(connection: _Connection) -> Iterator[None]:
    """A transaction that sees one moment, and changes nothing."""
    before = connection.isolation_level, connection.read_only
    connection.isolation_level, connection.read_only = IsolationLevel.REPEATABLE_READ, True
    try:
        with connection.transaction():
            yield
    finally:
        if not connection.closed:
            connection.isolation_level, connection.read_only = before
