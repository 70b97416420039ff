"""A message that ends whoever reads it becomes a dead letter; those that lie beside it are never taken for it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from storage import dead_letters
from storage.database import Database
from tests.support import writing
from tests.support.brokers import Broker, Lending, publish
from tests.support.ingesting import put, run_messages, totals, windows

CARRIERS = [pytest.param("redis"), pytest.param("amqp", marks=pytest.mark.amqp)]
POISON = b"a body that ends the process"
MOST_DEATHS = 12
_WITHIN = 100.0


@pytest.fixture(params=CARRIERS)
def broker(request: pytest.FixtureRequest, brokers: Lending) -> Iterator[Broker]:
    with brokers.lend(request.param) as running:
        yield running


def test_the_one_that_ends_the_process_is_found_and_its_neighbours_are_stored(
    broker: Broker, database: Database, database_url: str
) -> None:
    with (
        closing(broker.carrier("poisoned")) as carrier,
        closing(broker.carrier("beside")) as beside,
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
        arguments = [broker.url, database_url, "poisoned", "beside", POISON.decode()]
        deaths, deadline = 0, time.monotonic() + _WITHIN
        while dead_letters.count_waiting(connection) < 1 or totals(connection)[4] < len(good):
            assert time.monotonic() < deadline, (deaths, totals(connection))
            command = [sys.executable, "-m", "tests.support.poisoned_run", *arguments]
            process = subprocess.Popen(command, env=dict(os.environ))
            while process.poll() is None and time.monotonic() < deadline:
                if dead_letters.count_waiting(connection) and totals(connection)[4] == len(good):
                    process.terminate()
                    process.wait(30)
                    break
                time.sleep(0.05)
            else:
                process.kill()
                process.wait()
                deaths += 1
                assert deaths <= MOST_DEATHS
        assert totals(connection)[4] == len(good)
        (letter,) = dead_letters.listing(connection)
        kept = dead_letters.get(connection, letter.dead_letter_id)
        assert kept is not None
        assert (kept.body, kept.reason_code) == (POISON, "poison")
        assert "each of the 4 times that it was tried alone" in kept.reason
        (left,) = connection.execute("SELECT count(*) FROM finfleet.suspects WHERE tries > 0").fetchone() or (9,)
        assert left == 0
