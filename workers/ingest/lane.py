"""One kind of message, from its queues into Postgres, in a thread of its own.

The lane's thread receives, reads and acknowledges; a second one writes. While one transaction is being written, the
messages of the next are read. A message is acknowledged after all that it holds is committed (I5).

Three things keep a bad message from its neighbours:

- Each is read by itself, and its faults are its own (doors).
- One that was delivered again and again is read and written alone, and noted before that (storage.suspects). Only one
  that was alone each time when the process ended is taken for the cause.
- What cannot be written although others can is put aside and tried again now and then, while the lane goes on.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime

from storage import suspects
from storage.errors import StorageError
from storage.writer import Undecodable, Written
from tasks.results import Delivery
from telemetry.errors import ConfigError, MessageError, PublishRefused
from telemetry.presence import Sign
from workers.ingest.aside import MOST, Aside
from workers.ingest.chunks import Chunk, chunks
from workers.ingest.doors import Reading
from workers.ingest.parcel import Inlet, Item, Parcel
from workers.ingest.writer import Outcome, Writer

logger = logging.getLogger(__name__)

ALONE_AFTER = 4
"""Deliveries after which a message is read and written alone: it may be what ended the consumers before."""
FIRST_AFTER = ALONE_AFTER + 3
"""Deliveries after which it is tried before anything else.

Until then its neighbours go before it. But whatever ends the process soon after these are stored would hit the same
message each time, be it as good as any.
"""
GIVE_UP_AFTER = 6
"""Times that it was alone when the process ended, after which it becomes a dead letter.

