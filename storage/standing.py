"""How a database stands that has our revision: what is missing of it, and what our role or the reader may not do.

A dump may have been restored in part, by another role, or on a server without the role that reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from storage import views
from storage.names import PARTITIONED, SCHEMA
from storage.sql import load
from storage.views import functions

_SQL = load("standing")
_Connection = psycopg.Connection[Any]
_MIGRATE = "run `finfleet db migrate`"
_ALONE = (
    "CREATE ROLE finfleet_reader NOLOGIN; GRANT USAGE ON SCHEMA reporting TO finfleet_reader;"
    " GRANT SELECT ON ALL TABLES IN SCHEMA reporting TO finfleet_reader"
)


class Standing(NamedTuple):
    """What is missing, a line each."""

    #: Without it the fleet does not work.
    needed: tuple[str, ...] = ()
    #: The fleet works; people who are members of the role do not see everything.
    reader: tuple[str, ...] = ()


def look(connection: _Connection) -> Standing:
    """What is missing of a database that has our revision."""
    return Standing(tuple(_needed(connection)), tuple(_of_the_reader(connection)))


def let_the_reader_in(connection: _Connection) -> str:
    """Make the role that reads, and grant it the views, as far as that is missing; why it could not be, or empty.

    The first migrations do so as well: this is for a database that came without it.
    """
    exists, _ = _reader(connection)
    try:
        with connection.transaction():
            if not exists:
                connection.execute("CREATE ROLE finfleet_reader NOLOGIN")
            for grant in _grants(connection):
                connection.execute(grant)
    except psycopg.errors.InsufficientPrivilege as error:
        return f"role finfleet_reader was not let in: {error.diag.message_primary}. As an administrator run: {_ALONE}"
    except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        return let_the_reader_in(connection)  # of another database, at the same moment
    return ""


def _grants(connection: _Connection) -> Iterator[sql.SQL | sql.Composed]:
    _, may_use = _reader(connection)
    if not may_use:
        yield sql.SQL("GRANT USAGE ON SCHEMA reporting TO finfleet_reader")
    for name in _unread(connection):
        yield sql.SQL("GRANT SELECT ON {} TO finfleet_reader").format(sql.Identifier("reporting", name))


def _needed(connection: _Connection) -> Iterator[str]:
    from storage.tables import metadata  # noqa: PLC0415 - SQLAlchemy, which processes that run do without

    tables = [table.name for table in metadata.tables.values()]
    for name in _missing(connection, SCHEMA, tables, "rp"):
        yield f"table {SCHEMA}.{name} is missing: restore it, or begin with an empty database"
    for name in _missing(connection, "reporting", [view.name for view in views.load()], "v"):
        yield f"view reporting.{name} is missing: {_MIGRATE}"
    lacking: dict[str, list[str]] = {}
    for name, right in connection.execute(_SQL["rights"], {"schema": SCHEMA, "names": tables}):
        lacking.setdefault(name, []).append(right)
    for name, rights in lacking.items():
        words = ", ".join(rights)
        yield f"our role lacks {words} on {SCHEMA}.{name}: GRANT {words} ON {SCHEMA}.{name} to it"
    for (name,) in connection.execute(_SQL["not_owned"], {"schema": SCHEMA, "names": list(PARTITIONED)}):
        yield f"our role does not own {SCHEMA}.{name}, and so cannot make its partitions: let it own the table"
    if connection.execute(_SQL["may_create"], {"schema": SCHEMA}).fetchone() == (False,):
        yield f"our role may not make tables in schema {SCHEMA}: GRANT CREATE ON SCHEMA {SCHEMA} to it"


def _of_the_reader(connection: _Connection) -> Iterator[str]:
    for (name,) in connection.execute(_SQL["functions"], {"names": [one.name for one in functions.load()]}):
        yield f"function reporting.{name} is missing: {_MIGRATE}"
    exists, may_use = _reader(connection)
    if not exists:
        who = "as a role that may create roles, or as an administrator"
        yield f"role finfleet_reader is missing: {_MIGRATE} {who}: {_ALONE}"
        return
    if not may_use:
        yield f"role finfleet_reader may not use schema reporting: {_MIGRATE} as its owner"
    for name in _unread(connection):
        yield f"role finfleet_reader may not read reporting.{name}: {_MIGRATE} as its owner"


def _missing(connection: _Connection, schema: str, names: Sequence[str], kinds: str) -> list[str]:
    values = {"schema": schema, "names": list(names), "kinds": list(kinds)}
    return [name for (name,) in connection.execute(_SQL["tables"], values)]


def _reader(connection: _Connection) -> tuple[bool, bool]:
    exists, may_use = connection.execute(_SQL["reader"]).fetchone() or (False, False)
    return bool(exists), bool(may_use)


def _unread(connection: _Connection) -> list[str]:
    names = [view.name for view in views.load()]
    return [name for (name,) in connection.execute(_SQL["unread"], {"names": names})]
