"""The loop: finds targets with due entries, gives each to a thread, and rests while the destination does."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from agents.openfinops import OpenFinOpsClient
from storage import outbox
from storage.database import Database
from storage.errors import StorageError
from workers.forward.breaker import Admission, CircuitBreaker, full_jitter
from workers.forward.lane import Lanes, Totals

_log = logging.getLogger(__name__)

DESTINATION = "openfinops"
"""The name that the outbox knows OpenFinOps by."""


def run_forwarder(
    database: Database,
    client: OpenFinOpsClient,
    stop: threading.Event,
    heartbeat: Callable[[], None],
    *,
    destination: str = DESTINATION,
    parallel: int = 3,
) -> Totals:
    """Forward until ``stop`` is set, then return what was done; see :class:`Forwarder`."""
    return Forwarder(database, client, stop, heartbeat, destination=destination, parallel=parallel).run()


class Forwarder:
    """Forwards one destination's entries, several targets at once, each in order.

    Any number of forwarders may run side by side. A destination that is down costs a request now and then; a database
    that is down is waited for. Any other fault leaves :meth:`run` as an exception.
    """

    def __init__(
        self,
        database: Database,
        client: OpenFinOpsClient,
        stop: threading.Event,
        heartbeat: Callable[[], None],
        *,
        destination: str = DESTINATION,
        parallel: int = 3,
        poll: float = 0.5,
        grace: float = 2.0,
        breaker: CircuitBreaker | None = None,
    ) -> None:
        """Start nothing yet.

        Args:
            database: with room for ``parallel`` + 1 connections.
            client: of the destination; the caller closes it.
            stop: set it, from a signal handler for instance, to end :meth:`run`.
            heartbeat: called from several threads after each entry, and in each turn with nothing to do.
            destination: the outbox's name for it.
            parallel: targets that are served at once.
            poll: seconds between two looks into an outbox that has nothing due.
            grace: seconds that requests may still take after ``stop``, before they are broken off.
            breaker: the destination's circuit; one with the usual limits where None.
        """
        self.circuit = breaker or CircuitBreaker(f"OpenFinOps at {client.base}")
        self._database = database
        self._client = client
        self._stop = stop
        self._heartbeat = heartbeat
        self._destination = destination
        self._parallel = parallel
        self._poll = poll
        self._grace = grace
        self._lanes = Lanes(database, client, self.circuit, stop=stop, heartbeat=heartbeat, destination=destination)
        self._running: dict[Future[int], int] = {}
        self._aside: dict[int, float] = {}
        self._storage_failures = 0

    @property
    def totals(self) -> Totals:
        """What was done so far."""
        return self._lanes.totals

    def run(self) -> Totals:
        """Forward until told to stop: within ``grace`` seconds and a little, or a connection's time-out."""
        with ThreadPoolExecutor(self._parallel, thread_name_prefix="forward") as pool:
            try:
                while not self._stop.is_set():
                    self._turn(pool)
            finally:
                self._finish()
        return self.totals

    def _turn(self, pool: ThreadPoolExecutor) -> None:
        try:
            self._collect_finished()
            started = self._start_lanes(pool)
        except StorageError as error:
            self._wait_for_storage(error)
            return
        self._storage_failures = 0
        if self._running:
            wait(self._running, timeout=self._poll, return_when=FIRST_COMPLETED)
        elif not started:
            self._heartbeat()
            self._stop.wait(self._poll)

    def _start_lanes(self, pool: ThreadPoolExecutor) -> bool:
        room = self._parallel - len(self._running)
        admission = self.circuit.admit() if room > 0 else Admission.REFUSED
        if admission is Admission.REFUSED:
            return False
        try:
            targets = self._waiting_targets(admission, room)
        except StorageError:
            if admission is Admission.PROBE:
                self.circuit.abandoned()
            raise
        if admission is Admission.PROBE and not targets:
            self.circuit.abandoned()
        for target_id in targets:
            self._running[pool.submit(self._lanes.drain, target_id, admission)] = target_id
        return bool(targets)

    def _waiting_targets(self, admission: Admission, room: int) -> list[int]:
        now = time.monotonic()
        self._aside = {target_id: until for target_id, until in self._aside.items() if until > now}
        busy = {*self._running.values(), *self._aside}
        with self._database.connection() as connection:
            if admission is Admission.PROBE:
                return outbox.probe_targets(connection, self._destination, busy=busy, limit=1)
            return outbox.due_targets(connection, self._destination, busy=busy, limit=room)

    def _collect_finished(self) -> None:
        """Forget the lanes that are done; raises what one of them raised."""
        for lane in [lane for lane in self._running if lane.done()]:
            target_id = self._running.pop(lane)
            if lane.result() == 0:
                # Another forwarder has it: look again a little later, and at others meanwhile.
                self._aside[target_id] = time.monotonic() + self._poll

    def _wait_for_storage(self, error: StorageError) -> None:
        if not error.transient:
            raise error
        self._storage_failures += 1
        if self._storage_failures == 1:
            _log.warning("the outbox cannot be reached, trying again until it can: %s", error)
        self._heartbeat()
        self._stop.wait(full_jitter(self._storage_failures, self._poll, 10.0))

    def _finish(self) -> None:
        """Let the requests under way end, or break them off: their entries stay as they were."""
        self._lanes.stopping.set()
        wait(self._running, timeout=self._grace)
        while any(not lane.done() for lane in self._running):
            self._lanes.aborting.set()
            self._client.abort()
            wait(self._running, timeout=0.1)
        for lane in self._running:
            error = lane.exception()
            if error is not None:
                _log.warning("a target's turn ended with an error: %s", error)
        self._running.clear()
