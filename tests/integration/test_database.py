"""The pool: what every connection is set to, and what a caller learns when the database is away or refuses."""

import logging
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr

from storage.database import Database
from storage.errors import (
    StorageError,
    StorageForbidden,
    StorageNotMigrated,
    StorageReadOnly,
    StorageRejected,
    StorageUnavailable,
)
from telemetry.errors import ConfigError
from tests.support.waiting import until


def test_a_connection_is_set_up(database_url: str) -> None:
    with (
        Database(SecretStr(database_url), application="finfleet test") as database,
        database.connection() as connection,
    ):
        shown = [
            connection.execute(f"SHOW {name}".encode()).fetchone()
            for name in ("timezone", "search_path", "application_name", "idle_in_transaction_session_timeout")
        ]
        assert shown == [("UTC",), ("pg_catalog",), ("finfleet test",), ("1min",)]
        assert connection.autocommit


def test_a_connection_that_broke_is_replaced(database_url: str) -> None:
    with Database(SecretStr(database_url), size=1) as database:
        with database.connection() as connection:
            first = connection.info.backend_pid
        with Database(SecretStr(database_url), size=1) as other, other.connection() as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", (first,))
        with database.connection() as connection:
            assert connection.execute("SELECT pg_backend_pid() <> %s", (first,)).fetchone() == (True,)


def test_who_finds_all_connections_lent_is_told_so(database_url: str) -> None:
    with (
        Database(SecretStr(database_url), size=1, wait=0.2) as database,
        database.connection(),
        pytest.raises(StorageUnavailable, match="all 1 connections are in use"),
        database.connection(),
    ):
        pass


def test_who_waited_while_the_pool_gave_up_is_served_when_the_server_is_back(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    name = database_url.rsplit("/", 1)[1]

    def ask(database: Database) -> int | None:
        with database.connection() as connection:
            return connection.execute("SELECT 1").rowcount

    with (
        Database(SecretStr(database_url)) as keeps,
        keeps.connection() as owner,
        Database(SecretStr(database_url), size=1, wait=2) as database,
        ThreadPoolExecutor() as threads,
        caplog.at_level(logging.WARNING, "psycopg.pool"),
    ):
        owner.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 0".encode())
        first = threads.submit(ask, database)
        until(lambda: caplog.text.count("error connecting") >= 2)
        second = threads.submit(ask, database)
        until(lambda: "reconnection attempt in pool" in caplog.text)
        owner.execute(f"ALTER DATABASE {name} CONNECTION LIMIT -1".encode())
        assert isinstance(first.exception(), StorageUnavailable)
        assert second.result() == 1


def test_a_transaction_that_was_left_open_is_rolled_back(database_url: str) -> None:
    with Database(SecretStr(database_url), size=1) as database:
        with database.connection() as connection:
            connection.execute("BEGIN")
            connection.execute("CREATE TABLE public.gone (id int)")
        with database.connection() as connection:
            assert connection.execute("SELECT to_regclass('public.gone')").fetchone() == (None,)


def test_who_is_refused_is_told_why_and_no_password(database_url: str) -> None:
    wrong = re.sub(r":[^:@]*@", ":canary-of-a-secret@", database_url)
    with Database(SecretStr(wrong), wait=1.0) as database:
        with pytest.raises(StorageUnavailable, match="password authentication failed") as caught, database.connection():
            pass
        assert "canary-of-a-secret" not in f"{caught.value!r} {database!r} {caught.value.__cause__!r}"


def test_a_database_that_is_not_there_is_unavailable() -> None:
    with (
        Database(SecretStr("postgresql://finfleet:canary-of-a-secret@127.0.0.1:1/finfleet"), wait=0.5) as database,
        pytest.raises(StorageUnavailable, match=r"127\.0\.0\.1:1/finfleet"),
        database.connection(),
    ):
        pass


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("SELECT 1e400::float8", StorageRejected),
        ("INSERT INTO finfleet.runs (run_id) VALUES (NULL)", StorageRejected),
        ("SELECT * FROM finfleet.no_such_table", StorageNotMigrated),
        ("SELECT pg_terminate_backend(pg_backend_pid())", StorageUnavailable),
        ("SELEC", StorageError),
    ],
)
def test_errors_of_the_driver_become_ours(database: Database, statement: str, kind: type[StorageError]) -> None:
    with pytest.raises(StorageError) as caught, database.connection() as connection:
        connection.execute(statement.encode())
    assert type(caught.value) is kind
    assert caught.value.transient == (kind is StorageUnavailable)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://finfleet:canary@h/x",
        "host=h password=canary",
        "postgresql://finfleet:can/ary@h/x",
        "postgresql://finfleet:can@ary@h/x",
        "postgresql://finfleet:canary@h:port/x",
    ],
)
def test_an_address_that_cannot_be_read_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        Database(SecretStr(url))
    assert "canary" not in str(caught.value)
    assert "ary@h" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "kind", "about_input"),
    [
        ("25006", StorageReadOnly, False),
        ("42501", StorageForbidden, False),
        ("53300", StorageUnavailable, False),
        ("57P01", StorageUnavailable, False),
        ("08006", StorageUnavailable, False),
        # The server's trouble, or that of this very transaction: whether it repeats tells.
        ("53100", StorageUnavailable, None),
        ("53200", StorageUnavailable, None),
        ("40001", StorageUnavailable, None),
        ("55P03", StorageUnavailable, None),
        ("57014", StorageUnavailable, None),
        ("54001", StorageRejected, True),
        ("22003", StorageRejected, True),
        ("23514", StorageRejected, True),
        ("42P01", StorageNotMigrated, False),
        ("XX000", StorageError, None),
    ],
)
def test_an_error_says_whose_fault_it_is(
    database: Database, code: str, kind: type[StorageError], about_input: bool | None
) -> None:
    raises = f"DO $$ BEGIN RAISE EXCEPTION 'so it is' USING ERRCODE = '{code}'; END $$"
    with pytest.raises(StorageError, match="so it is") as caught, database.connection() as connection:
        connection.execute(raises.encode())
    assert (type(caught.value), caught.value.code, caught.value.about_input) == (kind, code, about_input)


def test_nothing_is_waited_for_without_an_end(database: Database) -> None:
    with database.connection() as connection:
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            assert connection.execute("SELECT current_setting(%s)", (name,)).fetchone() != ("0",)
