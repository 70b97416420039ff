"""The consumer between a real broker and a real Postgres, on both carriers."""

import pickle
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from kombu.connection import Connection as Link

from storage import dead_letters
from storage.database import Connection, Database
from tasks.results import NAME, Carrier
from telemetry.codec import MAGIC, encode
from telemetry.push.sources import Pushers
from telemetry.target import Target
from tests.support import pushing, writing
from tests.support.brokers import Broker, Lending, publish, until_depth
from tests.support.hostile_batches import frame, pack
from tests.support.ingesting import ingest, put, run_messages, running_ingest, totals, windows
from tests.support.waiting import until

CARRIERS = [pytest.param("redis"), pytest.param("amqp", marks=pytest.mark.amqp)]


@pytest.fixture(scope="module", params=CARRIERS)
def broker(request: pytest.FixtureRequest, brokers: Lending) -> Iterator[Broker]:
    with brokers.lend(request.param) as running:
        yield running


@pytest.fixture
def carrier(broker: Broker) -> Iterator[Carrier]:
    with closing(broker.carrier()) as carrier:
        yield carrier


def test_batches_and_reports_become_rows_and_complete_windows(carrier: Carrier, database: Database) -> None:
    with database.connection() as connection:
        for window in windows(connection, 10):
            put(carrier, *run_messages(writing.run(window=window), series=5, batches=2))
        with running_ingest(carrier, database):
            _until_settled(connection, 10)
        assert totals(connection)[:1] + totals(connection)[2:] == (100, 20, 20, 10, 0)


def test_three_times_and_out_of_order_is_once(carrier: Carrier, database: Database) -> None:
    with database.connection() as connection:
        first, second, third = windows(connection, 3)
        wanted = run_messages(writing.run(window=second), series=4, batches=3)
        before = run_messages(writing.run(window=first), series=4, batches=1)
        after = run_messages(writing.run(window=third), series=4, batches=1)
        # The report first, then the batches backwards, among their neighbours, three times.
        for _ in range(3):
            put(carrier, *before, *reversed(wanted), *after, wanted[1])
        with running_ingest(carrier, database):
            _until_settled(connection, 3)
            # The last of the repetitions too.
            until_depth(carrier, 0)
        points, _, batches, outbox, complete, dead = totals(connection)
        assert (points, batches, outbox, complete, dead) == (4 * 5, 5, 5, 3, 0)


def _impossible() -> bytes:
    batch = writing.batch(writing.run(), points=(("i-1", 0, float("nan")),))
    return frame(pack(batch))


BAD = {
    "malformed: not a finfleet message": b"hello",
    "malformed: not a finfleet message: it begins with bytes 80 04 95": pickle.dumps({"a": 1}),
    "malformed: the body cannot be decompressed": encode(writing.batch(writing.run()))[:-7],
    "unknown_schema: schema version 250": MAGIC + bytes([250]) + b"whatever it may be",
    "invalid: points.value[0]: nan": _impossible(),
    "unplanned: target aws/nobody/us-east-1/ec2": encode(
        writing.batch(writing.run(Target("aws", "nobody", "us-east-1", "ec2")))
    ),
}


def test_what_is_bad_is_a_dead_letter_with_its_reason_and_its_neighbours_are_untouched(
    carrier: Carrier, database: Database
) -> None:
    with database.connection() as connection:
        for window, bad in zip(windows(connection, len(BAD)), BAD.values(), strict=True):
            batch, report = run_messages(writing.run(window=window), series=3, batches=1)
            put(carrier, batch, bad, report, bad)
        with running_ingest(carrier, database):
            _until_settled(connection, len(BAD))
            # It goes on with what comes later.
            (window,) = windows(connection, 1, Target("aws", "default", "eu-west-1", "ec2"))
            later = writing.run(Target("aws", "default", "eu-west-1", "ec2"), window)
            put(carrier, *run_messages(later, series=3, batches=1))
            _until_settled(connection, len(BAD) + 1)
        letters = {f"{letter.reason_code}: {letter.reason}": letter for letter in dead_letters.listing(connection)}
        for reason in BAD:
            assert any(found.startswith(reason) for found in letters), (reason, list(letters))
        # Each of them came twice, and is there once.
        assert sorted(letter.times for letter in letters.values()) == [2] * len(BAD)
        points, _, batches, outbox, complete, _ = totals(connection)
        assert (points, batches, outbox, complete) == (3 * len(BAD) + 3, len(BAD) + 1, len(BAD) + 1, len(BAD) + 1)


def test_a_producer_without_our_code_publishes_as_the_docs_say(broker: Broker, database: Database) -> None:
    # The queue of the docs, not one of the test's own: no test before this one has used it on this broker.
    with closing(broker.carrier(NAME)) as carrier, database.connection() as connection:
        if broker.kind == "redis":
            with broker.redis() as client:
                client.xadd(f"{NAME}:stream", {"id": "my-message-1", "body": pushing.body()})
        else:
            # Exchange and queue are there since whoever came first made them.
            publish(carrier, pushing.body())
            with Link(broker.url) as link, link.Producer() as producer:
                metric = {"name": "from_elsewhere", "value": 1}
                producer.publish(pushing.body(metrics=[metric]), exchange=NAME, routing_key=NAME)
        consumer = replace(ingest(carrier, database), pushers=Pushers.alone("training"))
        with running_ingest(carrier, database, consumer=consumer):
            count = 1 if broker.kind == "redis" else 2
            until(lambda: totals(connection)[0] == count, 20, "what was pushed is stored")


def test_a_lock_that_somebody_holds_is_waited_for(carrier: Carrier, database: Database) -> None:
    with database.connection() as connection:
        (window,) = windows(connection, 1)
        with running_ingest(carrier, database):
            with connection.transaction():
                connection.execute("LOCK TABLE finfleet.batches")
                put(carrier, *run_messages(writing.run(window=window), series=2, batches=1))
                until(lambda: _waiting(database), what="the writer waits for the lock")
            _until_settled(connection, 1)
        assert totals(connection)[0] == 2


def _until_settled(connection: Connection, count: int) -> None:
    until(lambda: totals(connection)[4] == count, 20, f"{count} windows are complete")


def _waiting(database: Database) -> bool:
    with database.connection() as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        ).fetchone()
    return row is not None and row[0] > 0
