"""The forwarder and a destination that fails, throttles, refuses, or is another program."""

import logging
import threading
import time
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

import agents.destinations.openfinops.answer
from agents.destinations.openfinops.client import OpenFinOpsClient
from storage import outbox
from storage.database import Database
from tests.support.forwarding import by_target, forwarding, nothing_waits
from tests.support.outbox import EC2, add_target, fill, make_batch, put, states
from tests.support.scripted_http import OK, Reply, Request, ScriptedServer
from tests.support.waiting import until
from workers.forward import sender

_CANARY = "canary-api-key-0815"

pytestmark = pytest.mark.usefixtures("short_waits")


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[OpenFinOpsClient]:
    with OpenFinOpsClient(server.url, SecretStr(_CANARY), timeout=5) as client:
        yield client


def test_server_errors_open_the_circuit_and_an_answer_closes_it(
    database: Database, server: ScriptedServer, client: OpenFinOpsClient, caplog: pytest.LogCaptureFixture
) -> None:
    server.script = lambda _: Reply(503, b'{"error": "down for maintenance"}')
    with database.connection() as connection:
        keys = fill(connection, targets=4, entries=5)
    with forwarding(database, client) as forwarder:
        until(lambda: not forwarder.circuit.closed)
        settled = len(server.requests)
        until(lambda: len(server.requests) > settled + 2)  # one request at a time tries it
        with database.connection() as connection:
            (line,) = outbox.status(connection)
            assert '503 Service Unavailable: {"error": "down for maintenance"}' in str(line.error)
        server.script = lambda _: OK
        server.requests.clear()
        until(lambda: nothing_waits(database))
        assert forwarder.circuit.closed
        assert forwarder.totals.dead == 0
    assert by_target(server.ingests()) == keys
    assert len([r for r in caplog.records if "the circuit is open" in r.message]) == 1
    assert len([r for r in caplog.records if "the circuit is closed" in r.message]) == 1


def test_what_waits_longest_goes_as_soon_as_the_destination_answers(
    database: Database, server: ScriptedServer, client: OpenFinOpsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "full_jitter", lambda *_: 600.0)  # of the entries; the circuit has its own
    server.script = lambda _: Reply(500)
    with database.connection() as connection:
        keys = fill(connection, targets=5, entries=2)
    with forwarding(database, client) as forwarder:
        until(lambda: not forwarder.circuit.closed)
        server.script = lambda _: OK
        server.requests.clear()
        until(lambda: nothing_waits(database))
    assert by_target(server.ingests()) == keys


def test_a_half_open_circuit_sends_one_request_at_a_time(
    database: Database, server: ScriptedServer, client: OpenFinOpsClient
) -> None:
    under_way, most = 0, 0
    lock = threading.Lock()

    def script(_: Request) -> Reply:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.15)  # long enough for another to come, were it let
        with lock:
            under_way -= 1
        return Reply(500)

    server.script = lambda _: Reply(500)
    with database.connection() as connection:
        fill(connection, targets=6, entries=1)
    with forwarding(database, client, parallel=6) as forwarder:
        until(lambda: not forwarder.circuit.closed and not forwarder._running)
        server.script = script
        before = len(server.requests)
        until(lambda: len(server.requests) > before + 5)
        assert most == 1


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_throttled_destination_is_left_alone_as_long_as_it_asked(
    database: Database, server: ScriptedServer, client: OpenFinOpsClient, form: str
) -> None:
    # A date has whole seconds, so up to one of the two asked for is gone already.
    asked = "2" if form == "seconds" else time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 2))
    shortest = 2.0 if form == "seconds" else 0.9
    times: list[float] = []

    def script(request: Request) -> Reply:
        times.append(time.monotonic())
        return Reply(429, headers={"Retry-After": asked}) if len(times) == 1 else OK

    server.script = script
    with database.connection() as connection:
        keys = fill(connection, targets=2, entries=2)
    with forwarding(database, client, parallel=1) as forwarder:
        until(lambda: nothing_waits(database))
        assert forwarder.totals.retried == 1
    assert times[1] - times[0] >= shortest
    assert by_target(server.ingests()) == keys


def test_an_entry_that_is_refused_is_dead_and_its_neighbours_go_on(
    database: Database, server: ScriptedServer, client: OpenFinOpsClient
) -> None:
    with database.connection() as connection:
        target = add_target(connection, EC2)
        batches = [make_batch() for _ in range(5)]
        ids = [put(connection, target, batch) for batch in batches]
        refused = {str(batches[1].batch_id): 422, str(batches[3].batch_id): 413}
        server.script = lambda request: Reply(
            refused.get(request.key, 200), b'{"error": "of no use"}' if request.key in refused else OK.body
        )
        with forwarding(database, client) as forwarder:
            until(lambda: nothing_waits(database))
            assert forwarder.circuit.closed
        assert list(states(connection).values()) == ["sent", "dead", "sent", "dead", "sent"]
        dead = {entry.outbox_id: entry.error for entry in outbox.dead_entries(connection)}
        assert list(dead) == [ids[1], ids[3]]
        assert "422" in dead[ids[1]]
        assert "of no use" in dead[ids[1]]
        assert [request.key for request in server.ingests()] == [str(batch.batch_id) for batch in batches]

        server.script = lambda _: OK
        assert outbox.replay(connection) == 2
        with forwarding(database, client):
            until(lambda: nothing_waits(database))
        assert set(states(connection).values()) == {"sent"}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"\x80\x04pickle", "not a finfleet message"),
        (b"FF\x63later", "schema version 99"),
        (b"FF\x01cut", "truncated"),
    ],
)
def test_a_body_that_cannot_be_read_is_dead_with_its_reason(
    database: Database, server: ScriptedServer, client: OpenFinOpsClient, body: bytes, says: str
) -> None:
    with database.connection() as connection:
        target = add_target(connection, EC2)
        put(connection, target, make_batch(), body)
        good = make_batch()
        put(connection, target, good)
        with forwarding(database, client):
            until(lambda: nothing_waits(database))
        (dead,) = outbox.dead_entries(connection)
        assert says in dead.error
    assert [request.key for request in server.ingests()] == [str(good.batch_id)]


