"""All lanes of one process: results, bills, what is pushed, and letters; none of them holds up another."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from pydantic import SecretStr

from storage.database import Connection, Database
from storage.errors import StorageError
from storage.writer import Received, Undecodable, Written, name_sources, take_in
from tasks.results import MOST_BYTES, Carrier, Publisher
from tasks.results.waiting import Waiting
from telemetry.presence import Sign
from telemetry.push.sources import Pushers
from telemetry.settings.model import IngestSettings
from workers.ingest.doors import Doors, Reading
from workers.ingest.lane import Lane
from workers.ingest.parcel import Inlet, Item
from workers.ingest.writer import Writer

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Queues:
    """What an ingest takes messages off. Lanes without a queue do not run."""

    results: Carrier
    bills: Carrier | None = None
    letters: Carrier | None = None
    #: By source. What a source without one pushes is taken off the results queue in its place.
    pushes: Mapping[str, Carrier] = field(default_factory=dict)
    #: Signs of life of processes without a database.
    processes: Carrier | None = None


@dataclass(frozen=True)
class Ingest:
    """What the consumer needs to know. ``run`` returns when ``stop`` is set and what it held is committed."""

    queues: Queues
    database: Database
    settings: IngestSettings
    destinations: Sequence[str]
    #: When a settled window is read again, by (provider, service).
    refresh: Mapping[tuple[str, str], tuple[timedelta, ...]]
    max_attempts: int
    #: Of planners: a run is taken in where one of them has signed its attempt.
    keys: Sequence[SecretStr]
    pushers: Pushers = field(default_factory=Pushers)
    #: How many messages of a source may wait in its queue.
    max_waiting: Mapping[str, int] = field(default_factory=dict)
    #: Called on every commit and every idle look: the sign that the process lives and works.
    heartbeat: Callable[[], None] = lambda: None
    #: Called with signs of life of other processes.
    notice: Callable[[Sign], None] = lambda _: None
    #: Called with what each transaction did; by several threads.
    on_written: Callable[[Written], None] = lambda _: None
    #: The time; None: by the database's clock.
    now: Callable[[], datetime] | None = None
    #: Set until the database knows the sources.
    _unnamed: threading.Event = field(default_factory=threading.Event)
    _alone: threading.Lock = field(default_factory=threading.Lock)

    def run(self, stop: threading.Event) -> None:
        """Consume until ``stop`` is set. ConfigError where the broker refuses us the queue of results or of bills."""
        self._unnamed.set()
        with suppress(StorageError), self.database.connection() as connection:
            self.database.clock.now(connection)
        publishers = {source: carrier.publisher() for source, carrier in self.queues.pushes.items()}
        beats = _Beats(self.heartbeat)
        lanes = [self._lane(name, inlets, publishers, beats.of(name)) for name, inlets in self._inlets().items()]
        failures: list[BaseException] = []
        threads = [
            threading.Thread(target=_run, args=(lane, stop, failures), name=f"ingest {lane.name}") for lane in lanes[1:]
        ]
        for thread in threads:
            thread.start()
        _run(lanes[0], stop, failures)
        for thread in threads:
            thread.join()
        for publisher in publishers.values():
            publisher.close()
        if failures:
            raise failures[0]

    @property
    def _clock(self) -> Callable[[], datetime]:
        return self.now or self.database.clock.known

    def _inlets(self) -> dict[str, list[Inlet]]:
        """By lane."""
        doors = Doors(self.keys, self.pushers, self._clock, frozenset(self.queues.pushes))
        here = Doors(self.keys, self.pushers, self._clock)
        lanes = {"results": [self._inlet(self.queues.results, doors.results, here.results)]}
        if self.queues.bills is not None:
            lanes["bills"] = [self._inlet(self.queues.bills, doors.results, here.results)]
        if self.queues.pushes:
            each = MOST_BYTES // len(self.queues.pushes)
            lanes["pushes"] = [
                self._inlet(carrier, partial(doors.pushes, source), most_bytes=each)
                for source, carrier in self.queues.pushes.items()
            ]
        if self.queues.letters is not None:
            lanes["letters"] = [self._inlet(self.queues.letters, doors.letters)]
        if self.queues.processes is not None:
            lanes.setdefault("letters", []).append(self._inlet(self.queues.processes, doors.processes))
        return lanes

    def _inlet(
        self,
        carrier: Carrier,
        read: Callable[[bytes], Reading],
        read_here: Callable[[bytes], Reading] | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> Inlet:
        consumer = carrier.consumer(
            prefetch=2 * self.settings.max_messages,
            claim_after=self.settings.claim_after.total_seconds(),
            most_bytes=most_bytes,
        )
        return Inlet(read, read_here or read, consumer)

    def _lane(
        self, name: str, inlets: Sequence[Inlet], publishers: Mapping[str, Publisher], heartbeat: Callable[[], None]
    ) -> Lane:
        return Lane(
            name=name,
            inlets=inlets,
            writer=Writer(name, self.database, self._store, heartbeat),
            most=self.settings.max_messages,
            most_records=self.settings.max_records,
            patience=self.settings.flush_interval.total_seconds(),
            now=self._clock,
            forward=partial(self._forward, publishers, Waiting(self.queues.pushes.__getitem__)),
            heartbeat=heartbeat,
            on_written=self.on_written,
            alone=self._alone,
            notice=self.notice,
            essential=name in {"results", "bills"},
        )

    def _store(self, connection: Connection, items: Sequence[Item], letters: Sequence[Undecodable]) -> Written:
        self.database.clock.now(connection)
        now = self._clock()
        if self._unnamed.is_set():
            name_sources(connection, self.pushers.owner_names, now)
            self._unnamed.clear()
        received: list[Received] = [item.received for item in items]
        return take_in(
            connection,
            received,
            letters,
            destinations=self.destinations,
            refresh=self.refresh,
            max_attempts=self.max_attempts,
            now=now,
        )

    def _forward(self, publishers: Mapping[str, Publisher], waiting: Waiting, source: str, body: bytes) -> None:
        """Put what was pushed onto the results queue onto that of its source, where there is room."""
        if source in self.max_waiting:
            waiting.check(source, self.max_waiting[source])
        publishers[source].publish(body, message_id=f"push/{source}")


def _run(lane: Lane, stop: threading.Event, failures: list[BaseException]) -> None:
    try:
        lane.run(stop)
    except BaseException as error:  # noqa: BLE001 - raised again by the thread that started the lanes
        failures.append(error)
        stop.set()


class _Beats:
    """One sign of life for several lanes: given while every one of them works."""

    def __init__(self, give: Callable[[], None]) -> None:
        self._give = give
        self._waited_for: set[str] = set()
        self._worked: set[str] = set()
        self._lock = threading.Lock()

    def of(self, lane: str) -> Callable[[], None]:
        """What a lane calls when it has worked, or has looked for work."""
        self._waited_for.add(lane)
        return partial(self._beat, lane)

    def _beat(self, lane: str) -> None:
        with self._lock:
            self._worked.add(lane)
            if self._worked < self._waited_for:
                return
            self._worked.clear()
        self._give()
