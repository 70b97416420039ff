"""Migrations that are best written as SQL."""

from __future__ import annotations

from importlib.resources import files

import psycopg
from alembic import op


def run_file(name: str) -> None:
    """Run ``migrations/sql/{name}``, which may hold many statements, in the transaction of the migration."""
    script = files("migrations").joinpath("sql", name).read_bytes()
    driver = op.get_bind().connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError(f"migrations run over psycopg, not over {type(driver).__name__}")
    # Without parameters, so that neither a colon nor a percent sign in it means anything but itself.
    driver.execute(script)
