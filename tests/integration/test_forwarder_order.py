"""The forwarder: everything arrives, once per key, in the order of each target."""

import threading
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from agents.destinations.openfinops.client import OpenFinOpsClient
from storage import outbox
from storage.database import Database
from tests.support.forwarding import by_target, forwarding, nothing_waits
from tests.support.openfinops import ask, keys_by_target, running_openfinops
from tests.support.outbox import EC2, add_target, fill, make_batch, put, states
from tests.support.proxy import Proxy
from tests.support.scripted_http import OK, Reply, Request, ScriptedServer
from tests.support.waiting import patient, until


def test_openfinops_stopped_for_the_whole_run_gets_everything_after_it(database: Database, tmp_path: Path) -> None:
    with running_openfinops(tmp_path / "openfinops") as openfinops, OpenFinOpsClient(openfinops.url) as client:
        openfinops.stop()
        beats: list[float] = []
        with forwarding(database, client, heartbeat=lambda: beats.append(time.monotonic())) as forwarder:
            with database.connection() as connection:
                keys = fill(connection, targets=4, entries=8)
            until(lambda: not forwarder.circuit.closed)
            lived = len(beats)
            until(lambda: len(beats) > lived)  # an idle loop is alive
            assert forwarder.totals.sent == 0
            openfinops.start()
            until(lambda: nothing_waits(database), 30)
            assert forwarder.circuit.closed
            assert (forwarder.totals.sent, forwarder.totals.dead) == (32, 0)
        assert keys_by_target(openfinops) == keys
        agents = {agent["agent_id"] for agent in ask(openfinops, "/api/v1/agents")["agents"]}
        assert agents == {f"finfleet:{target}" for target in keys}
        assert ask(openfinops, "/api/v1/metrics/summary")["total_agents"] == 4


def test_targets_go_side_by_side_and_a_slow_one_holds_none(
    database: Database, server: ScriptedServer, client: OpenFinOpsClient
) -> None:
    slow = threading.Event()

    def script(request: Request) -> Reply:
        if request.body["agent_id"].endswith("region-0/ec2") and request.key:
            slow.wait(20)
        return OK

    server.script = script
    with database.connection() as connection:
        keys = fill(connection, targets=3, entries=10)
    with forwarding(database, client):
        held = keys.pop("aws/prod/region-0/ec2")
        until(lambda: {k: v for k, v in by_target(server.ingests()).items() if "region-0" not in k} == keys)
        assert by_target(server.ingests())["aws/prod/region-0/ec2"] == held[:1]
        slow.set()
        until(lambda: nothing_waits(database))
    assert by_target(server.ingests())["aws/prod/region-0/ec2"] == held


def test_two_forwarders_side_by_side_keep_the_order(database: Database, server: ScriptedServer) -> None:
    seen: set[str] = set()
    both_at_work = threading.Event()

    def script(request: Request) -> Reply:
        both_at_work.wait(20)
        # A third fails at first, so that heads wait and change hands.
        fails = request.key[:1] in set("02468") and request.key not in seen
        seen.add(request.key)
        return Reply(500) if fails else OK

    server.script = script
    with database.connection() as connection:
        keys = fill(connection, targets=5, entries=20)
    with ExitStack() as stack:
        clients = [stack.enter_context(OpenFinOpsClient(server.url, timeout=5)) for _ in range(2)]
        forwarders = [stack.enter_context(forwarding(database, client)) for client in clients]
        until(lambda: len(server.requests) == 5)  # a forwarder alone has three targets at most
        both_at_work.set()
        until(lambda: nothing_waits(database), 60)
    arrived = by_target(server.ingests())
    # The first arrival of each key is in order; one that failed came again before the next.
    assert {target: list(dict.fromkeys(found)) for target, found in arrived.items()} == keys
    for found in arrived.values():
        assert found == sorted(found, key=list(dict.fromkeys(found)).index)
    assert sum(forwarder.totals.sent for forwarder in forwarders) == 100
    assert all(forwarder.totals.sent > 0 for forwarder in forwarders)


def test_what_comes_in_while_it_runs_goes_out(
    database: Database, server: ScriptedServer, client: OpenFinOpsClient
) -> None:
    with forwarding(database, client), database.connection() as connection:
        target = add_target(connection, EC2)
        for count in range(1, 4):
            put(connection, target, make_batch())
            until(lambda count=count: len(server.ingests()) == count)  # type: ignore[misc]  # this turn's count
        until(lambda: nothing_waits(database))
        assert set(states(connection).values()) == {"sent"}
        assert len([request for request in server.requests if request.path.endswith("register")]) == 1


def test_it_stops_within_seconds_while_a_request_hangs_and_loses_nothing(
    database: Database, server: ScriptedServer
) -> None:
    hang = threading.Event()

    def script(_: Request) -> Reply:
        hang.wait(20)
        return OK

    server.script = script
    with database.connection() as connection:
        keys = fill(connection, targets=3, entries=2)
    with OpenFinOpsClient(server.url, timeout=30) as client:
        with forwarding(database, client):
            until(lambda: len(server.requests) == 3)
            asked = time.monotonic()
        assert time.monotonic() - asked < patient(3)
        with database.connection() as connection:
            assert set(states(connection).values()) == {"pending"}
            # What we broke off ourselves is no failure.
            assert connection.execute(b"SELECT max(attempts), max(error) FROM finfleet.outbox").fetchone() == (0, "")
        hang.set()
        server.script = lambda _: OK
        server.requests.clear()
        with forwarding(database, client):
            until(lambda: nothing_waits(database))
    assert by_target(server.ingests()) == keys


def test_a_database_that_goes_away_is_waited_for(
    database_url: str, server: ScriptedServer, client: OpenFinOpsClient
) -> None:
    with (
        Proxy(int(urlsplit(database_url).port or 0)) as proxy,
        Database(SecretStr(proxy.before(database_url)), size=4, wait=1) as behind,
        Database(SecretStr(database_url)) as database,
    ):
        with database.connection() as connection:
            keys = fill(connection, targets=3, entries=10)

        def script(_: Request) -> Reply:
            if len(server.ingests()) in {5, 10, 15}:
                proxy.cut()
            return OK

        server.script = script
        with forwarding(behind, client):
            until(lambda: nothing_waits(database), 60)
    arrived = by_target(server.ingests())
    assert {target: list(dict.fromkeys(found)) for target, found in arrived.items()} == keys
    assert len(server.ingests()) > 30  # what was cut before its commit came again, with the same key


def test_sent_entries_keep_no_body(database: Database, client: OpenFinOpsClient) -> None:
    with database.connection() as connection:
        fill(connection, targets=1, entries=3)
        with forwarding(database, client):
            until(lambda: nothing_waits(database))
        row = connection.execute(b"SELECT count(body), count(sent_at) FROM finfleet.outbox").fetchone()
        assert row == (0, 3)
        (line,) = outbox.status(connection)
        assert (line.sent, line.error) == (3, None)
