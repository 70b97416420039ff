"""The loop: finds targets with due entries, gives each to a thread, and rests while the destination does."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from agents.core.destination import Destination
from storage import outbox
from storage.database import Database
from storage.errors import StorageError
from telemetry.backoff import full_jitter
from telemetry.logs import context
from workers.forward.breaker import Admission, CircuitBreaker
from workers.forward.sender import TargetSender, Totals

_log = logging.getLogger(__name__)

LONGEST_REST = 10.0
"""Seconds between two looks at a database that cannot be used."""


class Forwarder:
    """Forwards one destination's entries, several targets at once, each in order.

    Any number of forwarders may run side by side. A destination that is down costs a request now and then; a database
    that is down, read-only, or lacks a right or a table is waited for. No fault ends :meth:`run`: that of an entry is
    the entry's own, and after any other the target, or the loop, rests for a while.
    """

    def __init__(
        self,
        database: Database,
        destination: Destination,
        stop: threading.Event,
        heartbeat: Callable[[], None],
        *,
        name: str,
        parallel: int = 3,
        poll: float = 0.5,
        grace: float = 2.0,
        breaker: CircuitBreaker | None = None,
    ) -> None:
        """Start nothing yet.

        Args:
            database: with room for ``parallel`` + 1 connections.
            destination: where to; the caller closes it.
            stop: set it, from a signal handler for instance, to end :meth:`run`.
            heartbeat: called from several threads after each entry, and in each turn with nothing to do.
            name: the outbox's for it.
            parallel: targets that are served at once.
            poll: seconds between two looks into an outbox that has nothing due.
            grace: seconds that requests may still take after ``stop``, before they are broken off.
            breaker: the destination's circuit; one with the usual limits where None.
        """
        self.circuit = breaker or CircuitBreaker(destination.label)
        self._database = database
        self._stop = stop
        self._heartbeat = heartbeat
        self.name = name
        self._destination = destination
        self._parallel = parallel
        self._poll = poll
        self._grace = grace
        self._sender = TargetSender(database, destination, self.circuit, name=name, stop=stop, heartbeat=heartbeat)
        self._running: dict[Future[int], int] = {}
        self._aside: dict[int, float] = {}
        self._faults: Counter[int] = Counter()  # by target, in a row
        self._failures = 0  # of turns, in a row
        self._told = ""

    @property
    def totals(self) -> Totals:
        """What was done so far."""
        return self._sender.totals

    def run(self) -> Totals:
        """Forward until told to stop: within ``grace`` seconds and a little, or a connection's time-out."""
        with context(destination=self.name), ThreadPoolExecutor(self._parallel, thread_name_prefix="forward") as pool:
            try:
                while not self._stop.is_set():
                    self._turn(pool)
            finally:
                self._finish()
        return self.totals

    def _turn(self, pool: ThreadPoolExecutor) -> None:
        try:
            works = self._collect_finished()
            started = self._start_sending(pool)
        except StorageError as error:
            self._rest(f"the outbox cannot be used, trying again until it can: {error}")
            return
        except Exception as error:  # noqa: BLE001 - told with its traceback
            # No thread to be had, or a fault of ours: what is due is still there in a while.
            _log.error("a turn of the forwarder failed", exc_info=error)
            self._rest(f"the forwarder goes on after a fault: {type(error).__name__}")
            return
        # What is under way has yet to show that the database takes changes, too.
        if works or not self._running:
            if self._told:
                _log.warning("the outbox can be used again")
            self._failures, self._told = 0, ""
        if self._running:
            wait(self._running, timeout=self._poll, return_when=FIRST_COMPLETED)
        elif not started:
            self._heartbeat()
            self._stop.wait(self._poll)

    def _start_sending(self, pool: ThreadPoolExecutor) -> bool:
        room = self._parallel - len(self._running)
        admission = self.circuit.admit() if room > 0 else Admission.REFUSED
        if admission is Admission.REFUSED:
            return False
        submitted = False
        try:
            targets = self._waiting_targets(admission, room)
            for target_id in targets:
                self._running[pool.submit(self._sender.drain, target_id, admission)] = target_id
                submitted = True
        finally:
            if admission is Admission.PROBE and not submitted:
                self.circuit.abandoned()
        return submitted

    def _waiting_targets(self, admission: Admission, room: int) -> list[int]:
        now = time.monotonic()
        self._aside = {target_id: until for target_id, until in self._aside.items() if until > now}
        busy = {*self._running.values(), *self._aside}
        with self._database.connection() as connection:
            if admission is Admission.PROBE:
                return outbox.probe_targets(connection, self.name, busy=busy, limit=1)
            return outbox.due_targets(connection, self.name, busy=busy, limit=room)

    def _collect_finished(self) -> bool:
        """Forget the sendings that are over; whether one of them could use the outbox.

        Raises a StorageError that one of them raised.
        """
        failure: StorageError | None = None
        works = False
        for sending in [sending for sending in self._running if sending.done()]:
            target_id = self._running.pop(sending)
            error = sending.exception()
            if isinstance(error, StorageError):
                failure = error
            elif error is not None:
                self._faults[target_id] += 1
                _log.error("the turn of target %d failed", target_id, exc_info=error)
                self._aside[target_id] = time.monotonic() + full_jitter(self._faults[target_id], 1.0, LONGEST_REST)
            else:
                works = True
                self._faults.pop(target_id, None)
                if sending.result() == 0:
                    # Another forwarder has it: look again a little later, and at others meanwhile.
                    self._aside[target_id] = time.monotonic() + self._poll
        if failure is not None:
            raise failure
        return works

    def _rest(self, reason: str) -> None:
        """Wait, longer with each failure; say why where it is news."""
        self._failures += 1
        if reason != self._told:
            self._told = reason
            _log.warning("%s", reason)
        self._heartbeat()
        self._stop.wait(full_jitter(self._failures, self._poll, LONGEST_REST))

    def _finish(self) -> None:
        """Let the requests under way end, or break them off: their entries stay as they were."""
        self._sender.stopping.set()
        wait(self._running, timeout=self._grace)
        while any(not sending.done() for sending in self._running):
            self._sender.aborting.set()
            self._destination.abort()
            wait(self._running, timeout=0.1)
        for sending in self._running:
            error = sending.exception()
            if error is not None:
                _log.warning("a target's turn ended with an error: %s", error)
        self._running.clear()
