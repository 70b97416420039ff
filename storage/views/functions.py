"""The functions of schema ``reporting``, for questions that have an argument, as their files have them.

A file of ``storage/views/called`` is SQL as psql takes it: ``CREATE FUNCTION``, then a ``COMMENT``. They read views
alone, with the rights of who calls them. Their bodies are text, so that no view is kept from being made anew by them.
"""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, NamedTuple

import psycopg

from storage.errors import StorageError
from storage.sql import load as load_sql

_SQL = load_sql("views")
_FILE = re.compile(
    r"\A(?:--.*\n)*CREATE FUNCTION reporting\.(?P<name>[a-z][a-z0-9_]*)(?P<rest>\(\n.+?\n\$\$);\n\n"
    r"COMMENT ON FUNCTION reporting\.(?P<of>\w+) IS(?P<text>(?:\s+'(?:[^']|'')*')+);\s*\Z",
    re.DOTALL,
)
_Connection = psycopg.Connection[Any]


class _Definition(NamedTuple):
    """Of a function of one name, as Postgres prints it."""

    #: By which it is dropped.
    identity: str
    #: With their defaults.
    arguments: str
    result: str
    definition: str
    comment: str | None

    @property
    def signature(self) -> tuple[str, str]:
        return self.arguments, self.result


class Function(NamedTuple):
    """A function of schema ``reporting``."""

    name: str
    #: What follows its name: arguments, result and body.
    rest: str
    #: What it is for.
    comment: str


def load(folder: Traversable | None = None) -> list[Function]:
    """The functions of the files in ``folder``, ours where None; ValueError with the name of a file that is no such."""
    folder = folder or files("storage").joinpath("views", "called")
    found = sorted((path for path in folder.iterdir() if path.name.endswith(".sql")), key=lambda path: path.name)
    return [_read(path) for path in found]


def refresh(connection: _Connection, functions: list[Function]) -> list[str]:
    """Make or change the functions that differ, in one transaction; the names of those."""
    with connection.transaction():
        return [function.name for function in functions if _bring(connection, function)]


def _read(path: Traversable) -> Function:
    found = _FILE.match(path.read_text(encoding="utf-8"))
    if found is None or not path.name == f"{found['name']}.sql" == f"{found['of']}.sql":
        raise ValueError(
            f"storage/views/called/{path.name}: begin it with CREATE FUNCTION reporting.{path.name[:-4]}(, end the"
            " function with $$; and have a comment on it follow"
        )
    text = "".join(part[1:-1].replace("''", "'") for part in re.findall(r"'(?:[^']|'')*'", found["text"]))
    return Function(found["name"], found["rest"], text)


def _bring(connection: _Connection, function: Function) -> bool:
    found, wanted = _definitions(connection, "reporting", function), _on_trial(connection, function)
    if found == wanted:
        return False
    if [one.signature for one in found] != [one.signature for one in wanted]:
        _drop(connection, function, found)
    _make(connection, "reporting", function)
    if connection.execute(_SQL["has_reader"]).fetchone() == (True,):
        connection.execute(f"GRANT EXECUTE ON FUNCTION reporting.{function.name} TO finfleet_reader".encode())
    return True


def _definitions(connection: _Connection, schema: str, function: Function) -> list[_Definition]:
    rows = connection.execute(_SQL["functions"], {"schema": schema, "name": function.name})
    return [_Definition(*row) for row in rows]


def _on_trial(connection: _Connection, function: Function) -> list[_Definition]:
    """What Postgres would print of the file. In another schema, so that what reads the function is in nobody's way."""
    with connection.transaction(force_rollback=True):
        _make(connection, "finfleet", function)
        return _definitions(connection, "finfleet", function)


def _make(connection: _Connection, schema: str, function: Function) -> None:
    name = f"{schema}.{function.name}"
    quoted = function.comment.replace("'", "''")
    connection.execute(f"CREATE OR REPLACE FUNCTION {name}{function.rest}".encode())
    connection.execute(f"COMMENT ON FUNCTION {name} IS '{quoted}'".encode())


def _drop(connection: _Connection, function: Function, found: list[_Definition]) -> None:
    try:
        for one in found:
            connection.execute(f"DROP FUNCTION reporting.{function.name}({one.identity})".encode())
    except psycopg.errors.DependentObjectsStillExist:
        raise StorageError(
            f"the arguments or columns of reporting.{function.name} change, and something of somebody else reads them:"
            " drop it, run `finfleet db migrate`, and make it again"
        ) from None
