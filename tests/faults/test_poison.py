"""A message that ends whoever reads it becomes a dead letter; those that lie beside it are never taken for it."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage import dead_letters
from storage.database import Database
from tests.support import writing
from tests.support.brokers import Broker, Lending, publish, receive
from tests.support.ingesting import put, run_messages, running_ingest, totals, windows
from tests.support.prepared import prepared
from tests.support.processes import until_ended
from tests.support.waiting import until
from workers.ingest.lane import ALONE_AFTER, FIRST_AFTER

CARRIERS = [pytest.param("redis"), pytest.param("amqp", marks=pytest.mark.amqp)]
POISON = b"a body that ends the process"
PROGRAM = "tests.support.poisoned_run:main"
MOST_DEATHS = 12
_WITHIN = 100.0


@pytest.fixture(params=CARRIERS)
def broker(request: pytest.FixtureRequest, brokers: Lending) -> Iterator[Broker]:
    with brokers.lend(request.param) as running:
        yield running


def test_the_one_that_ends_the_process_is_found_and_its_neighbours_are_stored(
    broker: Broker, database: Database, database_url: str, tmp_path: Path
) -> None:
    with (
        closing(broker.carrier("poisoned")) as carrier,
        closing(broker.carrier("beside")) as beside,
        prepared("tests.support.poisoned_run") as programs,
        database.connection() as connection,
    ):
        good = [run_messages(writing.run(window=window), series=1, batches=1) for window in windows(connection, 18)]
        for messages in good[:6]:
            put(carrier, *messages)
        publish(carrier, POISON)
        for messages in good[6:12]:
            put(carrier, *messages)
        # Another queue, whose reader ends each time with the process, and has done nothing.
        for messages in good[12:]:
            put(beside, *messages)
        arguments = ["poisoned_run", broker.url, database_url, "poisoned", "beside", POISON.decode()]
        deaths, deadline = 0, time.monotonic() + _WITHIN

        def done() -> bool:
            return dead_letters.count_waiting(connection) >= 1 and totals(connection)[4] == len(good)

        while not done():
            with programs.running(PROGRAM, arguments, os.environ, tmp_path / "log") as process:
                until(lambda: process.ended or done(), deadline - time.monotonic(), "a death, or the end")
                if process.ended:
                    deaths += 1
                    assert deaths <= MOST_DEATHS
                else:
                    process.send_signal(signal.SIGTERM)
                    until_ended([process.pid], 30)
        assert totals(connection)[4] == len(good)
        (letter,) = dead_letters.listing(connection)
        kept = dead_letters.get(connection, letter.dead_letter_id)
        assert kept is not None
        assert (kept.body, kept.reason_code) == (POISON, "poison")
        assert "each of the 6 times that it was tried alone" in kept.reason
        (left,) = connection.execute("SELECT count(*) FROM finfleet.suspects WHERE tries > 0").fetchone() or (9,)
        assert left == 0


@pytest.mark.parametrize(("deliveries", "first"), [(ALONE_AFTER, "its neighbours"), (FIRST_AFTER, "itself")])
def test_one_that_was_delivered_very_often_goes_before_its_neighbours(
    deliveries: int, first: str, brokers: Lending, database: Database
) -> None:
    # Whoever ends the process each time that something was stored would else condemn what comes next, time and again.
    with (
        brokers.lend("redis") as broker,
        closing(broker.carrier("often")) as carrier,
        database.connection() as connection,
    ):
        suspect, *others = (run_messages(writing.run(window=one), 1, 1)[0] for one in windows(connection, 3))
        put(carrier, suspect)
        with closing(carrier.consumer()) as dead, broker.redis() as client:
            (delivery,) = receive(dead, 1)
            # Long ago, and as often: to be taken over counts as one more.
            times = {"idle": 3_600_000, "retrycount": deliveries - 1}
            client.xclaim("often:stream", "ingest", "dead", 0, [delivery.tag], **times)
            put(carrier, *others)
            client.xreadgroup("ingest", "dead", {"often:stream": ">"})
            beside = [row["message_id"] for row in client.xpending_range("often:stream", "ingest", "-", "+", 9)[1:]]
            client.xclaim("often:stream", "ingest", "dead", 0, beside, idle=3_600_000)
            with running_ingest(carrier, database):
                until(lambda: totals(connection)[2] == 3, 20, "all are stored")
        stored = connection.execute("SELECT run_id FROM finfleet.outbox ORDER BY outbox_id").fetchall()
        place = [run_id for (run_id,) in stored].index(suspect.run.run_id)
        assert place == (0 if first == "itself" else 2)