Whoever kills the process for other reasons (out of memory, a host that goes down) may hit the same message a few times.
"""
_AT_A_TIME = 0.5
"""Seconds, about, for what is aside, until the others have their turn."""
_REST = 60.0
"""Seconds until a queue is looked at again that the broker refuses."""


class PoisonMessage(MessageError):
    """Each time that a message was tried alone, the process ended before it was done."""

    code = "poison"


@dataclass(eq=False)
class Lane:
    """The messages of ``inlets``, in turn."""

    name: str
    inlets: Sequence[Inlet]
    writer: Writer
    #: Messages a turn, records a transaction, and seconds to wait for the first message where nothing is under way.
    most: int
    most_records: int
    patience: float
    now: Callable[[], datetime]
    #: Puts a message onto the queue of its source; MessageError where it may not be there, PublishRefused where that
    #: queue does not take it.
    forward: Callable[[str, bytes], None]
    heartbeat: Callable[[], None]
    on_written: Callable[[Written], None]
    #: Of the process: what is tried alone is alone in all its lanes.
    alone: threading.Lock
    #: Takes signs of life of others.
    notice: Callable[[Sign], None]
    #: Whether a queue that the broker refuses ends the process; else it is looked at again now and then.
    essential: bool
    _aside: Aside = field(default_factory=Aside)
    _writing: tuple[Future[Outcome | None], Chunk] | None = None

    def run(self, stop: threading.Event) -> None:
        """Take messages until ``stop`` is set, and what is held is committed. ConfigError where the broker refuses."""
        with ThreadPoolExecutor(1, thread_name_prefix=f"write {self.name}") as pool:
            try:
                while not stop.is_set():
                    busy = [self._turn(inlet, pool, stop) for inlet in self.inlets]
                    self._try_aside(pool, stop)
                    self._hold()
                    if not any(busy):
                        self._finish()
                        self.heartbeat()
                        if len(self.inlets) != 1 or not self._takes(self.inlets[0]):
                            stop.wait(self.patience)
                self._finish()
            finally:
                stop.set()  # so that no writer waits for a database that is away, and no other lane goes on alone
                for inlet in self.inlets:
                    inlet.consumer.close()

    def _turn(self, inlet: Inlet, pool: ThreadPoolExecutor, stop: threading.Event) -> bool:
        """One transaction of one inlet, so that each has its turn; whether there was anything to do."""
        first = bool(inlet.suspects) and inlet.suspects[0].delivery_count >= FIRST_AFTER
        if not first and self._submit(inlet, pool, stop):
            return True
        if inlet.suspects:
            self._finish()
            self._alone(inlet, inlet.suspects.popleft(), pool, stop)
            return True
        if not self._receive(inlet):
            return False
        if not inlet.suspects:
            self._submit(inlet, pool, stop)
        return True

    def _submit(self, inlet: Inlet, pool: ThreadPoolExecutor, stop: threading.Event) -> bool:
        """Read the messages of the next transaction, and have it written; whether there was one."""
        chunk = next(inlet.work, None)
        if chunk is None:
            return False
        self._finish()
        self._writing = pool.submit(self.writer.write, chunk, stop), chunk
        return True

    def _receive(self, inlet: Inlet) -> bool:
        if not self._takes(inlet):
            return False
        try:
            # What is being written is acknowledged at its commit, and not after a wait for something new.
            waits = len(self.inlets) == 1 and self._writing is None
            found = inlet.consumer.receive(self.most, self.patience if waits else 0.0)
        except ConfigError as error:
            if self.essential:
                raise
            logger.error("ingest, %s: left alone for %g s: %s", self.name, _REST, error)  # noqa: TRY400 - the text is enough
            inlet.rests_until = time.monotonic() + _REST
            return False
        suspects = [delivery for delivery in found if delivery.delivery_count >= ALONE_AFTER]
        inlet.suspects.extend(sorted(suspects, key=lambda delivery: -delivery.delivery_count))
        parts = self._parts(inlet, [one for one in found if one.delivery_count < ALONE_AFTER])
        inlet.work = chunks(parts, self.most_records)
        return bool(found)

    def _takes(self, inlet: Inlet) -> bool:
        """Whether anything new may come by this inlet: each has its part of what may be aside."""
        most = max(1, MOST // len(self.inlets))
        return self._aside.of(inlet) < most and time.monotonic() >= inlet.rests_until

    def _parts(self, inlet: Inlet, deliveries: Iterable[Delivery]) -> Iterator[Item | tuple[Parcel, Undecodable]]:
        for delivery in deliveries:
            yield from self._read(Parcel(inlet, delivery, left=0))

    def _read(self, parcel: Parcel) -> Iterator[Item | tuple[Parcel, Undecodable]]:
        body = parcel.delivery.body
        reading = parcel.inlet.read(body)
        if reading.elsewhere is not None:
            reading = self._forwarded(parcel, reading.elsewhere)
        parts: list[Item | tuple[Parcel, Undecodable]] = [Item(parcel, received) for received in reading.items]
        if reading.letter is not None:
            parts.append((parcel, reading.letter))
        parcel.left = len(parts)
        if reading.sign is not None:
            self.notice(reading.sign)  # acknowledged before it is written: one that is lost comes again
        if not parts:
            parcel.inlet.consumer.ack([parcel.delivery])
        yield from parts

    def _forwarded(self, parcel: Parcel, source: str) -> Reading:
        """Put a message onto the queue of its source; what of it is to be done here."""
        body = parcel.delivery.body
        try:
            self.forward(source, body)
        except MessageError as error:
            return Reading(letter=Undecodable(body, error.code, str(error)))
        except PublishRefused as refused:
            logger.warning("ingest, %s: what %s pushed is taken in here instead: %s", self.name, source, refused)
            return parcel.inlet.read_here(body)
        return Reading()

    def _alone(self, inlet: Inlet, delivery: Delivery, pool: ThreadPoolExecutor, stop: threading.Event) -> None:
        """Read and write one message with nothing else under way, and note before that it is tried."""
        while not self.alone.acquire(timeout=1.0):
            self._hold()
            self.heartbeat()
            if stop.is_set():
                return
        try:
            self._try_alone(Parcel(inlet, delivery, 0, hashlib.sha256(delivery.body).digest()), pool, stop)
        finally:
            self.alone.release()

    def _try_alone(self, parcel: Parcel, pool: ThreadPoolExecutor, stop: threading.Event) -> None:
        tries = self._note(parcel, stop)
        if tries is None:
            return
        parts: Iterable[Item | tuple[Parcel, Undecodable]] = self._read(parcel)
        if tries > GIVE_UP_AFTER:
            error = PoisonMessage(f"each of the {tries - 1} times that it was tried alone, the process ended")
            parcel.left = 1
            parts = [(parcel, Undecodable(parcel.delivery.body, error.code, str(error)))]
        for chunk in chunks(parts, self.most_records):
            self._writing = pool.submit(self.writer.write, chunk, stop), chunk
            self._finish()
        # The process lives: whatever became of it, it has not ended it.
        self._clear(parcel.digest)

    def _note(self, parcel: Parcel, stop: threading.Event) -> int | None:
        while True:
            try:
                with self.writer.database.connection() as connection:
                    return suspects.begin(connection, parcel.digest, self.now())
            except StorageError as error:
                logger.warning("ingest, %s: waits for the database: %s", self.name, error)
            self._hold()
            self.heartbeat()
            if stop.wait(1.0):
                return None

    def _finish(self) -> None:
        """Wait for the commit, then acknowledge; what was stopped before it is left to the next consumer."""
        if self._writing is None:
            return
        (future, chunk), self._writing = self._writing, None
        outcome = self._outcome(future)
        if outcome is None:
            return
        stuck = {id(one.item) for one in outcome.stuck}
        done = [item.parcel for item in chunk.items if id(item) not in stuck]
        self._settle([*done, *(parcel for parcel, _ in chunk.letters)])
        for one in outcome.stuck:
            self._aside.put(one)
        if len(stuck) < len(chunk.items):
            self._aside.note_success()
        self.heartbeat()
        self.on_written(outcome.written)

    def _outcome(self, future: Future[Outcome | None]) -> Outcome | None:
        while not wait([future], timeout=1.0).done:
            self._hold()
        return future.result()

    def _settle(self, parcels: Iterable[Parcel]) -> None:
        """One part of each is done; acknowledge, by inlet and all at once, those of which it was the last."""
        done: dict[int, list[Parcel]] = {}
        for parcel in parcels:
            parcel.left -= 1
            if not parcel.left:
                done.setdefault(id(parcel.inlet), []).append(parcel)
        for whole in done.values():
            whole[0].inlet.consumer.ack([parcel.delivery for parcel in whole])

    def _clear(self, digest: bytes) -> None:
        try:
            with self.writer.database.connection() as connection:
                suspects.clear(connection, digest)
        except StorageError as error:
            # It is noted as tried once more than it was; such notes are forgotten after a while.
            logger.warning("ingest, %s: a note stays: %s", self.name, error)

    def _try_aside(self, pool: ThreadPoolExecutor, stop: threading.Event) -> None:
        """Try once more what is due of what could not be written."""
        until = time.monotonic() + _AT_A_TIME
        for held in self._aside.due():
            self._finish()
            if stop.is_set():
                return
            chunk = Chunk()
            letter = self._aside.verdict(held, works=self.writer.works)
            chunk.add(held.item if letter is None else (held.item.parcel, letter))
            outcome = self._outcome(pool.submit(self.writer.write, chunk, stop))
            if outcome is None:
                return
            if outcome.stuck:
                self._aside.put_back(held, outcome.stuck[0].failure)
            else:
                self._aside.done(held)
                self._settle([held.item.parcel])
                self.on_written(outcome.written)
            if time.monotonic() >= until:
                return

    def _hold(self) -> None:
        for inlet in self.inlets:
            inlet.consumer.hold()
