"""The schema: up, down and up again, the same as the model, from anywhere."""

import os
import secrets
import subprocess
import sys
import traceback
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import psycopg
import pytest
from alembic.script import ScriptDirectory
from pydantic import SecretStr

import migrations
from storage import partitions
from storage.database import Database
from storage.errors import StorageError, StorageNotMigrated, StorageReadOnly, StorageUnavailable
from storage.migrate import check_drift, downgrade, migrate
from storage.names import PARTITIONED
from storage.revision import check_migrated, head, revisions
from storage.tables import metadata
from tests.support.databases import create_database, drop_database
from workers.embedded import EmbeddedPostgres

ROOT = Path(__file__).parents[2]
_OBJECTS = """
SELECT 'relation', c.oid::regclass::text, c.relkind::text,
       coalesce(pg_get_viewdef(CASE c.relkind WHEN 'v' THEN c.oid END), '')
  FROM pg_class AS c
 WHERE c.relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('finfleet', 'reporting'))
UNION ALL
SELECT 'column', a.attrelid::regclass::text, a.attname,
       concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
                 pg_get_expr(d.adbin, d.adrelid), col_description(a.attrelid, a.attnum))
  FROM pg_attribute AS a
  JOIN pg_class AS c ON c.oid = a.attrelid
  LEFT JOIN pg_attrdef AS d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
 WHERE a.attnum > 0 AND NOT a.attisdropped
   AND c.relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('finfleet', 'reporting'))
UNION ALL
SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
  FROM pg_constraint
 WHERE connamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('finfleet', 'reporting'))
 ORDER BY 1, 2, 3
"""


@pytest.fixture(scope="module")
def migrated_template() -> None:
    """Of these tests each begins with an empty database."""


@pytest.fixture
def url(database_url: str) -> SecretStr:
    return SecretStr(database_url)


def objects(url: SecretStr) -> list[tuple[str, ...]]:
    """Relations, columns and constraints, with all that matters of them."""
    with psycopg.connect(url.get_secret_value()) as connection:
        connection.execute("SET search_path TO pg_catalog")  # so that names come with their schema
        return connection.execute(_OBJECTS).fetchall()


def test_up_down_and_up_again(url: SecretStr) -> None:
    migrate(url)
    first = objects(url)
    assert {name for kind, name, *_ in first if kind == "relation"} >= {"finfleet.collections", "reporting.gaps"}
    migrate(url)  # again changes nothing
    assert objects(url) == first
    with Database(url) as database, database.connection() as connection:
        partitions.create(connection, [("points", date(2026, 11, 24))])
    downgrade(url, "base")
    left = {name for kind, name, *_ in objects(url) if kind == "relation"}
    assert left == {"finfleet.alembic_version", "finfleet.alembic_version_pkc"}
    migrate(url)
    assert objects(url) == first


def test_one_step_at_a_time(url: SecretStr) -> None:
    migrate(url, "0001")
    without_views = objects(url)
    migrate(url)
    downgrade(url, "0001")
    assert objects(url) == without_views


def test_tables_are_those_of_the_model_and_partitions_are_none_of_it(url: SecretStr) -> None:
    tables = metadata.tables.values()
    assert {table.name for table in tables if table.dialect_options["postgresql"]["partition_by"]} == {*PARTITIONED}
    migrate(url)
    check_drift(url)
    with Database(url) as database, database.connection() as connection:
        partitions.create(connection, [(table, date(2026, 11, 24)) for table in PARTITIONED])
    check_drift(url)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE finfleet.targets ADD COLUMN color text",
        "ALTER TABLE finfleet.targets ALTER COLUMN denied_error DROP DEFAULT",
        "ALTER TABLE finfleet.collections ALTER COLUMN refreshes TYPE bigint",
        "DROP INDEX finfleet.collections_due_idx",
        "CREATE TABLE finfleet.points_20261124 (series_id integer)",  # by its name a partition, but none
    ],
)
def test_a_difference_is_found(url: SecretStr, change: str) -> None:
    migrate(url)
    with psycopg.connect(url.get_secret_value()) as connection:
        connection.execute(change.encode())
    with pytest.raises(StorageError, match="New upgrade operations detected"):
        check_drift(url)


def test_several_at_once_wait_for_each_other(url: SecretStr) -> None:
    with ThreadPoolExecutor(3) as pool:
        # Processes, since Alembic's context is one for a process.
        runs = [pool.submit(alembic, url, "upgrade", "head") for _ in range(3)]
    assert [run.result().returncode for run in runs] == [0, 0, 0], [run.result().stderr for run in runs]
    check_drift(url)


