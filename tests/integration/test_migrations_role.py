"""The role finfleet_reader on a server of its own: made and dropped by whoever may, and missed by nobody else."""

import logging
import re
import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from pydantic import SecretStr

from storage.migrate import check_drift, downgrade, migrate
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
    with psycopg.connect(server.url.get_secret_value(), autocommit=True) as connection:
        yield connection


@pytest.fixture
def url(server: EmbeddedPostgres) -> SecretStr:
    return SecretStr(create_database(server.url.get_secret_value()))


def has_role(admin: psycopg.Connection[tuple[object, ...]]) -> bool:
    return admin.execute("SELECT to_regrole('finfleet_reader') IS NOT NULL").fetchone() == (True,)


def test_the_last_downgrade_takes_the_role_away(admin: psycopg.Connection[tuple[object, ...]], url: SecretStr) -> None:
    assert not has_role(admin)
    migrate(url)
    assert has_role(admin)
    downgrade(url, "base")
    assert not has_role(admin)
    migrate(url)
    downgrade(url, "base")


def test_a_role_that_somebody_was_given_stays(
    admin: psycopg.Connection[tuple[object, ...]], url: SecretStr, caplog: pytest.LogCaptureFixture
) -> None:
    migrate(url)
    admin.execute("CREATE ROLE analyst IN ROLE finfleet_reader")
    with caplog.at_level(logging.WARNING, "finfleet.migrations"):
        downgrade(url, "base")
    assert "role finfleet_reader stays: it has members" in caplog.messages
    assert has_role(admin)
    migrate(url)
    admin.execute("DROP ROLE analyst")
    downgrade(url, "base")
    assert not has_role(admin)


def test_what_others_put_beside_the_views_stays(
    admin: psycopg.Connection[tuple[object, ...]], url: SecretStr, caplog: pytest.LogCaptureFixture
) -> None:
    migrate(url)
    with psycopg.connect(url.get_secret_value()) as connection:
        connection.execute("CREATE TABLE reporting.budget AS SELECT 100 AS amount")
    with caplog.at_level(logging.WARNING, "finfleet.migrations"):
        downgrade(url, "base")
    assert "schema reporting stays: it holds what is not of finfleet" in caplog.messages
    with psycopg.connect(url.get_secret_value()) as connection:
        assert connection.execute("SELECT amount FROM reporting.budget").fetchone() == (100,)
        connection.execute("DROP TABLE reporting.budget")
    migrate(url)
    downgrade(url, "base")
    assert not has_role(admin)


def test_who_may_not_create_roles_migrates_all_the_same_and_is_told_the_remedy(
    admin: psycopg.Connection[tuple[object, ...]], url: SecretStr, caplog: pytest.LogCaptureFixture
) -> None:
    owner, password = f"owner_{secrets.token_hex(4)}", secrets.token_hex(8)
    admin.execute(f"CREATE ROLE {owner} LOGIN PASSWORD '{password}'".encode())
    parts = urlsplit(url.get_secret_value())
    admin.execute(f"GRANT CREATE ON DATABASE {parts.path[1:]} TO {owner}".encode())
    theirs = SecretStr(urlunsplit(parts._replace(netloc=f"{owner}:{password}@{parts.hostname}:{parts.port}")))

    with caplog.at_level(logging.WARNING, "finfleet.migrations"):
        migrate(theirs)
    (told,) = caplog.messages
    assert f"role finfleet_reader was not created: {owner} may not create roles" in told
    check_drift(theirs)
    with psycopg.connect(theirs.get_secret_value(), autocommit=True) as connection:
        assert connection.execute("SELECT * FROM reporting.coverage").fetchall() == []
        # A view is made anew as well without the role.
        connection.execute("DROP VIEW reporting.gaps CASCADE")
        migrate(theirs)
        assert connection.execute("SELECT * FROM reporting.gaps").fetchall() == []
        # The remedy, word for word: the first statement as an administrator, the others as the owner.
        create, *grants = re.findall(r"((?:CREATE|GRANT|ALTER) [^;]+);", told)
        admin.execute(create.encode())
        for grant in grants:
            connection.execute(grant.encode())
        row = connection.execute("SELECT has_table_privilege('finfleet_reader', 'reporting.gaps', 'SELECT')").fetchone()
        assert row == (True,)

    with caplog.at_level(logging.WARNING, "finfleet.migrations"):
        downgrade(theirs, "base")
    assert f"role finfleet_reader stays: {owner} may not drop it" in caplog.messages
    admin.execute("DROP ROLE finfleet_reader")


