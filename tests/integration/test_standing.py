"""What is missing of a database: `db check` names it, `db migrate` brings what it can, and needs no right in vain."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from pydantic import SecretStr

from storage import standing
from storage.database import Database
from storage.migrate import check_drift, downgrade, migrate
from tests.support import writing
from tests.support.commands import CommandLine
from tests.support.databases import create_database
from tests.support.servers import running_postgres
from workers.embedded import EmbeddedPostgres


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    """Roles belong to the whole server, so these tests have one to themselves."""
    with running_postgres() as postgres:
        yield postgres


@pytest.fixture
def admin(server: EmbeddedPostgres) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """An administrator, in a database."""
    url = urlsplit(create_database(server.url.get_secret_value()))
    password = (server.log.parent / "postgres.password").read_text(encoding="utf-8").strip()
    netloc = f"postgres:{password}@{url.hostname}:{url.port}"
    with psycopg.connect(urlunsplit(url._replace(netloc=netloc)), autocommit=True) as connection:
        yield connection
        if connection.execute("SELECT to_regrole('finfleet_reader')").fetchone() != (None,):
            connection.execute("DROP OWNED BY finfleet_reader")
            connection.execute("DROP ROLE finfleet_reader")


@pytest.fixture
def url(server: EmbeddedPostgres, admin: psycopg.Connection[tuple[object, ...]]) -> SecretStr:
    return SecretStr(urlunsplit(urlsplit(server.url.get_secret_value())._replace(path=f"/{admin.info.dbname}")))


def a_role(admin: psycopg.Connection[tuple[object, ...]], url: SecretStr) -> tuple[str, SecretStr]:
    """One that may do nothing yet, and the URL of it."""
    name, password = f"fleet_{secrets.token_hex(4)}", secrets.token_hex(8)
    admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'".encode())
    parts = urlsplit(url.get_secret_value())
    return name, SecretStr(urlunsplit(parts._replace(netloc=f"{name}:{password}@{parts.hostname}:{parts.port}")))


@pytest.mark.parametrize(
    "given",
    [
        "CREATE SCHEMA {} AUTHORIZATION {}",
        "CREATE SCHEMA {0}; GRANT USAGE, CREATE ON SCHEMA {0} TO {1}",
    ],
    ids=["owned", "granted"],
)
def test_schemas_that_an_administrator_has_made_are_enough(
    admin: psycopg.Connection[tuple[object, ...]], url: SecretStr, given: str
) -> None:
    name, theirs = a_role(admin, url)
    for schema in ("finfleet", "reporting"):
        admin.execute(given.format(schema, name).encode())
    migrate(theirs)
    migrate(theirs)
    check_drift(theirs)
    with Database(theirs) as database, database.connection() as connection:
        assert standing.look(connection).needed == ()
        writing.plan(connection)
        run = writing.run()
        writing.put(connection, writing.batch(run), writing.report(run))
        assert writing.count(connection, "points") > 0
    if "GRANT" in given:  # one's own schema goes with the views, and an administrator has to make it again
        downgrade(theirs, "0001")
        migrate(theirs)


def test_a_restore_without_the_role_that_reads_is_named_and_mended(
    admin: psycopg.Connection[tuple[object, ...]], url: SecretStr, tmp_path: Path
) -> None:
    migrate(url)
    # As pg_restore leaves it on a server without the role.
    admin.execute("DROP OWNED BY finfleet_reader")
    admin.execute("DROP ROLE finfleet_reader")
    finfleet = CommandLine(tmp_path, url.get_secret_value(), "")
    assert b"role finfleet_reader is missing: run `finfleet db migrate`" in finfleet.run("db", "check").stdout
    migrate(url)
    with Database(url) as database, database.connection() as connection:
        assert standing.look(connection) == standing.Standing()
    admin.execute("DROP VIEW reporting.gaps CASCADE")
    assert b"view reporting.gaps is missing: run" in finfleet.run("db", "check", status=1).stdout
    migrate(url)
    admin.execute("REVOKE USAGE ON SCHEMA reporting FROM finfleet_reader")
    admin.execute("REVOKE ALL ON reporting.gaps FROM finfleet_reader")
    found = finfleet.run("db", "check").stdout.decode()
    assert "role finfleet_reader may not use schema reporting" in found
    assert "role finfleet_reader may not read reporting.gaps" in found
    migrate(url)
    with Database(url) as database, database.connection() as connection:
        assert standing.look(connection) == standing.Standing()


def test_who_may_not_make_the_role_is_told_the_remedy(
    admin: psycopg.Connection[tuple[object, ...]], url: SecretStr, caplog: pytest.LogCaptureFixture
) -> None:
    name, theirs = a_role(admin, url)
    admin.execute(f"CREATE SCHEMA finfleet AUTHORIZATION {name}; CREATE SCHEMA reporting AUTHORIZATION {name}".encode())
    migrate(theirs)
    caplog.clear()
    migrate(theirs)
    (told,) = [line for line in caplog.messages if "finfleet_reader" in line]
    assert "As an administrator run: CREATE ROLE finfleet_reader NOLOGIN; GRANT USAGE" in told


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ("DROP TABLE finfleet.suspects", "table finfleet.suspects is missing"),
        ("DROP VIEW reporting.gaps CASCADE", "view reporting.gaps is missing: run `finfleet db migrate`"),
        ("REVOKE INSERT, UPDATE ON finfleet.outbox FROM {}", "our role lacks INSERT, UPDATE on finfleet.outbox"),
        ("ALTER TABLE finfleet.points OWNER TO CURRENT_USER", "our role does not own finfleet.points"),
        (
            "ALTER SCHEMA finfleet OWNER TO CURRENT_USER; GRANT USAGE ON SCHEMA finfleet TO {}",
            "our role may not make tables in schema finfleet",
        ),
    ],
)
def test_what_the_fleet_needs_and_lacks_is_named(
    admin: psycopg.Connection[tuple[object, ...]], url: SecretStr, change: str, names: str
) -> None:
    name, theirs = a_role(admin, url)
    admin.execute(f"CREATE SCHEMA finfleet AUTHORIZATION {name}; CREATE SCHEMA reporting AUTHORIZATION {name}".encode())
    migrate(theirs)
    admin.execute(change.format(name).encode())
    with Database(theirs) as database, database.connection() as connection:
        needed = standing.look(connection).needed
    assert [line for line in needed if line.startswith(names)], needed
