"""Alembic's entry: connects, takes a lock so that two migrations never run at once, migrates, and makes the views.

The lock is one of the table of versions, held by a connection of its own for as long as the migrations take. Whoever
only reads the views cannot take it, while any advisory lock is free to whoever may connect. It is of a transaction, and
so are all settings: over a pooler nothing stays with a connection that is somebody else's next.

Called by ``storage.migrate`` with the URL in ``config.attributes``, and by the program ``alembic`` with
FINFLEET_DATABASE_URL.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Collection
from contextlib import closing
from datetime import timedelta
from typing import Any

from alembic import context
from psycopg.errors import Diagnostic, DuplicateSchema, DuplicateTable, LockNotAvailable, UniqueViolation
from pydantic import SecretStr
from sqlalchemy import Connection, create_engine, pool, text

from migrations.script import driver_connection
from storage import views
from storage.database import address, parse
from storage.names import SCHEMA
from storage.session import Session, check_suitable, parameters_of, settle
from storage.standing import let_the_reader_in
from storage.tables import metadata
from storage.timeouts import Timeouts
from storage.views import functions

_MAKES_THE_READER = "0002"
"""The migration that makes the role that reads, and says so where it cannot."""
_VERSIONS = f"{SCHEMA}.alembic_version"
_TURN = timedelta(minutes=5)
"""How long another migration is waited for."""
_STATEMENT = timedelta(hours=1)
"""What one statement may take: an index of a large table is one."""
_logger = logging.getLogger("finfleet.migrations")


def _database_url() -> SecretStr:
    url: SecretStr | None = context.config.attributes.get("database_url")
    url = url or SecretStr(os.environ.get("FINFLEET_DATABASE_URL", ""))
    if not url.get_secret_value():
        raise SystemExit("FINFLEET_DATABASE_URL is not set: name the database, postgresql://user@host/name")
    return url


def _connect() -> Session:
    """Connect; the URL goes to libpq as it was read, and no engine holds it."""
    parameters = parse(_database_url())
    session = Session.connect(**parameters_of(parameters, "finfleet migrate"), autocommit=True)
    try:
        session.add_notice_handler(_log_notice)
        # A statement that waits for a lock makes everyone behind it wait: rather fail, and be run again. Between
        # statements runs code of ours, and the holder of the turn waits for all of it.
        lock = timedelta(seconds=context.config.attributes.get("lock_wait", 10.0))
        settle(session, Timeouts(statement=_STATEMENT, lock=lock, idle=timedelta(0)), each_transaction=True)
        check_suitable(session, address(parameters))
        session.autocommit = False
    except BaseException:
        session.close()
        raise
    return session


def _log_notice(diagnostic: Diagnostic) -> None:
    if diagnostic.sqlstate == "00000":  # RAISE NOTICE of ours, not Postgres telling that something exists already
        _logger.warning("%s", diagnostic.message_primary)


def _partitions(connection: Connection) -> set[str]:
    """Partitions come and go with the days of the data: they are no part of the model."""
    names = connection.execute(
        text("SELECT relname FROM pg_class WHERE relispartition AND relnamespace = to_regnamespace(:schema)"),
        {"schema": SCHEMA},
    )
    return {name for (name,) in names}


def _make_versions(holder: Session) -> None:
    """Make the table of versions, as Alembic would, where it is not there."""
    for _ in range(3):  # another one that makes it at the same moment is not an error
        try:
            with holder.transaction():
                if holder.execute("SELECT to_regclass(%s)", (_VERSIONS,)).fetchone() == (None,):
                    _make_schema(holder)
                    holder.execute(
                        f"CREATE TABLE IF NOT EXISTS {_VERSIONS}"
                        " (version_num varchar(32) NOT NULL CONSTRAINT alembic_version_pkc PRIMARY KEY)".encode()
                    )
        except (UniqueViolation, DuplicateSchema, DuplicateTable):
            continue
        return


def _make_schema(holder: Session) -> None:
    # IF NOT EXISTS would ask for the right to make one, also where an administrator has made it.
    if holder.execute("SELECT to_regnamespace(%s)", (SCHEMA,)).fetchone() == (None,):
        holder.execute(f"CREATE SCHEMA {SCHEMA}".encode())


def _wait_for_turn(holder: Session) -> None:
    """Take the turn, which ends with the transaction; waits longer for another migration than for any other lock."""
    _make_versions(holder)
    until = time.monotonic() + _TURN.total_seconds()
    while True:
        try:
            # It conflicts with itself, and with none that Alembic or somebody who reads takes.
            holder.execute(f"LOCK TABLE {_VERSIONS} IN SHARE UPDATE EXCLUSIVE MODE".encode())
        except LockNotAvailable:
            holder.rollback()
            if time.monotonic() > until or not _somebody_migrates(holder):
                raise
        else:
            return


def _somebody_migrates(holder: Session) -> bool:
    row = holder.execute(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks WHERE granted AND pid <> pg_backend_pid()"
        " AND relation = to_regclass(%s) AND mode = 'ShareUpdateExclusiveLock')",
        (_VERSIONS,),
    ).fetchone()
    holder.rollback()
    return row == (True,)


def _migrate(connection: Connection) -> None:
    partitions = _partitions(connection)
    connection.commit()

    def is_ours(name: str | None, kind: str, _parents: object) -> bool:
        if kind == "schema":
            return name == SCHEMA
        return not (kind == "table" and name in partitions)

    head = context.script.get_current_head()
    pending, told = True, False

    def make_views(*_: Any, heads: Collection[Any] = (head,), step: Any = None, **__: Any) -> None:
        """With the last migration, in its transaction: nobody sees tables of one revision and views of another."""
        nonlocal pending, told
        told = told or getattr(step, "up_revision_id", None) == _MAKES_THE_READER
        if pending and set(heads) == {head}:
            views.refresh(driver_connection(connection), views.load())
            functions.refresh(driver_connection(connection), functions.load())
            trouble = let_the_reader_in(driver_connection(connection))
            if trouble and not told:
                _logger.warning("%s", trouble)
            pending = False

    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_schemas=True,
        include_name=is_ours,
        compare_server_default=True,
        version_table_schema=SCHEMA,
        transaction_per_migration=True,
        on_version_apply=make_views,
    )
    with context.begin_transaction():
        context.run_migrations()
    if _destination() == head:  # where no migration was left to run
        make_views()
    connection.commit()


def _destination() -> object:
    """The revision to go to; None where the command goes nowhere, as ``check``."""
    try:
        return context.get_revision_argument()
    except KeyError:
        return None


if context.is_offline_mode():
    raise SystemExit("migrations run on a live database only: views and roles are looked up as they go")
_engine = create_engine("postgresql+psycopg://", creator=_connect, poolclass=pool.NullPool)
with closing(_connect()) as _holder:
    _wait_for_turn(_holder)
    with _engine.connect() as _connection:
        _migrate(_connection)
