"""A circuit breaker: stops asking a destination that fails, and finds out by one request at a time when it is back."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from enum import Enum, auto

from telemetry.backoff import full_jitter

_log = logging.getLogger(__name__)


class Admission(Enum):
    """Whether a request may be made."""

    #: The circuit is closed: any request may be made.
    ALLOWED = auto()
    #: The circuit is half open: this one request decides.
    PROBE = auto()
    #: The circuit is open, or somebody else's probe is under way.
    REFUSED = auto()


class CircuitBreaker:
    """One destination's circuit. Safe to share between threads; none of its methods waits."""

    def __init__(
        self,
        name: str,
        *,
        threshold: int = 5,
        first_wait: float = 2.0,
        longest_wait: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start closed.

        Args:
            name: of the destination, for the log.
            threshold: failures in a row that open the circuit.
            first_wait: seconds at the most until the first probe.
            longest_wait: seconds at the most between two probes.
            clock: monotonic seconds.
        """
        self._name = name
        self._threshold = threshold
        self._first_wait = first_wait
        self._longest_wait = longest_wait
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0  # in a row
        self._openings = 0  # in a row
        self._quiet_until: float | None = None  # None: closed
        self._probing = False
        self._has_succeeded = False

    @property
    def closed(self) -> bool:
        """Whether requests go through."""
        return self._quiet_until is None

    def admit(self) -> Admission:
        """Ask to make a request; whoever gets PROBE must tell its outcome, or that it was abandoned."""
        with self._lock:
            if self._quiet_until is None:
                return Admission.ALLOWED
            if self._probing or self._clock() < self._quiet_until:
                return Admission.REFUSED
            self._probing = True
            return Admission.PROBE

    def succeeded(self) -> bool:
        """Note an answer; whether it closed a circuit that failures had opened."""
        with self._lock:
            was_broken = self._openings > 0
            self._failures = self._openings = 0
            self._quiet_until = None
            self._probing = False
            self._has_succeeded = True
        if was_broken:
            _log.warning("%s answers again: the circuit is closed", self._name)
        return was_broken

    def failed(self, reason: str) -> bool:
        """Note a failure; whether it came directly after a success, so that the destination may not be to blame."""
        with self._lock:
            self._failures += 1
            alone = self._failures == 1 and self._has_succeeded
            opens = self._probing or (self._quiet_until is None and self._failures >= self._threshold)
            self._probing = False
            if not opens:
                return alone
            self._openings += 1
            first = self._openings == 1
            wait = full_jitter(self._openings, self._first_wait, self._longest_wait)
            self._quiet_until = self._clock() + wait
        if first:
            _log.warning("%s fails: the circuit is open, one request at a time tries it: %s", self._name, reason)
        return alone

    def asked_to_wait(self, seconds: float, reason: str) -> None:
        """Make no request for some time, since the destination said so, or a person has to mend something."""
        with self._lock:
            self._probing = False
            self._quiet_until = max(self._quiet_until or 0.0, self._clock() + seconds)
        _log.warning("%s is left alone for %g s: %s", self._name, seconds, reason)

    def abandoned(self) -> None:
        """Note that a probe was not made after all: the next one may be."""
        with self._lock:
            self._probing = False
