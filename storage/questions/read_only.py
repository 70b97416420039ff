"""A statement of somebody's own, as the role that may read the views, and within bounds.

What keeps it harmless is Postgres: the transaction is read only, and the role may read schema ``reporting`` and nothing
else, so that it neither writes, nor reads a table or a file of the server, whatever the statement says. The statement
is sent as one: Postgres refuses several.

A function could leave the role in the middle of a query (``set_config``), or run text that does (``query_to_xml``). So
Postgres parses the statement before, as a view that is taken back, and names all that it calls: volatile functions are
refused, and those of other schemas, whatever they call themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import psycopg
from psycopg import errors as driver

from storage.errors import StorageForbidden
from storage.questions.asking import PAGE, Answer, reading, types_of
from storage.questions.files import Column
from storage.questions.values import BadValue, is_text
from storage.sql import load

_Connection = psycopg.Connection[Any]
READER = "finfleet_reader"
_REMARKS = re.compile(r"\A(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/|\()*", re.DOTALL)
_QUERY = re.compile(r"(?:select|with|values|table)\b", re.IGNORECASE)
_MILLISECOND = timedelta(milliseconds=1)
_OPTIONS = 160000
_READ_ONLY = driver.ReadOnlySqlTransaction
_ITS_OWN = ("0A", "22", "42")
"""What is wrong with a statement itself: not to be had, with its data, with its words."""
_TRIAL = "finfleet_statement_on_trial"
_SQL = load("questions")


@contextmanager
def select(connection: _Connection, statement: str, timeout: timedelta) -> Iterator[Answer]:
    """Run one query, in a transaction of its own; BadValue says in words why it cannot be run."""
    _check(statement)
    _let_us_become_reader(connection)
    with _in_words(timeout):
        _check_calls(connection, statement, timeout)
    with _in_words(timeout), reading(connection):
        _become_reader(connection, timeout)
        with connection.cursor(name="question") as cursor:
            cursor.itersize = PAGE
            # Encoded and without values: not a character of it is ours to read, neither % nor a brace.
            cursor.execute(statement.encode())
            types = types_of(connection, cursor)
            columns = tuple(Column(one.name, "", "") for one in cursor.description or ())
            yield Answer(columns, iter(cursor), None, types)


def _check(statement: str) -> None:
    if not is_text(statement):
        raise BadValue("the statement has a NUL in it, or what is no character")
    rest = _REMARKS.sub("", statement, count=1)
    if not _QUERY.match(rest):
        raise BadValue(f"{rest[:40]!r} is no query: write one SELECT (or WITH, VALUES, TABLE)")


def _check_calls(connection: _Connection, statement: str, timeout: timedelta) -> None:
    query = statement.rstrip().rstrip(";")
    with connection.transaction(force_rollback=True):
        _become_reader(connection, timeout)
        # Binary, so that it is sent as one statement.
        connection.execute(f"CREATE TEMPORARY VIEW {_TRIAL} AS SELECT FROM (\n{query}\n) AS q".encode(), binary=True)
        found = [name for (name,) in connection.execute(_SQL["functions"], {"view": f"pg_temp.{_TRIAL}"})]
    if found:
        raise BadValue(f"{found[0]} may not be called here: only what reckons and reads, of Postgres and of reporting")


def _become_reader(connection: _Connection, timeout: timedelta) -> None:
    connection.execute(f"SET LOCAL statement_timeout TO {timeout // _MILLISECOND}".encode())
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
        seconds = timeout.total_seconds()
        raise BadValue(f"the statement took longer than {seconds:g} s: narrow it, or allow more by --timeout") from None
    except driver.InsufficientPrivilege as error:
        raise BadValue(f"{error.diag.message_primary}: role {READER} reads schema reporting alone") from None
    except _READ_ONLY as error:
        raise BadValue(
            f"{error.diag.message_primary}: nothing can be changed here, and to see what a statement calls, Postgres"
            " makes a view of it for a moment, which a replica does not: ask the primary"
        ) from None
    except psycopg.Error as error:
        if not (error.sqlstate or "").startswith(_ITS_OWN):
            raise
        hint = f": {error.diag.message_hint}" if error.diag.message_hint else ""
        raise BadValue(f"{error.diag.message_primary}{hint}") from None
