"""Sends what an agent that runs alone has in its spool to OpenFinOps, in order."""

from __future__ import annotations

import logging
import random
import socket
import threading

from agents.openfinops import OpenFinOpsClient
from agents.openfinops_shape import agent_of, telemetry_of
from agents.spool import Spool
from telemetry.batch import Batch
from telemetry.codec import decode
from telemetry.errors import ForwardRejected, ForwardRetry, MessageError
from telemetry.redact import redact

logger = logging.getLogger(__name__)

FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0


class Sending:
    """Drains a spool. One thread uses it; :meth:`stop` may be called from another."""

    def __init__(self, spool: Spool, client: OpenFinOpsClient) -> None:
        #: Batches that were sent, and those that OpenFinOps will never take.
        self.sent = self.rejected = 0
        self._spool = spool
        self._client = client
        self._host = socket.gethostname()
        self._stopping = threading.Event()

    def run(self) -> None:
        """Send as messages come, until :meth:`stop`."""
        failures = 0
        while not self._stopping.is_set():
            wait = self.drain()
            if wait is None:
                failures = 0
                self._spool.wait(1.0)
                continue
            failures += 1
            ceiling = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(failures, 10))
            jittered = random.uniform(ceiling / 2, ceiling)  # noqa: S311 - spreads load, keeps no secret
            self._stopping.wait(max(wait, jittered))

    def drain(self) -> float | None:
        """Send all that waits; None when it is sent, else the seconds that the server asks to wait (0: none)."""
        while not self._stopping.is_set():
            found = self._spool.oldest()
            if found is None:
                return None
            entry, body = found
            try:
                self._send(body)
            except ForwardRetry as error:
                if not self._stopping.is_set():
                    logger.warning("%d batches wait for OpenFinOps: %s", len(self._spool), error)
                return error.retry_after or 0.0
            except (ForwardRejected, MessageError) as error:
                self.rejected += 1
                logger.error("a batch is dropped, since it never will be taken: %s", redact(str(error)))  # noqa: TRY400 - the reason is enough
            self._spool.remove(entry)
        return 0.0

    def stop(self) -> None:
        """Have :meth:`run` and :meth:`drain` return soon, in the middle of a request too."""
        self._stopping.set()
        self._spool.wake()
        self._client.abort()

    def _send(self, body: bytes) -> None:
        batch = decode(body)
        if isinstance(batch, Batch):
            self._client.register(agent_of(batch.run.target, self._host))
            self._client.ingest(telemetry_of(batch, self._host))
            self.sent += 1
