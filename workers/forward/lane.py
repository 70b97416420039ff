"""Sends what one target has waiting, entry by entry, each in a transaction that holds the target's place."""

from __future__ import annotations

import logging
import socket
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from agents.openfinops import OpenFinOpsClient
from agents.openfinops_shape import Telemetry, agent_of, telemetry_of
from storage import outbox
from storage.database import Connection, Database
from storage.outbox import OutboxEntry
from telemetry.batch import Batch
from telemetry.codec import decode
from telemetry.errors import ForwardRejected, ForwardRetry, MessageError
from workers.forward.breaker import Admission, CircuitBreaker, full_jitter

_log = logging.getLogger(__name__)

ENTRIES_A_TURN = 50
"""After so many entries another target has its turn."""
FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
BLAMED_LIMIT = 20
"""Failures of one entry, each right after OpenFinOps took another, after which the entry itself is the trouble."""


@dataclass
class Totals:
    """What a forwarder has done so far."""

    sent: int = 0
    retried: int = 0
    dead: int = 0


class Lanes:
    """The work of a forwarder's threads: :meth:`drain` is called for different targets at once."""

    def __init__(
        self,
        database: Database,
        client: OpenFinOpsClient,
        breaker: CircuitBreaker,
        *,
        stop: threading.Event,
        heartbeat: Callable[[], None],
        destination: str,
    ) -> None:
        self.totals = Totals()
        #: Set to finish after the entries under way, as ``stop`` is.
        self.stopping = threading.Event()
        #: Set before ``client.abort()``: a request that breaks off then has not failed.
        self.aborting = threading.Event()
        self._database = database
        self._client = client
        self._breaker = breaker
        self._stop = stop
        self._heartbeat = heartbeat
        self._destination = destination
        self._hostname = socket.gethostname()
        self._lock = threading.Lock()
        self._blamed: Counter[int] = Counter()
        # The longest that a transaction is idle: a registration, an ingest, a look at the health page, and a margin.
        self._hold = 4 * client.timeout + 30

    def drain(self, target_id: int, admission: Admission) -> int:
        """Send the target's due entries, one only where it is a probe; returns how many were settled."""
        probe = admission is Admission.PROBE
        settled = 0
        try:
            with self._database.connection() as connection:
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
        with connection.transaction():
            entry = outbox.take(connection, self._destination, target_id, hold=self._hold, even_if_waiting=probe)
            if entry is None:
                return False
            try:
                self._send(entry)
            except ForwardRejected as rejected:
                self._bury(connection, entry, str(rejected))
                recovered = self._breaker.succeeded()  # it answers
            except ForwardRetry as failure:
                if self.aborting.is_set():
                    return False
                self._put_off(connection, entry, failure)
                return True
            else:
                outbox.mark_sent(connection, entry.outbox_id)
                recovered = self._breaker.succeeded()
                self._count(sent=1)
                self._blamed.pop(entry.outbox_id, None)
        if recovered:
            # It may be a new server, and what failed at the old one need not wait any longer.
            self._client.forget_agents()
            outbox.wake(connection, self._destination)
        return True

    def _send(self, entry: OutboxEntry) -> None:
        batch, telemetry = self._shape(entry)
        if self.aborting.is_set():
            raise ForwardRetry("stopping")
        try:
            self._client.register(agent_of(batch.run.target, self._hostname))
        except ForwardRejected as rejected:
            # Without it the agent is not in OpenFinOps's list, but its telemetry is taken all the same.
            _log.warning("an agent is not registered: %s", rejected)
        self._client.ingest(telemetry)

    def _shape(self, entry: OutboxEntry) -> tuple[Batch, Telemetry]:
        try:
            message = decode(entry.body)
            if isinstance(message, Batch):
                return message, telemetry_of(message, self._hostname)
        except MessageError as error:
            raise ForwardRejected(f"not sent: this release cannot read it: {error}") from None
        except Exception as error:  # noqa: BLE001 - one bad message must not stop its neighbours
            _log.exception("outbox entry %d cannot be shaped for OpenFinOps", entry.outbox_id)
            raise ForwardRejected(f"not sent: it cannot be shaped ({type(error).__name__}): see the log") from None
        raise ForwardRejected("not sent: it is a report, and only batches are forwarded")

    def _put_off(self, connection: Connection, entry: OutboxEntry, failure: ForwardRetry) -> None:
        reason = str(failure)
        if failure.retry_after is not None:
            self._breaker.asked_to_wait(failure.retry_after, reason)
            wait = failure.retry_after
        else:
            if self._breaker.failed(reason) and self._blame(entry) >= BLAMED_LIMIT:
                self._bury(connection, entry, f"{BLAMED_LIMIT} times while others were taken: {reason}")
                return
            wait = full_jitter(entry.attempts + 1, FIRST_WAIT, LONGEST_WAIT)
        _log.info("outbox entry %d waits %.1f s: %s", entry.outbox_id, wait, reason)
        outbox.mark_retry(connection, entry.outbox_id, wait, reason)
        self._count(retried=1)

    def _bury(self, connection: Connection, entry: OutboxEntry, reason: str) -> None:
        _log.error("outbox entry %d is dead: %s", entry.outbox_id, reason)
        outbox.mark_dead(connection, entry.outbox_id, reason)
        self._count(dead=1)
        self._blamed.pop(entry.outbox_id, None)

    def _blame(self, entry: OutboxEntry) -> int:
        with self._lock:
            self._blamed[entry.outbox_id] += 1
            return self._blamed[entry.outbox_id]

    def _count(self, *, sent: int = 0, retried: int = 0, dead: int = 0) -> None:
        with self._lock:
            self.totals.sent += sent
            self.totals.retried += retried
            self.totals.dead += dead
