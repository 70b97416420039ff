"""Sends what an agent that runs alone has in its spool to its destination, in order.

A message is set aside where it cannot be read, or where the destination takes others and not this one: see
agents.core.refusals. A proxy that refuses everything is waited for.
"""

from __future__ import annotations

import logging
import threading

from agents.core.destination import Destination
from agents.core.refusals import MAX_BEHIND, Refusals, Verdict
from agents.standalone.spool import Entry, Spool
from telemetry.backoff import equal_jitter
from telemetry.batch import Batch
from telemetry.codec import decode
from telemetry.errors import ForwardInvalid, ForwardRefused, ForwardRejected, ForwardRetry, MessageError
from telemetry.redact import redact

logger = logging.getLogger(__name__)

FIRST_WAIT = 2.0
LONGEST_WAIT = 60.0
WAVE = 5
"""So many messages refused in a row are enough for now."""
FAULT_LIMIT = 3
"""Faults of our own code over one message, after which it is set aside."""
_QUEUE = "spool"


class Sending:
    """Drains a spool. One thread uses it; :meth:`stop` may be called from another."""

    def __init__(self, spool: Spool, destination: Destination) -> None:
        #: Batches that were sent, and those that were set aside.
        self.sent = self.rejected = 0
        self._spool = spool
        self._destination = destination
        self._stopping = threading.Event()
        self._refusals = Refusals()
        #: The message that our own code failed over, and how often.
        self._fault = (0, 0)

    def run(self) -> None:
        """Send as messages come, until :meth:`stop`."""
        failures = 0
        while not self._stopping.is_set():
            try:
                wait = self.drain()
            except OSError as error:
                logger.error("the spool cannot be used, trying again until it can: %s", error)  # noqa: TRY400 - a disk that fails needs no traceback
                wait = 0.0
            if wait is None:
                failures = 0
                self._spool.wait(1.0)
                continue
            failures += 1
            self._stopping.wait(max(wait, equal_jitter(failures, FIRST_WAIT, LONGEST_WAIT)))

    def drain(self) -> float | None:
        """Send all that waits; None when it is sent, else the seconds that the server asks to wait (0: none)."""
        while not self._stopping.is_set():
            found = self._spool.oldest()
            if found is None:
                return None
            wait = self._settle(*found)
            if wait is not None:
                return wait
        return 0.0

    def stop(self) -> None:
        """Have :meth:`run` and :meth:`drain` return soon, in the middle of a request too."""
        self._stopping.set()
        self._spool.wake()
        self._destination.abort()

    def _settle(self, entry: Entry, body: bytes) -> float | None:
        """Send one; None where the next look into the spool may come at once, else the seconds to wait."""
        try:
            self._send(entry, body)
        except ForwardRetry as error:
            if not self._stopping.is_set():
                logger.warning("%d batches wait for %s: %s", len(self._spool), self._destination.label, error)
            return error.retry_after or 0.0
        except ForwardRefused as refused:
            return self._judge(entry, body, refused)
        except (ForwardRejected, MessageError) as error:
            self._set_aside(entry, f"it never will be taken: {error}")
        except Exception as error:
            logger.exception("a batch cannot be sent")
            number, faults = self._fault
            self._fault = (entry.number, faults + 1 if number == entry.number else 1)
            if self._fault[1] < FAULT_LIMIT:
                return 0.0
            self._set_aside(entry, f"it cannot be sent ({type(error).__name__}, {FAULT_LIMIT} times): see the log")
        return None

    def _judge(self, entry: Entry, body: bytes, refused: ForwardRefused) -> float | None:
        verdict = self._verdict(entry, body, refused)
        if verdict is Verdict.CONDEMN:
            self._set_aside(entry, f"{self._destination.label} takes others, and not this: {refused}")
        elif verdict is not Verdict.AGAIN and not self._look_behind():
            logger.warning("%d batches wait, since nothing is taken: %s", len(self._spool), refused)
            return 0.0
        return None

    def _verdict(self, entry: Entry, body: bytes, refused: ForwardRefused) -> Verdict:
        def is_own() -> bool:
            # A proxy that refuses everything refuses what is harmless as well.
            return isinstance(refused, ForwardInvalid) and self._destination.takes(_batch_in(body))

        return self._refusals.refused(entry.number, _QUEUE, is_own)

    def _look_behind(self) -> bool:
        """Whether one behind those that were refused is taken: nothing else can tell whose fault it is."""
        while len(known := self._refusals.suspects(_QUEUE)) < MAX_BEHIND and not self._stopping.is_set():
            found = self._spool.oldest(known)
            if found is None:
                return False
            try:
                self._send(*found)
            except ForwardRefused as refused:
                self._verdict(*found, refused)
                if self._refusals.in_a_row >= WAVE:
                    return False
            except Exception:  # noqa: BLE001 - it tells nothing, and will have its own turn
                return False
            else:
                return True
        return False

    def _set_aside(self, entry: Entry, reason: str) -> None:
        self.rejected += 1
        self._spool.set_aside(entry, redact(reason))

    def _send(self, entry: Entry, body: bytes) -> None:
        """Send one, and forget it: it is taken."""
        remark = self._destination.send(_batch_in(body))
        if remark:
            logger.warning("a batch is sent, but: %s", remark)
        self.sent += 1
        self._refusals.taken(entry.number, _QUEUE)
        self._spool.remove(entry)


def _batch_in(body: bytes) -> Batch:
    batch = decode(body)
    if not isinstance(batch, Batch):
        raise ForwardRejected("it is a report, and only batches are forwarded")
    return batch