def test_an_entry_that_always_fails_while_others_are_taken_is_dead_in_the_end(
    database: Database, server: ScriptedServer, client: OpenFinOpsClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "BLAMED_LIMIT", 3)
    with database.connection() as connection:
        target = add_target(connection, EC2)
        poison, behind = make_batch(), make_batch()
        put(connection, target, poison)
        put(connection, target, behind)
        server.script = lambda request: Reply(500) if request.key == str(poison.batch_id) else OK
        with forwarding(database, client):
            until(lambda: len(server.ingests()) >= 6)  # alone, it may be the server: nothing is given up
            assert outbox.dead_entries(connection) == []
            others = fill(connection, targets=1, entries=60)
            until(lambda: nothing_waits(database), 30)
        (dead,) = outbox.dead_entries(connection)
        assert dead.run_id == poison.run.run_id
        assert "3 times while others were taken" in dead.error
    arrived = by_target(server.ingests())
    assert arrived[str(EC2)][-1] == str(behind.batch_id)
    assert {target: arrived[target] for target in others} == others


def test_a_missing_path_is_explained_waits_and_is_not_fatal(
    database: Database, server: ScriptedServer, client: OpenFinOpsClient, caplog: pytest.LogCaptureFixture
) -> None:
    server.script = lambda _: Reply(404, b"")
    with database.connection() as connection:
        keys = fill(connection, targets=2, entries=2)
        with forwarding(database, client, parallel=1) as forwarder:
            until(lambda: forwarder.totals.retried == 1)
            (line,) = outbox.status(connection)
            assert (line.pending, line.dead) == (4, 0)
            assert f"POST {server.url}/api/v1/agents/register: 404 Not Found" in str(line.error)
            assert "start OpenFinOps's TelemetryServer" in str(line.error)
            assert "404 Not Found" in caplog.text
            wait = connection.execute(b"SELECT max(due_at) - now() FROM finfleet.outbox").fetchone()
            assert wait
            assert 50 < wait[0].total_seconds() <= 60
        # Mended, and started again.
        server.script = lambda _: OK
        outbox.wake(connection, "openfinops")
        with forwarding(database, client):
            until(lambda: nothing_waits(database))
    assert by_target(server.ingests()) == keys


def test_an_agent_that_is_refused_does_not_hold_its_telemetry(
    database: Database, server: ScriptedServer, client: OpenFinOpsClient
) -> None:
    server.script = lambda request: OK if request.key else Reply(400, b'{"error": "Missing required fields"}')
    with database.connection() as connection:
        keys = fill(connection, targets=1, entries=2)
    with forwarding(database, client):
        until(lambda: nothing_waits(database))
    assert by_target(server.ingests()) == keys


def test_a_slow_server_is_given_up_and_tried_again(database: Database, server: ScriptedServer) -> None:
    slow = threading.Event()

    def script(request: Request) -> Reply:
        if request.key and len(server.ingests()) == 1:
            slow.wait(10)
        return OK

    server.script = script
    with database.connection() as connection:
        (keys,) = fill(connection, targets=1, entries=3).values()
    with OpenFinOpsClient(server.url, timeout=0.3) as client, forwarding(database, client) as forwarder:
        until(lambda: nothing_waits(database))
        slow.set()
        assert forwarder.totals.retried == 1
    # Whether the first was taken nobody knows: it came again, with the same key.
    assert [request.key for request in server.ingests()] == [keys[0], *keys]


def test_agents_are_registered_again_after_an_outage(
    database: Database, server: ScriptedServer, client: OpenFinOpsClient
) -> None:
    def registered() -> int:
        return len([request for request in server.requests if request.path.endswith("register")])

    with database.connection() as connection:
        target = add_target(connection, EC2)
        put(connection, target, make_batch())
        with forwarding(database, client) as forwarder:
            until(lambda: nothing_waits(database))
            assert registered() == 1
            server.script = lambda _: Reply(502)
            put(connection, target, make_batch())
            until(lambda: not forwarder.circuit.closed)
            server.script = lambda _: OK
            until(lambda: nothing_waits(database))
            before = registered()
            put(connection, target, make_batch())
            until(lambda: nothing_waits(database))
            assert registered() == before + 1


def test_the_key_is_in_no_log_and_no_table(
    database: Database,
    server: ScriptedServer,
    client: OpenFinOpsClient,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    statuses = iter([500, 401, 400])
    echo = f'{{"error": "your key is {_CANARY}"}}'.encode()

    def script(request: Request) -> Reply:
        assert request.headers["Authorization"] == f"Bearer {_CANARY}"
        return Reply(next(statuses, 400), echo) if request.key else OK

    server.script = script
    monkeypatch.setattr(agents.destinations.openfinops.answer, "LONG_WAIT", 0.1)
    with database.connection() as connection:
        fill(connection, targets=3, entries=1)
        with forwarding(database, client, parallel=1):
            until(lambda: len(server.ingests()) >= 3)
            until(lambda: "dead" in states(connection).values())
        text = str(connection.execute(b"SELECT error FROM finfleet.outbox").fetchall())
    assert "your key is ********" in text
    assert "401" in caplog.text
    assert "canary" not in caplog.text + text + repr(client)
