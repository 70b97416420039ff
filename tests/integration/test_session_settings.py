"""What the server, the database or the role has set changes nothing of ours."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from storage.database import Database
from storage.errors import StorageUnsuitable
from storage.migrate import check_drift, migrate
from storage.session import SETTINGS
from tests.support import writing
from tests.support.command_runs import RunsFinfleet
from tests.support.databases import drop_database
from tests.support.pgbouncer import PgBouncer, running_pgbouncer
from workers.embedded import EmbeddedPostgres

_THEIRS = {
    "search_path": "theirs, pg_catalog",
    "TimeZone": "Asia/Tokyo",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "iso_8601",
    "standard_conforming_strings": "off",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "quote_all_identifiers": "on",
    "extra_float_digits": "-15",
    "client_min_messages": "error",
    "default_transaction_isolation": "serializable",
}
_ELSEWHERE = {"client_encoding": "LATIN1", "statement_timeout": "1", "lock_timeout": "1"}


@pytest.fixture(scope="module")
def pooler(postgres_server: EmbeddedPostgres) -> Iterator[PgBouncer]:
    with running_pgbouncer(postgres_server.url.get_secret_value()) as running:
        yield running


@pytest.fixture(params=["server", "pooler"])
def url(request: pytest.FixtureRequest, database_url: str) -> SecretStr:
    """Of a database whose owner has set everything in another way."""
    through = request.getfixturevalue("pooler") if request.param == "pooler" else None
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute("CREATE SCHEMA theirs")
        owner.execute("CREATE FUNCTION theirs.now() RETURNS timestamptz LANGUAGE sql RETURN 'epoch'::timestamptz")
        name = sql.Identifier(owner.info.dbname)
        for setting, value in {**_THEIRS, **_ELSEWHERE}.items():
            change = sql.SQL("ALTER DATABASE {} SET {} TO {}")
            values = sql.SQL(", ").join(map(sql.Literal, value.split(", ")))
            owner.execute(change.format(name, sql.Identifier(setting), values))
    return SecretStr(through.before(database_url) if through else database_url)


def test_each_setting_is_ours_in_a_transaction_and_out_of_one(url: SecretStr) -> None:
    assert _THEIRS.keys() == SETTINGS.keys()
    names = [*SETTINGS, "transaction_isolation", "client_encoding"]
    wanted = {**SETTINGS, "transaction_isolation": "read committed", "client_encoding": "UTF8"}
    with Database(url) as database, database.connection() as connection:
        for _ in range(2):
            row = connection.execute("SELECT " + ", ".join(f"current_setting('{name}')" for name in names)).fetchone()
            assert dict(zip(names, row or (), strict=True)) == wanted
        with connection.transaction(), connection.transaction():
            row = connection.execute("SELECT " + ", ".join(f"current_setting('{name}')" for name in names)).fetchone()
            assert dict(zip(names, row or (), strict=True)) == wanted


def test_values_come_as_they_went(url: SecretStr) -> None:
    values = (
        datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC),
        timedelta(days=3, seconds=-7, microseconds=1),
        0.1 + 0.2,
        ["a\\b", None, "NULL", "東京 '"],
    )
    with Database(url) as database, database.connection() as connection:
        row = connection.execute(
            "SELECT %s::timestamptz, %s::interval, %s::float8, %s::text[], now()", values
        ).fetchone()
        assert row is not None
        assert row[:4] == values
        assert row[4].tzinfo is not None
        assert row[4] - datetime.now(UTC) < timedelta(minutes=5)
        assert row[4].year > 1970


def test_a_run_is_written_and_the_schema_is_found_to_be_ours(url: SecretStr) -> None:
    migrate(url)
    check_drift(url)
    with Database(url) as database, database.connection() as connection:
        writing.plan(connection)
        run = writing.run()
        writing.put(connection, writing.batch(run, points=(("i-1", 0, 0.1 + 0.2),)), writing.report(run))
        assert list(writing.points(connection).values()) == [0.1 + 0.2]


def test_a_database_that_is_not_utf_8_is_refused_in_words(
    postgres_server: EmbeddedPostgres, finfleet_program: RunsFinfleet, tmp_path: Path
) -> None:
    server = postgres_server.url.get_secret_value()
    name = "in_latin_1"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0")
    url = server.rpartition("/")[0] + f"/{name}"
    try:
        with (
            Database(SecretStr(url)) as database,
            pytest.raises(StorageUnsuitable, match=r"its encoding is LATIN1, .* ENCODING 'UTF8'"),
            database.connection(),
        ):
            pass
        with pytest.raises(StorageUnsuitable, match="its encoding is LATIN1"):
            migrate(SecretStr(url))
        # Nothing that waiting mends: whoever supervises a process does not start it again.
        environment = {**os.environ, "FINFLEET_DATABASE_URL": url}
        done = finfleet_program(("db", "check"), environment, tmp_path)
        assert (done.returncode, b"its encoding is LATIN1" in done.stderr) == (78, True)
    finally:
        drop_database(server, url)