def alembic(url: SecretStr, *words: str) -> "subprocess.CompletedProcess[str]":
    """The program `alembic`, as a developer runs it."""
    environment = {**os.environ, "FINFLEET_DATABASE_URL": url.get_secret_value()}
    command = [sys.executable, "-m", "alembic", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_program_alembic_says_that_nothing_differs(url: SecretStr) -> None:
    migrate(url)
    found = alembic(url, "check")
    assert "No new upgrade operations detected" in found.stdout + found.stderr
    assert head() in alembic(url, "current").stdout


def test_a_wheel_migrates_from_any_directory(url: SecretStr, tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, capture_output=True, timeout=60, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "100% installed"  # Alembic's configuration gives % a meaning
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    program = (
        "import os, migrations; from pydantic import SecretStr; from storage.migrate import migrate;"
        "print(migrations.__file__); migrate(SecretStr(os.environ['FINFLEET_DATABASE_URL']))"
    )
    environment = {**os.environ, "PYTHONPATH": str(installed), "FINFLEET_DATABASE_URL": url.get_secret_value()}
    command = [sys.executable, "-P", "-c", program]
    run = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(str(installed))
    check_drift(url)


def test_a_database_that_is_not_migrated_is_told_what_to_do(url: SecretStr) -> None:
    with Database(url) as database, database.connection() as connection:
        with pytest.raises(StorageNotMigrated, match=r"no tables of finfleet yet: run `finfleet db migrate`"):
            check_migrated(connection)
        migrate(url, "0001")
        with pytest.raises(
            StorageNotMigrated, match=rf"at revision 0001, .* needs {head()}: run `finfleet db migrate`"
        ):
            check_migrated(connection)
        migrate(url)
        check_migrated(connection)
        connection.execute("UPDATE finfleet.alembic_version SET version_num = '9999'")
        with pytest.raises(StorageNotMigrated, match=r"9999, of a later release .*: upgrade this installation"):
            check_migrated(connection)
        with pytest.raises(StorageError, match="9999"):
            migrate(url)


def test_a_server_that_cannot_be_reached_is_named_without_its_password() -> None:
    password = secrets.token_hex(8)
    with pytest.raises(StorageUnavailable) as caught:
        migrate(SecretStr(f"postgresql://somebody:{password}@127.0.0.1:1/nowhere"))
    assert "127.0.0.1" in str(caught.value)
    assert password not in "".join(traceback.format_exception(caught.value))


def test_a_lock_that_is_not_had_in_time_is_an_error_that_passes(
    url: SecretStr, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(url, "0001")
    with psycopg.connect(url.get_secret_value()) as other:
        other.execute("LOCK TABLE finfleet.alembic_version")
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(migrate, url, lock_wait=0.2)
            with pytest.raises(StorageUnavailable, match="lock timeout"):
                running.result(30)
    migrate(url)


def test_a_server_that_takes_no_changes_is_said_in_words(url: SecretStr) -> None:
    with psycopg.connect(url.get_secret_value(), autocommit=True) as owner:
        owner.execute(f"ALTER DATABASE {owner.info.dbname} SET default_transaction_read_only TO on".encode())
        with pytest.raises(StorageReadOnly, match="takes no changes now: a replica, or set to read only"):
            migrate(url)
        owner.execute(f"ALTER DATABASE {owner.info.dbname} RESET default_transaction_read_only".encode())
    migrate(url)


def test_databases_of_one_server_share_the_role_that_reads(postgres_server: EmbeddedPostgres, url: SecretStr) -> None:
    server = postgres_server.url.get_secret_value()
    other = SecretStr(create_database(server))
    try:
        migrate(url)
        migrate(other)
        downgrade(url, "base")  # the other one still needs it
        with psycopg.connect(other.get_secret_value()) as connection:
            row = connection.execute("SELECT has_schema_privilege('finfleet_reader', 'reporting', 'USAGE')").fetchone()
            assert row == (True,)
        with psycopg.connect(url.get_secret_value()) as connection:
            assert connection.execute("SELECT to_regnamespace('reporting')").fetchone() == (None,)
    finally:
        drop_database(server, other.get_secret_value())


def test_the_revisions_are_told_without_alembic() -> None:
    scripts = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert scripts.get_heads() == [head()]
    assert [script.revision for script in scripts.walk_revisions()] == [*reversed(revisions())]
    asked = "import sys, workers.commands.status, workers.health.readiness, storage.revision, workers.commands.db"
    told = f"{asked}; print([name for name in ('alembic', 'sqlalchemy') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-P", "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
