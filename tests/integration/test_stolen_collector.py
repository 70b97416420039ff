"""A collector in wrong hands: it has the grants of its provider's attempts, and reaches nothing beyond them."""

from collections.abc import Iterator
from contextlib import closing

import msgspec
import pytest
from pydantic import SecretStr

from storage import dead_letters
from storage.database import Database
from tasks.results import Carrier, open_carrier
from telemetry.batch import Batch
from tests.support import writing
from tests.support.brokers import publish
from tests.support.hostile_batches import frame, pack
from tests.support.ingesting import put, run_messages, running_ingest, windows
from tests.support.waiting import until


@pytest.fixture
def carrier(redis_url: str) -> Iterator[Carrier]:
    with closing(open_carrier(SecretStr(redis_url))) as carrier:
        yield carrier


def _unchecked(batch: Batch) -> bytes:
    """As a publisher would send it that checks nothing."""
    return frame(pack(batch))


def test_it_writes_nothing_of_another_provider(carrier: Carrier, database: Database) -> None:
    with database.connection() as connection:
        (window,) = windows(connection, 1)
        batch, report = run_messages(writing.run(window=window), series=1, batches=1)
        assert isinstance(batch, Batch)
        foreign = [msgspec.structs.replace(one, provider="azure") for one in batch.resources]
        stolen = msgspec.structs.replace(batch, resources=foreign)
        pushed = [msgspec.structs.replace(one, provider="generic", account="training") for one in batch.resources]
        with running_ingest(carrier, database):
            publish(carrier, _unchecked(stolen), _unchecked(msgspec.structs.replace(batch, resources=pushed)))
            until(lambda: dead_letters.count_waiting(connection) == 2, 20, "both are refused")
            assert {letter.reason_code for letter in dead_letters.listing(connection)} == {"invalid"}
            assert all("resources[0].provider" in letter.reason for letter in dead_letters.listing(connection))
            put(carrier, batch, report)
            until(lambda: writing.ledger(connection, "state") == [("complete",)], 20, "its own is stored")
        assert connection.execute("SELECT DISTINCT provider FROM finfleet.resources").fetchall() == [("aws",)]
