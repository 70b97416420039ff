"""How the ingest takes its transactions: as much as waits, by records, and acknowledged when it is committed."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest
from pydantic import SecretStr

from storage.database import Database
from storage.writer import Written
from tasks.results import Carrier, Consumer, Delivery, open_carrier
from telemetry.settings.model import IngestSettings
from tests.support import writing
from tests.support.ingesting import ingest, put, run_messages, running_ingest, windows
from tests.support.waiting import until
from workers.ingest import Ingest


@pytest.fixture
def carrier(redis_url: str) -> Iterator[Carrier]:
    with closing(open_carrier(SecretStr(redis_url))) as carrier:
        yield carrier


class _Noting:
    """A consumer that notes what it is asked for; everything else is the true one's."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self.held = 0
        #: What a receive might wait while something is held, and how many deliveries an ack is of.
        self.waits: list[float] = []
        self.acked: list[int] = []

    def receive(self, max_messages: int, wait: float) -> list[Delivery]:
        if self.held:
            self.waits.append(wait)
        found = self._consumer.receive(max_messages, wait)
        self.held += len(found)
        return found

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        self.held -= len(deliveries)
        self.acked.append(len(deliveries))
        self._consumer.ack(deliveries)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)


class _Carrier:
    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self.noting: _Noting | None = None

    def consumer(self, **options: Any) -> _Noting:
        self.noting = _Noting(self._carrier.consumer(**options))
        return self.noting

    def __getattr__(self, name: str) -> Any:
        return getattr(self._carrier, name)


def _settings(**changes: Any) -> IngestSettings:
    return IngestSettings.model_validate({"flush_interval": 0.05, "claim_after": 5, **changes})


def _run(carrier: Carrier, database: Database, settings: IngestSettings, count: int) -> tuple[list[Written], _Noting]:
    """Take in so many windows of one batch of ten records and a report each; what each transaction wrote."""
    with database.connection() as connection:
        for window in windows(connection, count):
            put(carrier, *run_messages(writing.run(window=window), series=5, batches=1))
    wrapped = _Carrier(carrier)
    consumer: Ingest = ingest(wrapped, database, settings)
    written: list[Written] = []
    object.__setattr__(consumer, "on_written", written.append)
    with running_ingest(carrier, database, settings, consumer=consumer):
        until(lambda: carrier.depth().messages == 0, 20, "all is acknowledged")
    assert wrapped.noting is not None
    assert wrapped.noting.held == 0
    return written, wrapped.noting


def test_small_windows_share_a_transaction_and_an_acknowledgement(carrier: Carrier, database: Database) -> None:
    written, noting = _run(carrier, database, _settings(), 40)
    assert [(one.batches, one.reports) for one in written] == [(40, 40)]
    assert noting.acked == [80]


def test_a_transaction_ends_where_it_has_its_records(carrier: Carrier, database: Database) -> None:
    # A batch of ten and a report: eleven records a window.
    written, _ = _run(carrier, database, _settings(max_records=33), 9)
    assert [(one.batches, one.reports) for one in written] == [(3, 3)] * 3


def test_a_bound_of_messages_from_a_former_configuration_still_holds(carrier: Carrier, database: Database) -> None:
    written, _ = _run(carrier, database, _settings(max_messages=4), 6)
    assert [one.batches + one.reports for one in written] == [4, 4, 4]


def test_what_is_being_written_is_not_held_up_by_a_wait_for_more(carrier: Carrier, database: Database) -> None:
    wrapped = _Carrier(carrier)
    consumer: Ingest = ingest(wrapped, database, _settings(flush_interval=5))
    with database.connection() as connection, running_ingest(carrier, database, consumer=consumer):
        for window in windows(connection, 3):
            with connection.transaction():
                # It takes its time to be written.
                connection.execute("LOCK TABLE finfleet.batches IN SHARE MODE")
                put(carrier, *run_messages(writing.run(window=window), series=5, batches=1))
                until(lambda: bool(wrapped.noting and wrapped.noting.waits), 20, "it looks for more meanwhile")
            until(lambda: carrier.depth().messages == 0, 2, "it is acknowledged when it is written")
            assert wrapped.noting
            assert set(wrapped.noting.waits) == {0.0}
            wrapped.noting.waits.clear()


def test_what_trickles_in_shares_a_transaction(carrier: Carrier, database: Database) -> None:
    written: list[Written] = []
    consumer: Ingest = ingest(carrier, database, _settings())
    object.__setattr__(consumer, "on_written", written.append)
    begun = time.monotonic()
    with database.connection() as connection, running_ingest(carrier, database, consumer=consumer):
        for window in windows(connection, 40):
            put(carrier, *run_messages(writing.run(window=window), series=5, batches=1))
        until(lambda: sum(one.reports for one in written) == 40, 20, "all is written")
    took = time.monotonic() - begun
    assert len(written) <= took / 0.1 + 2
