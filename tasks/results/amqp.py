# mypy: allow-untyped-calls
# (kombu has annotations for a few of its functions only)
"""The results queue on an AMQP broker (RabbitMQ 3.10 or newer): a quorum queue, by kombu.

Topology, declared by whoever connects first::

    exchange finfleet.results (direct) --finfleet.results--> queue finfleet.results (quorum)
                                                                  |  delivered more than DELIVERY_LIMIT times
                                                                  v
                                                             queue finfleet.results.dead (quorum)

The dead-letter queue is the broker's safety net, for a message that ends every consumer before it can decide. The
ingest decides long before.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from kombu.messaging import Producer

from tasks.results.amqp_consumer import PUBLISHED_AT, AmqpConsumer
from tasks.results.amqp_link import ERRORS, Blocked, Link
from tasks.results.carrier import CLAIM_AFTER, MOST_BYTES, PREFETCH, CarrierUnavailable, Depth
from tasks.results.outage import describe
from telemetry.backoff import equal_jitter
from telemetry.broker import Address
from telemetry.errors import PublishRefused

CONFIRM_TIMEOUT = 10.0
PUBLISHING_CONNECTIONS = 8
QUICK_RETRIES = 2
_QUICK_PAUSE = 0.2
_NO_HEARTBEAT = 0
"""Of publishers: none of their threads would be there to send it.

TCP keepalive notices a dead peer, and a connection that broke while it was idle is replaced at the next publish.
"""


class AmqpCarrier:
    """The results queue on an AMQP broker."""

    def __init__(self, address: Address, name: str) -> None:
        self._address = address
        self._name = name
        self._lock = threading.Lock()
        self._link: Link | None = None

    @property
    def where(self) -> str:
        """The broker's address without credentials."""
        return self._address.where

    def publisher(self) -> AmqpPublisher:
        """A publisher with up to ``PUBLISHING_CONNECTIONS`` connections, one for each thread that publishes."""
        return AmqpPublisher(self._address, self._name)

    def consumer(
        self, *, prefetch: int = PREFETCH, claim_after: float = CLAIM_AFTER, most_bytes: int = MOST_BYTES
    ) -> AmqpConsumer:
        """A consumer that holds up to ``prefetch`` messages; ``claim_after`` is for the other carrier."""
        del claim_after  # the broker gives back what a consumer held as soon as its connection ends
        return AmqpConsumer(self._address, self._name, prefetch, most_bytes)

    def depth(self) -> Depth:
        """The messages that no consumer holds; their age is not to be had here. CarrierUnavailable."""
        with self._lock:
            try:
                return Depth(messages=self._ready(), oldest_age=None)
            except ERRORS as error:
                self._drop()
                text = f"{self.where}: cannot tell the depth of {self._name}: {describe(error)}"
                raise CarrierUnavailable(text) from error

    def check(self) -> None:
        """Look whether the queue is there, or can be made; CarrierUnavailable."""
        self.depth()

    def accept(self) -> None:
        """Publish what no queue is there for, and wait for the confirmation; CarrierUnavailable."""
        with self._lock:
            try:
                self._ready()
                if self._link is not None:
                    _send_nowhere(self._link)
            except ERRORS as error:
                self._drop()
                raise CarrierUnavailable(f"{self.where} takes no messages: {describe(error)}") from error

    def close(self) -> None:
        """Let go of the connection that ``depth`` has made."""
        with self._lock:
            if self._link:
                self._link.close()
            self._link = None

    def _ready(self) -> int:
        if self._link:
            try:
                return self._link.ready()
            except ERRORS:
                self._drop()  # broken since the last time, perhaps: once more on a new one
        self._link = Link(self._address, self._name, "depth", _NO_HEARTBEAT)
        return self._link.ready()

    def _drop(self) -> None:
        if self._link:
            self._link.drop()
        self._link = None


class AmqpPublisher:
    """Publishes persistent messages, and waits for the broker's confirmation of each."""

    def __init__(self, address: Address, name: str) -> None:
        self._address = address
        self._name = name
        self._slots = threading.BoundedSemaphore(PUBLISHING_CONNECTIONS)
        self._idle: deque[Link] = deque()

    def publish(self, body: bytes, *, message_id: str) -> None:
        """Return when the broker has confirmed the message; PublishRefused where it does not."""
        for retries_left in range(QUICK_RETRIES, -1, -1):
            try:
                with self._borrowed() as link:
                    _send(link, body, message_id)
            except ERRORS as error:
                self._discard_idle()  # whatever ended this connection has most likely ended those
                # A broker that is full, or does not answer in time, will not do so at once.
                if not retries_left or isinstance(error, (Blocked, TimeoutError)):
                    where = f"{self._address.where}: {self._name}"
                    raise PublishRefused(f"{where} did not take message {message_id}: {describe(error)}") from error
                time.sleep(equal_jitter(1, _QUICK_PAUSE, _QUICK_PAUSE))
            else:
                return

    def close(self) -> None:
        """Let go of the connections."""
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _borrowed(self) -> Iterator[Link]:
        with self._slots:
            try:
                link = self._idle.pop()
            except IndexError:
                link = Link(self._address, self._name, "publisher", _NO_HEARTBEAT)
            try:
                yield link
            except BaseException:
                link.drop()
                raise
            self._idle.append(link)

    def _discard_idle(self) -> None:
        while True:
            try:
                self._idle.pop().drop()
            except IndexError:
                return


def _send_nowhere(link: Link) -> None:
    Producer(link.channel, auto_declare=False).publish(
        b"", exchange="", routing_key=f"{link.name}.nowhere", timeout=CONFIRM_TIMEOUT, confirm_timeout=CONFIRM_TIMEOUT
    )


def _send(link: Link, body: bytes, message_id: str) -> None:
    now = datetime.now(UTC)
    Producer(link.channel, auto_declare=False).publish(
        body,
        exchange=link.name,
        routing_key=link.name,
        delivery_mode="persistent",
        mandatory=True,
        content_type="application/octet-stream",
        content_encoding="binary",
        headers={PUBLISHED_AT: int(now.timestamp() * 1000)},
        timeout=CONFIRM_TIMEOUT,
        confirm_timeout=CONFIRM_TIMEOUT,
        message_id=message_id,
        timestamp=int(now.timestamp()),
    )
