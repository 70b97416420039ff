"""Alembic's entry: connects, takes a lock so that two migrations never run at once, and migrates.

Called by ``storage.migrate`` with the URL in ``config.attributes``, and by the program ``alembic`` with
FINFLEET_DATABASE_URL.
"""

from __future__ import annotations

import logging
import os

import psycopg
from alembic import context
from psycopg.errors import Diagnostic
from pydantic import SecretStr
from sqlalchemy import Connection, create_engine, pool, text

from storage.tables import SCHEMA, metadata

_LOCK = 0x66696E66  # "finf": any number that nobody else uses
_logger = logging.getLogger("finfleet.migrations")


def _database_url() -> SecretStr:
    url: SecretStr | None = context.config.attributes.get("database_url")
    url = url or SecretStr(os.environ.get("FINFLEET_DATABASE_URL", ""))
    if not url.get_secret_value():
        raise SystemExit("FINFLEET_DATABASE_URL is not set: name the database, postgresql://user@host/name")
    return url


def _connect() -> psycopg.Connection[tuple[object, ...]]:
    """Connect; the URL goes to libpq as it is, and no engine holds it."""
    connection = psycopg.connect(_database_url().get_secret_value(), application_name="finfleet migrate")
    connection.add_notice_handler(_log_notice)
    # A role of the name finfleet would have schema finfleet as its default: comparing needs the names as written.
    connection.execute("SET search_path TO pg_catalog")
    # A statement that waits for a lock makes everyone behind it wait: rather fail, and be run again.
    seconds = context.config.attributes.get("lock_wait", 10.0)
    connection.execute("SELECT set_config('lock_timeout', %s, false)", (f"{1000 * seconds:.0f}ms",))
    connection.commit()
    return connection


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


def _wait_for_turn(connection: Connection) -> None:
    """Wait for whoever migrates now, for longer than for any other lock."""
    connection.execute(text("SET LOCAL lock_timeout TO '5min'"))
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
    if connection.scalar(text("SELECT to_regnamespace(:schema)"), {"schema": SCHEMA}) is None:
        connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
    connection.commit()


def _migrate(connection: Connection) -> None:
    _wait_for_turn(connection)
    partitions = _partitions(connection)
    connection.commit()

    def is_ours(name: str | None, kind: str, _parents: object) -> bool:
        if kind == "schema":
            return name == SCHEMA
        return not (kind == "table" and name in partitions)

    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_schemas=True,
        include_name=is_ours,
        compare_server_default=True,
        version_table_schema=SCHEMA,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()


if context.is_offline_mode():
    raise SystemExit("migrations run on a live database only: views and roles are looked up as they go")
# The lock ends with the connection.
_engine = create_engine("postgresql+psycopg://", creator=_connect, poolclass=pool.NullPool)
with _engine.connect() as _connection:
    _migrate(_connection)
