"""Up, down and up again on an empty database; no drift between migrations and tables; two at once wait."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from storage.database import Database
from storage.errors import StorageError, StorageNotMigrated
from storage.migrate import check_drift, check_migrated, downgrade, head, migrate
from tests.support import writing
from tests.support.databases import create_database, drop_database
from workers.embedded import EmbeddedPostgres


@pytest.fixture
def empty_url(postgres_server: EmbeddedPostgres) -> Iterator[SecretStr]:
    server = postgres_server.url.get_secret_value()
    url = create_database(server)
    yield SecretStr(url)
    drop_database(server, url)


def _relations(url: SecretStr) -> set[str]:
    with psycopg.connect(url.get_secret_value()) as connection:
        rows = connection.execute(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables"
            " WHERE table_schema IN ('finfleet', 'reporting')"
        )
        return {name for (name,) in rows}


def test_up_down_and_up_again(empty_url: SecretStr) -> None:
    migrate(empty_url)
    full = _relations(empty_url)
    assert {"finfleet.collections", "finfleet.points", "reporting.coverage", "reporting.collection_cost"} <= full
    downgrade(empty_url, "base")
    assert _relations(empty_url) <= {"finfleet.alembic_version"}
    migrate(empty_url)
    assert _relations(empty_url) == full
    migrate(empty_url)  # once more changes nothing
    check_drift(empty_url)


def test_partitions_are_no_drift_and_a_changed_table_is(database: Database, database_url: str) -> None:
    with database.connection() as connection:
        writing.plan(connection)
        writing.put(connection, writing.batch(writing.run(), rates=[("i-1", 0, "0.1")]))
        check_drift(SecretStr(database_url))
        connection.execute("ALTER TABLE finfleet.runs ADD COLUMN stray int")
    with pytest.raises(StorageError, match="stray"):
        check_drift(SecretStr(database_url))


def test_several_at_once_wait_for_each_other(empty_url: SecretStr) -> None:
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: _as_program(empty_url), range(3)))
    check_drift(empty_url)


def _as_program(url: SecretStr) -> None:
    environment = {**os.environ, "FINFLEET_DATABASE_URL": url.get_secret_value()}
    subprocess.run(
        [sys.executable, "-m", "workers.cli", "db", "migrate"],
        env=environment,
        check=True,
        capture_output=True,
        cwd="/",
    )


def test_alembics_own_program_does_the_same(empty_url: SecretStr) -> None:
    environment = {**os.environ, "FINFLEET_DATABASE_URL": empty_url.get_secret_value()}
    root = Path(__file__).parents[2]
    for words in (("upgrade", "head"), ("check",), ("downgrade", "base"), ("upgrade", "head")):
        subprocess.run(
            [sys.executable, "-m", "alembic", *words], env=environment, cwd=root, check=True, capture_output=True
        )
    with Database(empty_url) as database, database.connection() as connection:
        check_migrated(connection)


def test_a_database_of_another_release_is_told_apart(empty_url: SecretStr) -> None:
    with Database(empty_url) as database, database.connection() as connection:
        with pytest.raises(StorageNotMigrated, match="finfleet db migrate"):
            check_migrated(connection)
        migrate(empty_url, "0001")
        with pytest.raises(StorageNotMigrated, match=f"0001, this release needs {head()}"):
            check_migrated(connection)
        migrate(empty_url)
        check_migrated(connection)
        connection.execute("UPDATE finfleet.alembic_version SET version_num = '9999'")
        with pytest.raises(StorageNotMigrated, match="later release"):
            check_migrated(connection)
