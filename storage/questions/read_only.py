"""A statement of somebody's own, as the role that may read the views, and within bounds.

What keeps it harmless is Postgres: the transaction is read only, and the role may read schema ``reporting`` and nothing
else, so that it neither writes, nor reads a table or a file of the server, whatever the statement says. The statement
is sent as one: Postgres refuses several.

A function could leave the role in the middle of a query (``set_config``), or run text that does (``query_to_xml``). So
Postgres parses the statement before, as a view that is taken back, and names all that it calls: volatile functions are
refused, and those of other schemas, whatever they call themselves.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
from psycopg import errors as driver
from psycopg.types.json import set_json_loads
from psycopg.types.string import TextLoader

from storage.errors import StorageForbidden
from storage.questions.asking import PAGE, Answer, reading, types_of
from storage.questions.files import Column
from storage.questions.remarks import NotClosed, bare
from storage.questions.values import BadValue, is_text
from storage.sql import load

_Connection = psycopg.Connection[Any]
READER = "finfleet_reader"
_QUERIES = ("select", "with", "values", "table")
_MILLISECOND = timedelta(milliseconds=1)
_OPTIONS = 160000
_READ_ONLY = driver.ReadOnlySqlTransaction
_AS_TEXT = ("interval", "bytea")
"""Python knows no months, and takes one for 30 days; its bytes are no text."""
_ITS_OWN = ("0A", "22", "42")
"""What is wrong with a statement itself: not to be had, with its data, with its words."""
_TRIAL = "finfleet_statement_on_trial"
_SQL = load("questions")


class JsonText(str):
    """A value of json or jsonb as Postgres writes it, on one line: a number of Python would lose digits of it."""

    __slots__ = ()

    @classmethod
    def of(cls, value: str | bytes) -> JsonText:
        """As the driver has it."""
        text = value if isinstance(value, str) else value.decode()
        # Within a string of JSON a line end is escaped.
        return cls(" ".join(text.split("\n")).strip())


@contextmanager
def select(connection: _Connection, statement: str, timeout: timedelta) -> Iterator[Answer]:
    """Run one query, in a transaction of its own; BadValue says in words why it cannot be run.

    ``timeout``: for all that Postgres does; how long whoever reads the rows takes is not counted.
    """
    query = _checked(statement)
    allowed = _Allowed(timeout)
    _let_us_become_reader(connection)
    with _in_words(timeout):
        _check_calls(connection, query, allowed)
    with _in_words(timeout), reading(connection):
        _become_reader(connection)
        with connection.cursor(name="question") as cursor:
            set_json_loads(JsonText.of, cursor)
            for kind in _AS_TEXT:
                cursor.adapters.register_loader(kind, TextLoader)
            with allowed.spent(connection):
                # Encoded and without values: not a character of it is ours to read, neither % nor a brace.
                cursor.execute(query.encode())
            types = types_of(connection, cursor)
            columns = tuple(Column(one.name, "", "") for one in cursor.description or ())
            yield Answer(columns, _rows(connection, cursor, allowed), None, types)


@dataclass(slots=True)
class _Allowed:
    """The time that a statement may take, in parts: Postgres would allow each part the whole."""

    whole: timedelta
    used: float = 0.0

    @contextmanager
    def spent(self, connection: _Connection) -> Iterator[None]:
        """What is run within takes no more than what is left."""
        left = self.whole - timedelta(seconds=self.used)
        if left < _MILLISECOND:
            raise _too_long(self.whole)
        connection.execute(f"SET LOCAL statement_timeout TO {left // _MILLISECOND}".encode())
        began = time.monotonic()
        try:
            yield
        finally:
            self.used += time.monotonic() - began


def _rows(connection: _Connection, cursor: psycopg.ServerCursor[Any], allowed: _Allowed) -> Iterator[tuple[Any, ...]]:
    while True:
        with allowed.spent(connection):
            page = cursor.fetchmany(PAGE)
        yield from page
        if len(page) < PAGE:
            return


def _checked(statement: str) -> str:
    if not is_text(statement):
        raise BadValue("the statement has a NUL in it, or what is no character")
    try:
        query, word = bare(statement)
    except NotClosed:
        raise BadValue("a remark is not closed: write */ after it, as often as there is /*") from None
    if word.lower() not in _QUERIES:
        raise BadValue(f"{query[:40]!r} is no query: write one SELECT (or WITH, VALUES, TABLE)")
    return query


def _check_calls(connection: _Connection, query: str, allowed: _Allowed) -> None:
    with connection.transaction(force_rollback=True):
        _become_reader(connection)
        with allowed.spent(connection):
            # Binary, so that it is sent as one statement.
            made = f"CREATE TEMPORARY VIEW {_TRIAL} AS SELECT FROM (\n{query}\n) AS q"
            connection.execute(made.encode(), binary=True)
            found = [name for (name,) in connection.execute(_SQL["functions"], {"view": f"pg_temp.{_TRIAL}"})]
    if found:
        raise BadValue(f"{found[0]} may not be called here: only what reckons and reads, of Postgres and of reporting")


def _become_reader(connection: _Connection) -> None:
    try:
        connection.execute(f"SET LOCAL ROLE {READER}".encode())
    except (driver.InsufficientPrivilege, driver.InvalidParameterValue, driver.UndefinedObject):
        raise StorageForbidden(
            f"statements of your own run as role {READER}, which is missing, or which the role of the database URL may"
            f" not become: run `finfleet db migrate`, or as an administrator CREATE ROLE {READER} NOLOGIN where it is"
            f" missing, and GRANT {READER} TO that role"
        ) from None


def _let_us_become_reader(connection: _Connection) -> None:
    """Since Postgres 16 whoever made the role may grant it, and not become it: so it is granted once."""
    if connection.execute(_SQL["may_become_reader"]).fetchone() != (False,):
        return
    options = " WITH INHERIT FALSE" if connection.info.server_version >= _OPTIONS else ""
    # Where it may not be granted, that is said where it is needed; somebody else may grant it at the same moment.
    with suppress(driver.InsufficientPrivilege, driver.UniqueViolation, driver.InternalError_, _READ_ONLY):
        connection.execute(f"GRANT {READER} TO CURRENT_USER{options}".encode())


@contextmanager
def _in_words(timeout: timedelta) -> Iterator[None]:
    try:
        yield
    except driver.QueryCanceled:
        raise _too_long(timeout) from None
    except driver.InsufficientPrivilege as error:
        raise BadValue(f"{error.diag.message_primary}: role {READER} reads schema reporting alone") from None
    except _READ_ONLY as error:
        raise BadValue(
            f"{error.diag.message_primary}: nothing can be changed here, and to see what a statement calls, Postgres"
            " makes a view of it for a moment, which a replica does not: ask the primary"
        ) from None
    except psycopg.Error as error:
        if isinstance(error, psycopg.DataError) and error.sqlstate is None:
            # Of the driver: a day that Python has not, such as infinity.
            raise BadValue(f"{error}: Python has no such value; write it as text, as in SELECT day::text") from None
        if not (error.sqlstate or "").startswith(_ITS_OWN):
            raise
        hint = f": {error.diag.message_hint}" if error.diag.message_hint else ""
        raise BadValue(f"{error.diag.message_primary}{hint}") from None


def _too_long(timeout: timedelta) -> BadValue:
    seconds = timeout.total_seconds()
    return BadValue(f"the statement took longer than {seconds:g} s: narrow it, or allow more by --timeout")
