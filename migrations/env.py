"""Alembic's entry: connects, takes a lock so that two migrations never run at once, and migrates."""

from __future__ import annotations

import os

from alembic import context
from sqlalchemy import Connection, create_engine, pool, text

from storage.tables import SCHEMA, metadata

_LOCK = 0x66696E66  # "finf": any number that nobody else uses


def _database_url() -> str:
    url: str | None = context.config.attributes.get("database_url") or os.environ.get("FINFLEET_DATABASE_URL")
    if not url:
        raise SystemExit("FINFLEET_DATABASE_URL is not set: name the database, postgresql://user@host/name")
    # SQLAlchemy takes the driver from the scheme; ours is psycopg 3.
    return url.replace("postgres://", "postgresql://", 1).replace("postgresql://", "postgresql+psycopg://", 1)


def _ours(name: str | None, kind: str, _parents: object) -> bool:
    return name == SCHEMA if kind == "schema" else True


def _migrate(connection: Connection) -> None:
    # A statement that waits for a lock makes everyone behind it wait: rather fail, and be run again.
    connection.execute(text("SET lock_timeout = '10s'"))
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_schemas=True,
        include_name=_ours,
        compare_server_default=True,
        version_table_schema=SCHEMA,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
    connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
    connection.commit()


if context.is_offline_mode():
    raise SystemExit("migrations run on a live database only: views and roles are looked up as they go")
engine = create_engine(_database_url(), poolclass=pool.NullPool, connect_args={"application_name": "finfleet migrate"})
with engine.connect() as _connection:
    _migrate(_connection)
