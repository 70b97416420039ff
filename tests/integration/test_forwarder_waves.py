"""The forwarder, a proxy that refuses everything for a while, and entries that are themselves to blame."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from agents.destinations.openfinops.client import OpenFinOpsClient
from storage import outbox
from storage.database import Database
from telemetry.target import Target
from tests.support.forwarding import by_target, forwarding, nothing_waits
from tests.support.openfinops import keys_by_target, running_openfinops
from tests.support.outbox import EC2, add_target, fill, make_batch, put, states
from tests.support.scripted_http import OK, Reply, Request, ScriptedServer
from tests.support.waiting import until

PAGE = Reply(400, b"<html>Bad Request</html>", {"Content-Type": "text/html"})
BLANKETS = {
    "a page": PAGE,
    "nothing": Reply(413, b"", {}),
    "in the form of OpenFinOps": Reply(400, b'{"error": "Invalid telemetry data"}'),
    "not UTF-8": Reply(422, b"\xff\xfe\x00"),
}

pytestmark = pytest.mark.usefixtures("short_waits")


def _through(url: str) -> Callable[[Request], Reply]:
    """What a proxy does that lets everything pass."""

    def script(request: Request) -> Reply:
        kept = {name: value for name, value in request.headers.items() if name in {"Authorization", "Idempotency-Key"}}
        answer = httpx.request(request.method, url + request.path, json=request.body, headers=kept, trust_env=False)
        return Reply(answer.status_code, answer.content)

    return script


@pytest.mark.parametrize("form", BLANKETS)
def test_behind_a_proxy_that_refuses_everything_no_entry_dies_and_all_arrive_later(
    database: Database, server: ScriptedServer, client: OpenFinOpsClient, tmp_path: Path, form: str
) -> None:
    with running_openfinops(tmp_path / "openfinops") as openfinops:
        server.script = _through(openfinops.url)
        with database.connection() as connection:
            keys = fill(connection, targets=4, entries=2)
        with forwarding(database, client) as forwarder:
            until(lambda: nothing_waits(database), 30)
            server.script = lambda _: BLANKETS[form]
            with database.connection() as connection:
                for target_id, name in enumerate(keys, 1):
                    batches = [make_batch(Target.parse(name)) for _ in range(8)]
                    keys[name] += [str(batch.batch_id) for batch in batches]
                    for batch in batches:
                        put(connection, target_id, batch)
            until(lambda: not forwarder.circuit.closed)
            before = len(server.requests)
            until(lambda: len(server.requests) > before + 20)  # one at a time tries it
            assert forwarder.totals.dead == 0
            server.script = _through(openfinops.url)
            until(lambda: nothing_waits(database), 30)
            assert forwarder.circuit.closed
            assert (forwarder.totals.sent, forwarder.totals.dead) == (40, 0)
        arrived = keys_by_target(openfinops)
    assert {target: sorted(found) for target, found in arrived.items()} == {
        target: sorted(expected) for target, expected in keys.items()
    }


def test_a_proxy_that_refuses_telemetry_alone_costs_none_either(
    database: Database, server: ScriptedServer, client: OpenFinOpsClient
) -> None:
    server.script = lambda request: PAGE if request.key else OK
    with database.connection() as connection:
        keys = fill(connection, targets=3, entries=6)
    with forwarding(database, client) as forwarder:
        until(lambda: not forwarder.circuit.closed)
        before = len(server.ingests())
        until(lambda: len(server.ingests()) > before + 20)
        assert forwarder.totals.dead == 0
        server.script = lambda _: OK
        server.requests.clear()
        until(lambda: nothing_waits(database))
        assert forwarder.totals.dead == 0
    arrived = by_target(server.ingests())
    assert {target: set(found) for target, found in arrived.items()} == {
        target: set(expected) for target, expected in keys.items()
    }


def test_one_target_with_bad_entries_alone_goes_on_soon_and_in_order(
    database: Database, server: ScriptedServer, client: OpenFinOpsClient
) -> None:
    """Nothing but what is behind them can tell that it is they."""
    with database.connection() as connection:
        target = add_target(connection, EC2)
        batches = [make_batch() for _ in range(12)]
        for batch in batches:
            put(connection, target, batch)
        bad = {str(batches[index].batch_id) for index in (0, 4, 5, 11)}
        server.script = lambda request: PAGE if request.key in bad else OK
        with forwarding(database, client) as forwarder:
            until(lambda: forwarder.totals.dead == 3)
            until(lambda: forwarder.totals.sent == 8)
            # Of the last nothing tells, until there is another.
            assert list(states(connection).values()).count("pending") == 1
            batches.append(make_batch())
            put(connection, target, batches[-1])
            until(lambda: nothing_waits(database))
            assert (forwarder.totals.sent, forwarder.totals.dead) == (9, 4)
            assert forwarder.circuit.closed
        assert {str(entry.run_id) for entry in outbox.dead_entries(connection)} == {
            str(batch.run.run_id) for batch in batches if str(batch.batch_id) in bad
        }
    taken = [request.key for request in server.ingests() if request.key not in bad]
    assert taken == [str(batch.batch_id) for batch in batches if str(batch.batch_id) not in bad]


def test_bad_entries_at_the_head_of_every_target_die_in_the_end(
    database: Database, server: ScriptedServer, client: OpenFinOpsClient
) -> None:
    with database.connection() as connection:
        keys = fill(connection, targets=3, entries=4)
    bad = {found[0] for found in keys.values()}
    server.script = lambda request: PAGE if request.key in bad else OK
    with forwarding(database, client) as forwarder:
        until(lambda: nothing_waits(database), 30)
        assert (forwarder.totals.sent, forwarder.totals.dead) == (9, 3)


def test_a_lone_bad_entry_opens_no_circuit_and_delays_no_other_target(
    database: Database, server: ScriptedServer, client: OpenFinOpsClient
) -> None:
    bad = make_batch()
    server.script = lambda request: PAGE if request.key == str(bad.batch_id) else OK
    with database.connection() as connection, forwarding(database, client) as forwarder:
        put(connection, add_target(connection, EC2), bad)
        until(lambda: len(server.ingests()) > 8)
        assert forwarder.circuit.closed
        assert forwarder.totals.dead == 0
        fill(connection, targets=1, entries=3)
        until(lambda: nothing_waits(database))
        assert (forwarder.totals.sent, forwarder.totals.dead) == (3, 1)


def test_what_was_never_sent_says_nothing_of_the_destination(
    database: Database, server: ScriptedServer, client: OpenFinOpsClient
) -> None:
    server.script = lambda _: Reply(500)
    with database.connection() as connection:
        target = add_target(connection, EC2)
        put(connection, target, make_batch())
        with forwarding(database, client) as forwarder:
            until(lambda: not forwarder.circuit.closed)
            dead = add_target(connection, Target("aws", "prod", "us-west-2", "ec2"))
            for body in (b"not ours", b"FF\x01cut", b"FF\x63later"):
                put(connection, dead, make_batch(), body)
            until(lambda: forwarder.totals.dead == 3)
            assert not forwarder.circuit.closed
            server.script = lambda _: OK
            until(lambda: nothing_waits(database))
            assert (forwarder.totals.sent, forwarder.totals.dead) == (1, 3)
