"""kill -9 of the ingest consumer, again and again while records flow: nothing lost, nothing twice."""

import random
import signal
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from storage.database import Connection, Database
from tests.support import writing
from tests.support.brokers import Lending
from tests.support.ingesting import ingest_process, put, run_messages, totals, windows
from tests.support.prepared import prepared
from tests.support.waiting import until

KILLS = {"redis": 15, "amqp": 10}
WINDOWS = 80
BATCHES = 5
SERIES = 500  # records in a batch; 200,000 points in all


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", [pytest.param("redis"), pytest.param("amqp", marks=pytest.mark.amqp)])
def test_many_kills_lose_nothing_and_double_nothing(
    kind: str, brokers: Lending, database: Database, database_url: str, tmp_path: Path
) -> None:
    chance = random.Random(30)
    with (
        brokers.lend(kind) as broker,
        prepared("workers.commands.ingest") as programs,
        database.connection() as connection,
        closing(broker.carrier("finfleet.results")) as carrier,
    ):
        planned = windows(connection, WINDOWS)
        done = threading.Event()

        def produce() -> None:
            for window in planned:
                put(carrier, *run_messages(writing.run(window=window), SERIES, BATCHES))
            done.set()

        producer = threading.Thread(target=produce)
        producer.start()
        for kill in range(KILLS[kind]):
            # What the former one had under way may still be committed: that is no progress of the next.
            until(lambda: not _is_written_to(connection), 60, "the server has done with what was killed")
            before = _batches(connection)
            with ingest_process(programs, broker, database_url, tmp_path) as process:
                # The consumer is at work: something was committed, or all is done already.
                until(_further(connection, before), 60, "progress")
                assert not _all(connection), f"all was written before kill {kill}: the kills hit nothing"
                # Anywhere in the next transactions.
                threading.Event().wait(chance.uniform(0, 0.02))
                process.send_signal(signal.SIGKILL)
        producer.join()
        assert done.is_set()
        with ingest_process(programs, broker, database_url, tmp_path) as process:
            until(lambda: process.ended or totals(connection)[4] == WINDOWS, 60, "all windows are complete")
            assert not process.ended
        expected_sum = WINDOWS * sum(
            number * 1e6 * SERIES + SERIES * (SERIES - 1) / 2 for number in range(1, BATCHES + 1)
        )
        batches = WINDOWS * BATCHES
        assert totals(connection) == (batches * SERIES, expected_sum, batches, batches, WINDOWS, 0)


def _is_written_to(connection: Connection) -> bool:
    others = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    return connection.execute(f"{others} AND state <> 'idle'".encode()).fetchone() is not None


def _further(connection: Connection, before: int) -> Callable[[], bool]:
    return lambda: _batches(connection) > before or _all(connection)


def _batches(connection: Connection) -> int:
    return writing.count(connection, "batches")


def _all(connection: Connection) -> bool:
    return _batches(connection) == WINDOWS * BATCHES
