"""Migrations that are best written as SQL."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import psycopg
from alembic import op
from sqlalchemy import Connection


def run_file(name: str) -> None:
    """Run ``migrations/sql/{name}``, which may hold many statements, in the transaction of the migration."""
    # Without parameters, so that neither a colon nor a percent sign in it means anything but itself.
    driver_connection().execute(files("migrations").joinpath("sql", name).read_bytes())


def driver_connection(connection: Connection | None = None) -> psycopg.Connection[Any]:
    """The connection of the driver, in the transaction of the migration."""
    driver = (connection or op.get_bind()).connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError(f"migrations run over psycopg, not over {type(driver).__name__}")
    return driver
