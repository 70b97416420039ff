"""Bringing the views of a database to what their files say, where they differ.

Postgres itself says whether they do: it prints the definition that it would have of the file, made on trial and taken
back, and the one that is there. So whoever reads is in nobody's way where nothing has changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql

from storage.errors import StorageError
from storage.sql import load
from storage.views.files import View

_SQL = load("views")
_Connection = psycopg.Connection[Any]


def refresh(connection: _Connection, views: Sequence[View]) -> list[str]:
    """Make or change the views that differ, in this order and in one transaction; the names of those.

    Whoever could read a view still can. StorageError where a view of somebody else reads one that has to be made anew.
    """
    with connection.transaction():
        grants = _grants(connection)
        return [view.name for view in views if _bring(connection, view, views, grants)]


def drop(connection: _Connection, views: Sequence[View]) -> None:
    """Drop those of these views that are there."""
    connection.execute(_drop([view.name for view in views]))


def _bring(connection: _Connection, view: View, views: Sequence[View], grants: Mapping[str, Sequence[str]]) -> bool:
    found, wanted = _definition(connection, f"reporting.{view.name}"), _on_trial(connection, view)
    if found is None or (found != wanted and not _replace(connection, view, views)):
        connection.execute(_create("CREATE VIEW", f"reporting.{view.name}", view))
        for grant in grants.get(view.name, ()):
            connection.execute(grant.encode())
        _let_the_reader_in(connection, view)
    return _comment(connection, view) or found != wanted


def _replace(connection: _Connection, view: View, views: Sequence[View]) -> bool:
    """Replace the view; False where its columns cannot stay: then it is gone, with those of ours that read it."""
    try:
        with connection.transaction():
            connection.execute(_create("CREATE OR REPLACE VIEW", f"reporting.{view.name}", view))
    except psycopg.errors.InvalidTableDefinition:
        _drop_with_readers(connection, view, views)
        return False
    return True


def _drop_with_readers(connection: _Connection, view: View, views: Sequence[View]) -> None:
    # Those of ours come later in the order, so each is found to be missing in its turn.
    rows = connection.execute(_SQL["readers"], {"view": f"reporting.{view.name}"}).fetchall()
    ours = {f"reporting.{one.name}": one.name for one in views}
    if theirs := sorted({name for (name,) in rows} - ours.keys()):
        raise StorageError(
            f"the columns of reporting.{view.name} change, and {', '.join(theirs)} of somebody else reads them:"
            " drop it, run `finfleet db migrate`, and make it again"
        )
    connection.execute(_drop([ours[name] for (name,) in rows]))


def _on_trial(connection: _Connection, view: View) -> str | None:
    """The definition that Postgres would print of the file."""
    name = "finfleet.view_on_trial"
    with connection.transaction(force_rollback=True):
        connection.execute(_create("CREATE VIEW", name, view))
        return _definition(connection, name)


def _definition(connection: _Connection, name: str) -> str | None:
    (definition,) = connection.execute(_SQL["definition"], {"view": name}).fetchone() or (None,)
    return definition


def _comment(connection: _Connection, view: View) -> bool:
    """Set the comments that differ; whether any did."""
    found = dict(connection.execute(_SQL["comments"], {"view": f"reporting.{view.name}"}).fetchall())
    wanted = dict.fromkeys(found) | dict(view.comments)
    differing = {column: text for column, text in wanted.items() if found.get(column) != text}
    for column, text in differing.items():
        kind, *parts = ("COLUMN", view.name, column) if column else ("VIEW", view.name)
        statement = sql.SQL("COMMENT ON {} {} IS {}")
        name = sql.Identifier("reporting", *parts)
        connection.execute(statement.format(sql.SQL(kind), name, sql.Literal(text)))
    return bool(differing)


def _grants(connection: _Connection) -> dict[str, list[str]]:
    """What others than its owner may do with each view of the schema, as statements."""
    grants: dict[str, list[str]] = {}
    for view, statement in connection.execute(_SQL["grants"]):
        grants.setdefault(view, []).append(statement)
    return grants


def _let_the_reader_in(connection: _Connection, view: View) -> None:
    # The default privileges of the schema are of the role that made it, which need not be the one that migrates now.
    if connection.execute(_SQL["has_reader"]).fetchone() == (True,):
        connection.execute(f"GRANT SELECT ON reporting.{view.name} TO finfleet_reader".encode())


def _create(verb: str, name: str, view: View) -> bytes:
    return f"{verb} {name} AS\n{view.query}".encode()


def _drop(names: Sequence[str]) -> sql.Composed:
    return sql.SQL("DROP VIEW IF EXISTS {}").format(sql.SQL(", ").join(sql.Identifier("reporting", n) for n in names))
