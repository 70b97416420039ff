"""Behind PgBouncer in transaction mode: everything works, and nothing of a session is left to the next one."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import psycopg
import pytest
from pydantic import SecretStr

from agents.destinations.openfinops.client import OpenFinOpsClient
from storage import outbox
from storage.database import Database
from storage.errors import StorageUnavailable
from storage.maintenance import maintain
from storage.migrate import check_drift, downgrade, migrate
from storage.retention import Kept
from storage.revision import check_migrated
from storage.session import SETTINGS, Session
from tasks import plan
from tasks.results import open_carrier
from tests.support import writing
from tests.support.databases import create_database, drop_database
from tests.support.forwarding import by_target, forwarding, nothing_waits
from tests.support.ingesting import put, run_messages, running_ingest, totals, windows
from tests.support.outbox import fill
from tests.support.pgbouncer import SERVER_CONNECTIONS, PgBouncer, running_pgbouncer
from tests.support.planning import planning
from tests.support.scripted_http import ScriptedServer
from tests.support.sealing import values
from tests.support.waiting import until
from workers.embedded import EmbeddedPostgres

_TRACKED = {"TimeZone", "DateStyle", "standard_conforming_strings"}
"""PgBouncer itself keeps these apart for each client."""
_SET = [name for name in (*SETTINGS, "statement_timeout", "lock_timeout") if name not in _TRACKED]


@pytest.fixture(scope="module")
def pooler(postgres_server: EmbeddedPostgres) -> Iterator[PgBouncer]:
    with running_pgbouncer(postgres_server.url.get_secret_value()) as running:
        yield running


@pytest.fixture
def pooled_url(pooler: PgBouncer, database_url: str) -> SecretStr:
    return SecretStr(pooler.before(database_url))


@pytest.fixture
def pooled(pooled_url: SecretStr, database_url: str) -> Iterator[Database]:
    with nothing_left(pooled_url, database_url), Database(pooled_url, size=8) as database:
        yield database


@contextmanager
def nothing_left(pooled_url: SecretStr, database_url: str) -> Iterator[None]:
    """Fail the test unless every connection that the pooler keeps is at the end as it was made."""
    yield
    together = Barrier(SERVER_CONNECTIONS)

    def look(_: int) -> list[object]:
        with psycopg.connect(pooled_url.get_secret_value(), prepare_threshold=None) as connection:
            found = _shown(connection)
            together.wait(10)  # each in a transaction, so that no two look at the same one
            return found

    with psycopg.connect(database_url) as fresh, ThreadPoolExecutor(SERVER_CONNECTIONS) as threads:
        assert list(threads.map(look, range(SERVER_CONNECTIONS))) == [_shown(fresh)] * SERVER_CONNECTIONS


def _shown(connection: psycopg.Connection[tuple[object, ...]]) -> list[object]:
    settings = connection.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", (_SET,)).fetchall()
    return [*settings, connection.execute("SELECT name FROM pg_prepared_statements").fetchall()]


def test_statements_of_many_sessions_share_connections(pooled: Database) -> None:
    def ask(number: int) -> list[object]:
        with pooled.connection() as connection:
            assert isinstance(connection, Session)
            assert connection.each_transaction
            # More often than a statement is run before psycopg would prepare it.
            return [connection.execute("SELECT %s::int, now()", (number,)).fetchone() for _ in range(8)]

    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(ask, range(24)))
    assert [[row[0] for row in rows if isinstance(row, tuple)] for rows in found] == [[n] * 8 for n in range(24)]


def test_ingest_writes_and_forwards(
    pooled: Database, redis_url: str, server: ScriptedServer, client: OpenFinOpsClient
) -> None:
    with closing(open_carrier(SecretStr(redis_url))) as carrier, pooled.connection() as connection:
        for window in windows(connection, 10):
            put(carrier, *run_messages(writing.run(window=window), series=5, batches=2))
        with running_ingest(carrier, pooled):
            until(lambda: totals(connection)[4] == 10)
        assert totals(connection)[:1] + totals(connection)[2:] == (100, 20, 20, 10, 0)
    with pooled.connection() as connection:
        keys = fill(connection, targets=3, entries=4)
    with forwarding(pooled, client):
        until(lambda: nothing_waits(pooled))
    sent = by_target(server.ingests())
    assert {target: sent[target] for target in keys} == keys
    with pooled.connection() as connection:
        assert outbox.dead_entries(connection) == []


def test_a_planner_plans_and_sweeps(pooled: Database, pooled_url: SecretStr, redis_url: str, tmp_path: Path) -> None:
    with planning(pooled, pooled_url.get_secret_value(), redis_url, tmp_path):
        for _ in range(2):
            plan.fan_out("aws", "ec2")
            plan.sweep()
    with pooled.connection() as connection:
        assert writing.count(connection, "collections WHERE state = 'dispatched'") > 0


def test_migrations_follow_each_other(pooler: PgBouncer, postgres_server: EmbeddedPostgres) -> None:
    server = postgres_server.url.get_secret_value()
    direct = create_database(server)
    url = SecretStr(pooler.before(direct))
    try:
        with nothing_left(url, direct):
            for _ in range(2):
                migrate(url, lock_wait=1)
            check_drift(url)
            downgrade(url, "0001")
            migrate(url)
            with Database(url) as database, database.connection() as connection:
                check_migrated(connection)
    finally:
        drop_database(server, direct)


def test_a_migration_that_was_killed_leaves_no_turn_behind(pooled: Database, pooled_url: SecretStr) -> None:
    with psycopg.connect(pooled_url.get_secret_value(), prepare_threshold=None) as killed:
        killed.execute("LOCK TABLE finfleet.alembic_version IN SHARE UPDATE EXCLUSIVE MODE")
        killed.pgconn.finish()  # without a word, as a process that is killed
    migrate(pooled_url, lock_wait=5)
    with pooled.connection() as connection:
        check_migrated(connection)


def test_a_pooler_that_has_no_transactions_is_refused_in_words(
    postgres_server: EmbeddedPostgres, database_url: str
) -> None:
    with (
        running_pgbouncer(postgres_server.url.get_secret_value(), "statement") as pooler,
        Database(SecretStr(pooler.before(database_url)), wait=0.5) as database,
        pytest.raises(StorageUnavailable, match="not allowed in statement pooling mode"),
        database.connection() as connection,
    ):
        connection.execute("SELECT 1")


def test_maintenance_works_over_a_pooler_and_leaves_the_vacuum_to_the_server(pooled: Database) -> None:
    with pooled.connection() as connection:
        writing.plan(connection)
        of = writing.run()
        writing.put(connection, writing.batch(of), writing.report(of))
        done = {one.step: one for one in maintain(pooled, writing.START + timedelta(days=3), Kept())}
        assert [one.error for one in done.values() if one.error] == []
        assert done["seal"].count == 1
        assert len(values(connection)) == 1
        later = maintain(pooled, writing.START + timedelta(days=4), Kept())
        assert {one.step: one.count for one in later}["sealed days"] == 1
        assert len(values(connection)) == 1
