"""The ingest consumer: from the results queue into Postgres.

The consuming thread receives and decodes; a second thread writes. While one transaction is being written, the next
one's messages are decoded. What a transaction held is acknowledged by the consuming thread, after its commit (I5).
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import timedelta

from agents.context import utc_now
from storage.database import Database
from storage.errors import StorageUnavailable
from storage.writer import Received, Undecodable, Written, name_sources, take_in
from tasks.results import Carrier, Consumer, Delivery
from telemetry.errors import MessageError
from telemetry.pushed import messages_of
from telemetry.settings.model import IngestSettings

logger = logging.getLogger(__name__)

ALONE_AFTER = 4
"""Deliveries after which a message is written alone: it may be what ended the consumers before."""
GIVE_UP_AFTER = 16
"""Deliveries after which a message goes to the dead letters: something about it ends the consumer each time."""
_LONGEST_PAUSE = 10.0


@dataclass
class Intake:
    """The messages of one transaction."""

    deliveries: list[Delivery] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    undecodable: list[Undecodable] = field(default_factory=list)


@dataclass(frozen=True)
class Ingest:
    """What the consumer needs to know. ``run`` returns when ``stop`` is set and what it held is committed."""

    carrier: Carrier
    database: Database
    settings: IngestSettings
    destinations: Sequence[str]
    #: When a settled window is read again, by (provider, service).
    refresh: Mapping[tuple[str, str], tuple[timedelta, ...]]
    max_attempts: int
    #: Names of those that may push.
    sources: Sequence[str] = ()
    #: Called on every commit and every idle look: the sign that the process lives and works.
    heartbeat: Callable[[], None] = lambda: None
    #: Called with what each transaction did.
    on_written: Callable[[Written], None] = lambda _: None
    #: Set until the database knows the sources.
    _unnamed: threading.Event = field(default_factory=threading.Event)

    def run(self, stop: threading.Event) -> None:
        """Consume until ``stop`` is set. ConfigError where the broker refuses us."""
        limit = self.settings.max_messages
        consumer = self.carrier.consumer(prefetch=2 * limit, claim_after=self.settings.claim_after.total_seconds())
        writing: tuple[Future[Written | None], Intake] | None = None
        self._unnamed.set()
        with ThreadPoolExecutor(1, thread_name_prefix="writer") as writer:
            try:
                while not stop.is_set():
                    found = consumer.receive(limit, self.settings.flush_interval.total_seconds())
                    for intake in _transactions(found, self.sources):
                        if writing:
                            self._finish(consumer, *writing)
                        writing = writer.submit(self._write, intake, stop), intake
                    if not found:
                        if writing:
                            self._finish(consumer, *writing)
                            writing = None
                        self.heartbeat()
                if writing:
                    self._finish(consumer, *writing)
            finally:
                stop.set()  # so that the writer does not wait for a database that is away
                consumer.close()

    def _finish(self, consumer: Consumer, future: Future[Written | None], intake: Intake) -> None:
        """Wait for the commit, then acknowledge; without a commit, leave the messages to the next consumer."""
        while not wait([future], timeout=1.0).done:
            consumer.hold()
        written = future.result()
        if written is None:
            return
        consumer.ack(intake.deliveries)
        self.heartbeat()
        self.on_written(written)

    def _write(self, intake: Intake, stop: threading.Event) -> Written | None:
        """One transaction; waits for a database that is away. None where it was stopped before the commit."""
        pause = 0.1
        while True:
            try:
                with self.database.connection() as connection:
                    if self._unnamed.is_set():
                        name_sources(connection, self.sources, utc_now())
                        self._unnamed.clear()
                    return take_in(
                        connection,
                        intake.received,
                        intake.undecodable,
                        destinations=self.destinations,
                        refresh=self.refresh,
                        max_attempts=self.max_attempts,
                        now=utc_now(),
                    )
            except StorageUnavailable as error:
                logger.warning("ingest waits for the database: %s", error)
            if stop.wait(random.uniform(pause / 2, pause)):  # noqa: S311 - spreads load, keeps no secret
                return None
            pause = min(2 * pause, _LONGEST_PAUSE)


def _transactions(found: Sequence[Delivery], sources: Sequence[str]) -> list[Intake]:
    """Decode, and put what was delivered suspiciously often into transactions of its own."""
    together = [delivery for delivery in found if delivery.delivery_count < ALONE_AFTER]
    alone = [[delivery] for delivery in found if delivery.delivery_count >= ALONE_AFTER]
    return [_decode(deliveries, sources) for deliveries in [together, *alone] if deliveries]


def _decode(deliveries: Sequence[Delivery], sources: Sequence[str]) -> Intake:
    intake = Intake()
    for delivery in deliveries:
        intake.deliveries.append(delivery)
        try:
            if delivery.delivery_count > GIVE_UP_AFTER:
                raise PoisonMessage(
                    f"delivered {delivery.delivery_count} times without a commit: it may be what ends the consumer"
                )
            intake.received += [Received(*item) for item in messages_of(delivery.body, sources, utc_now())]
        except MessageError as error:
            intake.undecodable.append(Undecodable(delivery.body, error.code, str(error)))
    return intake


class PoisonMessage(MessageError):
    """A message was delivered so often without a commit that it may be what ends the consumer."""

    code = "poison"
