"""Faults that are no answer: of our own code over one entry, of the loop, and of a database that takes nothing."""

from collections.abc import Callable
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from agents.destinations.openfinops.client import OpenFinOpsClient
from agents.destinations.openfinops.shape import Telemetry
from storage import outbox
from storage.database import Database
from tests.support.forwarding import by_target, forwarding, nothing_waits
from tests.support.outbox import EC2, add_target, fill, make_batch, put
from tests.support.scripted_http import ScriptedServer
from tests.support.waiting import until
from workers.forward import Forwarder

pytestmark = pytest.mark.usefixtures("short_waits")


@pytest.mark.parametrize("fault", [UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"), RecursionError(), MemoryError()])
def test_a_fault_over_one_entry_is_that_entrys_own(
    database: Database,
    server: ScriptedServer,
    client: OpenFinOpsClient,
    monkeypatch: pytest.MonkeyPatch,
    fault: Exception,
) -> None:
    poison, behind = make_batch(), make_batch()
    ingest = client.ingest

    def fail(telemetry: Telemetry) -> None:
        if telemetry.idempotency_key == str(poison.batch_id):
            raise fault
        ingest(telemetry)

    monkeypatch.setattr(client, "ingest", fail)
    with database.connection() as connection:
        target = add_target(connection, EC2)
        put(connection, target, poison)
        put(connection, target, behind)
        keys = fill(connection, targets=2, entries=3)
        with forwarding(database, client) as running:
            until(lambda: nothing_waits(database))
            assert (running.totals.sent, running.totals.dead) == (7, 1)
            assert running.circuit.closed
        (dead,) = outbox.dead_entries(connection)
    assert dead.run_id == poison.run.run_id
    assert dead.error == f"not sent: {type(fault).__name__}: see the log (5 times)"
    assert by_target(server.ingests()) == {**keys, str(EC2): [str(behind.batch_id)]}


def test_a_fault_of_a_turn_or_of_the_loop_ends_nothing(
    database: Database, server: ScriptedServer, client: OpenFinOpsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats, looks = iter(range(1000)), iter(range(1000))
    waiting = Forwarder._waiting_targets

    def beat() -> None:
        if next(beats) in {1, 3}:
            raise OSError("No space left on device")

    def look(running: Forwarder, *given: object) -> object:
        if next(looks) in {0, 2}:
            raise RuntimeError("can't start new thread")
        return waiting(running, *given)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr(Forwarder, "_waiting_targets", look)
    with database.connection() as connection:
        keys = fill(connection, targets=3, entries=3)
    with forwarding(database, client, heartbeat=beat):
        until(lambda: nothing_waits(database), 20)
    arrived = by_target(server.ingests())
    assert {target: list(dict.fromkeys(found)) for target, found in arrived.items()} == keys


def _end_sessions(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    connection.execute(
        b"SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        b" WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def _read_only(connection: psycopg.Connection[tuple[object, ...]], url: str) -> Callable[[], object]:
    def switch(word: str) -> None:
        connection.execute(b"SET default_transaction_read_only TO off")
        name = sql.Identifier(urlsplit(url).path.removeprefix("/"))
        connection.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only TO " + word).format(name))
        _end_sessions(connection)

    switch("on")
    return lambda: switch("off")


def _without_a_right(connection: psycopg.Connection[tuple[object, ...]], _: str) -> Callable[[], object]:
    connection.execute(b"REVOKE UPDATE ON finfleet.outbox FROM CURRENT_USER")
    return lambda: connection.execute(b"GRANT UPDATE ON finfleet.outbox TO CURRENT_USER")


def _without_a_table(connection: psycopg.Connection[tuple[object, ...]], _: str) -> Callable[[], object]:
    connection.execute(b"ALTER TABLE finfleet.outbox RENAME TO away")
    return lambda: connection.execute(b"ALTER TABLE finfleet.away RENAME TO outbox")


CASES = [
    (_read_only, "read-only transaction"),
    (_without_a_right, "permission denied"),
    (_without_a_table, "finfleet db migrate"),
]


@pytest.mark.parametrize(("spoil", "says"), CASES)
def test_a_database_that_takes_nothing_is_waited_for_and_told(
    database_url: str,
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[psycopg.Connection[tuple[object, ...]], str], Callable[[], object]],
    says: str,
) -> None:
    beats: list[None] = []
    with (
        Database(SecretStr(database_url)) as database,
        ScriptedServer() as server,
        OpenFinOpsClient(server.url, timeout=5) as client,
        psycopg.connect(database_url, autocommit=True) as admin,
    ):
        with database.connection() as connection:
            keys = fill(connection, targets=2, entries=3)
        mend = spoil(admin, database_url)
        with forwarding(database, client, heartbeat=lambda: beats.append(None)) as running:
            until(lambda: says in caplog.text)
            waited = len(beats)
            until(lambda: len(beats) > waited + 3)
            assert running.totals.sent == 0
            mend()
            until(lambda: nothing_waits(database), 20)
            assert running.totals.dead == 0
    assert by_target(server.ingests()) == keys
    told = [record.getMessage() for record in caplog.records if says in record.getMessage()]
    # Sessions that were ended are another reason, which may come in between.
    assert len(told) <= (3 if spoil is _read_only else 1), "it is told once, not at each try"
    assert caplog.text.count("the outbox can be used again") <= 2
    assert "the outbox can be used again" in caplog.text