def test_a_view_that_another_role_makes_is_granted_to_the_reader_too(
    admin: psycopg.Connection[tuple[object, ...]], url: SecretStr
) -> None:
    owner, deployer, password = f"owner_{secrets.token_hex(4)}", f"deployer_{secrets.token_hex(4)}", "canary"
    admin.execute("CREATE ROLE finfleet_reader NOLOGIN")
    admin.execute(f"CREATE ROLE {owner} LOGIN PASSWORD '{password}'".encode())
    admin.execute(f"CREATE ROLE {deployer} LOGIN PASSWORD '{password}' IN ROLE {owner}".encode())
    parts = urlsplit(url.get_secret_value())
    admin.execute(f"GRANT CREATE ON DATABASE {parts.path[1:]} TO {owner}".encode())
    as_owner, as_deployer = (
        SecretStr(urlunsplit(parts._replace(netloc=f"{role}:{password}@{parts.hostname}:{parts.port}")))
        for role in (owner, deployer)
    )
    migrate(as_owner)
    # Default privileges are of the role that set them: of what the member makes, the reader would see nothing.
    with psycopg.connect(as_deployer.get_secret_value()) as connection:
        connection.execute("DROP VIEW reporting.daily_costs, reporting.costs CASCADE")
    migrate(as_deployer)
    with psycopg.connect(as_deployer.get_secret_value(), autocommit=True) as connection:
        for view in ("costs", "daily_costs", "gaps"):
            row = connection.execute(
                "SELECT has_table_privilege('finfleet_reader', %s, 'SELECT')", (f"reporting.{view}",)
            )
            assert row.fetchone() == (True,), view
        assert connection.execute("SELECT * FROM reporting.daily_costs").fetchall() == []
    migrate(as_owner)  # who may look at what the member made, and has nothing to change
    downgrade(as_deployer, "base")
    if has_role(admin):
        admin.execute("DROP ROLE finfleet_reader")


_SETTINGS = "SELECT unnest(setconfig) FROM pg_db_role_setting WHERE setrole = to_regrole('finfleet_reader') ORDER BY 1"


def test_the_role_waits_for_nothing_for_ever(admin: psycopg.Connection[tuple[object, ...]], url: SecretStr) -> None:
    migrate(url)
    assert admin.execute(_SETTINGS).fetchall() == [
        ("idle_in_transaction_session_timeout=5min",),
        ("lock_timeout=30s",),
        ("statement_timeout=15min",),
    ]
    downgrade(url, "0003")
    assert admin.execute(_SETTINGS).fetchall() == []
    downgrade(url, "base")


def test_who_may_not_alter_the_role_migrates_all_the_same_and_is_told(
    admin: psycopg.Connection[tuple[object, ...]], url: SecretStr, caplog: pytest.LogCaptureFixture
) -> None:
    owner, password = f"owner_{secrets.token_hex(4)}", secrets.token_hex(8)
    admin.execute("CREATE ROLE finfleet_reader NOLOGIN")
    admin.execute(f"CREATE ROLE {owner} LOGIN PASSWORD '{password}'".encode())
    parts = urlsplit(url.get_secret_value())
    admin.execute(f"GRANT CREATE ON DATABASE {parts.path[1:]} TO {owner}".encode())
    theirs = SecretStr(urlunsplit(parts._replace(netloc=f"{owner}:{password}@{parts.hostname}:{parts.port}")))
    with caplog.at_level(logging.WARNING, "finfleet.migrations"):
        migrate(theirs)
    (told,) = caplog.messages
    assert f"role finfleet_reader got no timeouts: {owner} may not alter it" in told
    check_drift(theirs)
    for remedy in re.findall(r"(ALTER ROLE [^;]+);", told):
        admin.execute(remedy.encode())
    assert len(admin.execute(_SETTINGS).fetchall()) == 3
    downgrade(theirs, "base")
    admin.execute("DROP ROLE finfleet_reader")
