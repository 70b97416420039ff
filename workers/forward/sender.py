"""Sends what one target has waiting, entry by entry, each in a transaction that holds the target's place."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from agents.core.destination import Destination
from agents.core.refusals import MAX_BEHIND, Refusals, Verdict
from storage import outbox
from storage.database import Connection, Database
from storage.outbox import OutboxEntry
from telemetry.backoff import full_jitter
from telemetry.batch import Batch
from telemetry.codec import decode
from telemetry.errors import ForwardInvalid, ForwardRefused, ForwardRejected, ForwardRetry, MessageError
from telemetry.logs import context, fields
from workers.forward.breaker import Admission, CircuitBreaker

_log = logging.getLogger(__name__)

ENTRIES_A_TURN = 50
"""After so many entries another target has its turn."""
FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
BLAMED_LIMIT = 20
"""Failures of one entry, each right after the destination took another, after which the entry itself is the trouble."""
FAULT_LIMIT = 5
"""Faults of our own code over one entry, after which it is dead."""


@dataclass
class Totals:
    """What a forwarder has done so far."""

    sent: int = 0
    retried: int = 0
    dead: int = 0


@dataclass
class _Turn:
    """One transaction, which holds the place of a target."""

    connection: Connection
    target_id: int
    probe: bool
    #: Whether it closed the circuit.
    recovered: bool = False


class TargetSender:
    """The work of a forwarder's threads: :meth:`drain` is called for different targets at once."""

    def __init__(
        self,
        database: Database,
        destination: Destination,
        breaker: CircuitBreaker,
        *,
        name: str,
        stop: threading.Event,
        heartbeat: Callable[[], None],
    ) -> None:
        self.totals = Totals()
        #: Set to finish after the entries under way, as ``stop`` is.
        self.stopping = threading.Event()
        #: Set before the destination's ``abort()``: a request that breaks off then has not failed.
        self.aborting = threading.Event()
        self._database = database
        self._destination = destination
        self._breaker = breaker
        self._stop = stop
        self._heartbeat = heartbeat
        self._name = name
        self._lock = threading.Lock()
        self._blamed: Counter[int] = Counter()
        self._faults: Counter[int] = Counter()
        self._refusals = Refusals()
        # The longest that a transaction is idle: for the sending, and a margin.
        self._hold = destination.longest + 30

    def drain(self, target_id: int, admission: Admission) -> int:
        """Send the target's due entries, one only where it is a probe; returns how many were settled."""
        probe = admission is Admission.PROBE
        settled = 0
        try:
            with context(destination=self._name), self._database.connection() as connection:
                while self._step(connection, target_id, probe=probe):
                    settled += 1
                    self._heartbeat()
                    if probe or settled == ENTRIES_A_TURN or self._must_pause():
                        break
        finally:
            if probe and settled == 0:
                self._breaker.abandoned()
        return settled

    def _must_pause(self) -> bool:
        return self._stop.is_set() or self.stopping.is_set() or not self._breaker.closed

    def _step(self, connection: Connection, target_id: int, *, probe: bool) -> bool:
        """Send the oldest entry; False where there is none to send now."""
        turn = _Turn(connection, target_id, probe)
        with connection.transaction():
            entry = outbox.take(connection, self._name, target_id, hold=self._hold, even_if_waiting=probe)
            if entry is None or not self._settle(turn, entry):
                return False
        if turn.recovered:
            # It may be a new server, and what failed at the old one need not wait any longer.
            self._destination.recovered()
            outbox.wake(connection, self._name)
        return True

    def _settle(self, turn: _Turn, entry: OutboxEntry) -> bool:
        """Send an entry, and note what came of it; False where the sending was broken off."""
        try:
            remark = self._send(entry)
        except ForwardRefused as refused:
            return self._judge(turn, entry, refused)
        except ForwardRejected as rejected:
            # It was not sent, which says nothing of the destination.
            self._mark_dead(turn.connection, entry, str(rejected))
            self._abandon(turn)
        except ForwardRetry as failure:
            if self.aborting.is_set():
                return False
            self._put_off(turn.connection, entry, failure)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this entry's own
            if self.aborting.is_set():
                return False
            _log.error("outbox entry %d cannot be sent", entry.outbox_id, exc_info=error)
            self._put_aside(turn, entry, f"not sent: {type(error).__name__}: see the log")
        else:
            self._take_note(turn, entry, remark)
        return True

    def _take_note(self, turn: _Turn, entry: OutboxEntry, remark: str) -> None:
        if remark:
            found = fields(event="forwarded", outbox=entry.outbox_id)
            _log.warning("outbox entry %d is sent, but: %s", entry.outbox_id, remark, extra=found)
        outbox.mark_sent(turn.connection, entry.outbox_id, remark)
        self._refusals.taken(entry.outbox_id, turn.target_id)
        turn.recovered |= self._breaker.succeeded()
        self._count(sent=1)
        self._forget(entry)

    def _judge(self, turn: _Turn, entry: OutboxEntry, refused: ForwardRefused) -> bool:
        """Bury an entry that was refused where that is its own fault; else it waits, and nothing is lost by it."""
        verdict = self._verdict(turn, entry, refused)
        if verdict is Verdict.CONDEMN:
            self._mark_dead(turn.connection, entry, str(refused))
            self._abandon(turn)
            return True
        if verdict is Verdict.AGAIN or turn.probe:
            # For all that is known, it is the destination that fails.
            self._breaker.failed(str(refused))
        if verdict is Verdict.LOOK_BEHIND and self._look_behind(turn):
            return self._settle(turn, entry)
        self._mark_retry(
            turn.connection, entry, full_jitter(entry.attempts + 1, FIRST_WAIT, LONGEST_WAIT), str(refused)
        )
        return True

    def _verdict(self, turn: _Turn, entry: OutboxEntry, refused: ForwardRefused) -> Verdict:
        def is_own() -> bool:
            # A proxy that refuses everything refuses what is harmless as well.
            return isinstance(refused, ForwardInvalid) and self._destination.takes(self._batch_of(entry))

        return self._refusals.refused(entry.outbox_id, turn.target_id, is_own)

    def _look_behind(self, turn: _Turn) -> bool:
        """Whether one behind those that were refused is taken: there is nothing else by which to tell."""
        while len(known := self._refusals.suspects(turn.target_id)) < MAX_BEHIND and not self.aborting.is_set():
            entry = outbox.take_behind(turn.connection, self._name, turn.target_id, known)
            if entry is None:
                return False
            self._heartbeat()
            try:
                remark = self._send(entry)
            except ForwardRefused as refused:
                self._verdict(turn, entry, refused)
                self._breaker.failed(str(refused))
            except Exception:  # noqa: BLE001 - it tells nothing, and will have its own turn
                return False
            else:
                self._take_note(turn, entry, remark)
                return True
            if turn.probe or self._must_pause():
                return False
        return False

    def _send(self, entry: OutboxEntry) -> str:
        batch = self._batch_of(entry)
        if self.aborting.is_set():
            raise ForwardRetry("stopping")
        return self._destination.send(batch)

    def _batch_of(self, entry: OutboxEntry) -> Batch:
        try:
            message = decode(entry.body)
        except MessageError as error:
            raise ForwardRejected(f"not sent: this release cannot read it: {error}") from None
        if isinstance(message, Batch):
            return message
        raise ForwardRejected("not sent: it is a report, and only batches are forwarded")

    def _put_off(self, connection: Connection, entry: OutboxEntry, failure: ForwardRetry) -> None:
        reason = str(failure)
        if failure.retry_after is not None:
            self._breaker.asked_to_wait(failure.retry_after, reason)
            wait = failure.retry_after
        else:
            if self._breaker.failed(reason) and self._blame(entry) >= BLAMED_LIMIT:
                self._mark_dead(connection, entry, f"{BLAMED_LIMIT} times while others were taken: {reason}")
                return
            wait = full_jitter(entry.attempts + 1, FIRST_WAIT, LONGEST_WAIT)
        self._mark_retry(connection, entry, wait, reason)

    def _put_aside(self, turn: _Turn, entry: OutboxEntry, reason: str) -> None:
        """Try an entry again that our own code fails over, a few times, and without blaming the destination."""
        self._abandon(turn)
        with self._lock:
            self._faults[entry.outbox_id] += 1
            faults = self._faults[entry.outbox_id]
        if faults >= FAULT_LIMIT:
            self._mark_dead(turn.connection, entry, f"{reason} ({faults} times)")
        else:
            self._mark_retry(turn.connection, entry, full_jitter(faults, FIRST_WAIT, LONGEST_WAIT), reason)

    def _abandon(self, turn: _Turn) -> None:
        """Let another request be the probe: this one told nothing."""
        if turn.probe and not turn.recovered:
            self._breaker.abandoned()

    def _mark_retry(self, connection: Connection, entry: OutboxEntry, wait: float, reason: str) -> None:
        found = fields(event="forward_waits", outbox=entry.outbox_id)
        _log.info("outbox entry %d waits %.1f s: %s", entry.outbox_id, wait, reason, extra=found)
        outbox.mark_retry(connection, entry.outbox_id, wait, reason)
        self._count(retried=1)

    def _mark_dead(self, connection: Connection, entry: OutboxEntry, reason: str) -> None:
        found = fields(event="forward_dead", outbox=entry.outbox_id)
        _log.error("outbox entry %d is dead: %s", entry.outbox_id, reason, extra=found)
        outbox.mark_dead(connection, entry.outbox_id, reason)
        self._count(dead=1)
        self._forget(entry)

    def _forget(self, entry: OutboxEntry) -> None:
        with self._lock:
            self._blamed.pop(entry.outbox_id, None)
            self._faults.pop(entry.outbox_id, None)

    def _blame(self, entry: OutboxEntry) -> int:
        with self._lock:
            self._blamed[entry.outbox_id] += 1
            return self._blamed[entry.outbox_id]

    def _count(self, *, sent: int = 0, retried: int = 0, dead: int = 0) -> None:
        with self._lock:
            self.totals.sent += sent
            self.totals.retried += retried
            self.totals.dead += dead
