"""A reader that holds every lock it can stops neither the planner nor ingest, retention or a migration."""

import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from storage import ledger, locks
from storage.database import Database
from storage.errors import StorageUnavailable
from storage.migrate import downgrade, migrate
from storage.timeouts import Timeouts
from telemetry.target import Window
from tests.support import writing as w
from tests.support.forgetting import Forgotten, forget
from tests.support.ledger import NOW, minutes, plan, sync, take
from tests.support.waiting import until

_KEYS = (0x66696E66, 0x66696E66_01, 0x66696E66_02)
"""What a planner, a writer and a migration of former releases took."""
_BOUND = 15.0
"""Seconds."""


@pytest.fixture
def reader(database: Database, database_url: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Sessions as finfleet_reader: all advisory locks, all views locked and read, one idle, one in a long query."""
    with database.connection() as connection:
        w.plan(connection)
        run = w.run()
        w.put(connection, w.batch(run, rates=[("i-1", 0, "0.1")]), w.report(run))
        name = f"reader_{secrets.token_hex(4)}"
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'canary' IN ROLE finfleet_reader".encode())
    with ExitStack() as stack:
        idle, busy = (
            stack.enter_context(closing(psycopg.connect(database_url, user=name, password="canary"))) for _ in range(2)
        )
        views = idle.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'reporting'::regnamespace AND relkind = 'v'"
        ).fetchall()
        for key in _KEYS:
            idle.execute("SELECT pg_advisory_lock(%s)", (key,))
        for (view,) in views:
            idle.execute(sql.SQL("LOCK TABLE reporting.{} IN ACCESS SHARE MODE").format(sql.Identifier(view)))
            idle.execute(sql.SQL("SELECT * FROM reporting.{}").format(sql.Identifier(view)))
        busy.pgconn.send_query(b"SELECT count(*), pg_sleep(600) FROM reporting.coverage")
        busy.pgconn.flush()
        yield idle
        busy.cancel()
    with database.connection() as connection:
        connection.execute(f"DROP ROLE {name}".encode())


def forgotten(connection: Any) -> Forgotten:
    day = timedelta(days=1)
    return forget(connection, w.NOW + 30 * day, points=day, runs=timedelta(0), sent=timedelta(0))


@pytest.mark.usefixtures("reader")
def test_planner_and_ingest_do_not_notice_and_retention_leaves_what_is_read(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    began = time.monotonic()
    with database.connection() as connection:
        sync(connection, plan("eu-west-1", backfill=minutes(10)))
        assert ledger.open_windows(connection, "aws", "ec2", NOW) > 0
        ledger.heal_gaps(connection, NOW)
        assert take(connection)
        later = Window(w.START + timedelta(days=1), w.START + timedelta(days=1, minutes=5))
        w.plan(connection, window=later)
        run = w.run(window=later)
        w.put(connection, w.batch(run), w.report(run))  # of a day that has no partition yet
        assert w.ledger(connection, "state")[-1] == ("complete",)
        assert forgotten(connection).days == 0
    assert time.monotonic() - began < _BOUND
    assert "sealing: finfleet.points_20261124 is in use: the next run drops it" in caplog.messages
    assert "retention: finfleet.cost_rates is in use: its old days stay until the next time" in caplog.messages


def test_retention_drops_them_when_the_reader_is_gone(
    database: Database, reader: psycopg.Connection[tuple[Any, ...]]
) -> None:
    reader.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%, pg_sleep(600)%'"
        " AND pid <> pg_backend_pid() AND usename = current_user"
    )
    reader.close()
    dropped: list[int] = []
    with database.connection() as connection:

        def both() -> bool:
            """One by one, where the server has not ended the reader's session yet."""
            dropped.append(forgotten(connection).days)
            return sum(dropped) == 2

        until(both, what="the days are dropped")


@pytest.mark.usefixtures("reader")
def test_a_migration_of_nothing_goes_through_and_one_that_needs_a_table_says_so(database_url: str) -> None:
    url = SecretStr(database_url)
    began = time.monotonic()
    migrate(url)
    with pytest.raises(StorageUnavailable, match="lock timeout: somebody reads or changes a table without an end"):
        downgrade(url, "0001", lock_wait=0.5)
    migrate(url)
    assert time.monotonic() - began < _BOUND


def test_a_reader_can_have_no_lock_of_ours(reader: psycopg.Connection[tuple[Any, ...]]) -> None:
    for statement in (
        "SELECT FROM finfleet.locks FOR UPDATE",
        "LOCK TABLE finfleet.locks IN ACCESS SHARE MODE",
        "LOCK TABLE finfleet.alembic_version IN ACCESS SHARE MODE",
        "LOCK TABLE reporting.coverage IN SHARE MODE",
        "SELECT FROM reporting.coverage FOR UPDATE",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), reader.transaction():
            reader.execute(statement.encode())


def test_a_lock_that_somebody_else_holds_is_waited_for_within_bounds(database_url: str, database: Database) -> None:
    impatient = Timeouts(statement=minutes(1), lock=timedelta(seconds=0.3), idle=minutes(1))
    with (
        psycopg.connect(database_url) as other,
        Database(SecretStr(database_url), timeouts=impatient) as ours,
    ):
        other.execute("SELECT FROM finfleet.locks WHERE name = 'dispatch' FOR UPDATE")
        with pytest.raises(StorageUnavailable, match="lock timeout") as caught, ours.connection() as connection:
            take(connection)
        assert (caught.value.code, caught.value.about_input) == ("55P03", None)
    with database.connection() as connection, connection.transaction():
        locks.take(connection, "new")
        locks.take(connection, "new")
