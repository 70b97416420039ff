# mypy: allow-untyped-calls
# (kombu has annotations for a few of its functions only)
"""A consumer of the quorum queue."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

from kombu.message import Message
from kombu.messaging import Consumer

from tasks.results.amqp_link import ERRORS, Link, is_refusal
from tasks.results.carrier import Delivery
from tasks.results.outage import Outage, describe
from telemetry.broker import SOURCE, Address
from telemetry.errors import ConfigError

log = logging.getLogger(__name__)

HEARTBEAT = 60
"""Seconds of silence after which either side takes the other for dead.

Everything that a consumer says counts (receive, ack, release), so its thread may be busy with a transaction for nearly
this long; past that, what it held is delivered again.
"""
PUBLISHED_AT = "published_at"
"""Header: milliseconds since 1970."""
_DELIVERY_COUNT = "x-delivery-count"  # of a quorum queue: deliveries before this one that came to nothing
_AT_ONCE = 0.001  # not 0: without a time-out, py-amqp spins while a message is half arrived


class AmqpConsumer:
    """Takes messages off the queue, with manual acknowledgement."""

    def __init__(self, address: Address, name: str, prefetch: int, most_bytes: int) -> None:
        self._address = address
        self._name = name
        self._prefetch = prefetch
        self._most_bytes = most_bytes
        self._outage = Outage(address.where)
        self._link: Link | None = None
        self._arrived: deque[Delivery] = deque()
        self._arrived_bytes = 0
        self._read_at = 0.0
        self._held: set[int] = set()  # delivery tags of this connection that were handed out

    def receive(self, max_messages: int, wait: float) -> list[Delivery]:
        """Up to ``max_messages`` messages; connects where there is no connection."""
        deadline = time.monotonic() + wait
        while self._outage.wait(deadline):
            try:
                link = self._connected()
                if not self._is_full():
                    self._collect(link, max_messages, deadline)
            except ERRORS as error:
                self._lost(error)
            else:
                self._outage.over()
                if self._arrived or time.monotonic() >= deadline:
                    return self._hand_out(max_messages)
        return []

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge what came over the present connection; the rest was given to somebody else."""
        for tag in self._take_back(deliveries):
            self._attempt(lambda link, tag=tag: link.channel.basic_ack(tag))

    def release(self, deliveries: Sequence[Delivery]) -> None:
        """Put it back to the head of the queue."""
        for tag in self._take_back(deliveries):
            self._attempt(lambda link, tag=tag: link.channel.basic_reject(tag, requeue=True))

    def hold(self) -> None:
        """Keep the connection alive; what arrives meanwhile waits for the next receive.

        Where enough is here, the rest waits at the broker: of that only as much is read as shows that it lives.
        """
        if self._is_full() and time.monotonic() < self._read_at + HEARTBEAT / 4:
            self._attempt(lambda link: link.connection.heartbeat_check())
        else:
            self._attempt(lambda link: self._collect(link, len(self._arrived), time.monotonic()))

    def close(self) -> None:
        """Disconnect; the broker gives what was held to others at once."""
        if self._link:
            self._link.close()
        self._forget()

    def _connected(self) -> Link:
        if self._link is None:
            try:
                link = Link(self._address, self._name, "consumer", HEARTBEAT)
            except ERRORS as error:
                if is_refusal(error):
                    text = f"{self._address.where} refuses to consume {self._name}: {describe(error)}"
                    raise ConfigError(SOURCE, (text,)) from error
                raise
            self._link = link
            consumer = Consumer(
                link.channel,
                queues=[link.queue],
                on_message=self._on_message,
                auto_declare=False,
                prefetch_count=self._prefetch,
            )
            consumer.consume()
        return self._link

    def _collect(self, link: Link, enough: int, deadline: float) -> None:
        """Read what is there, and wait for the first message where there is none."""
        while True:
            self._read_at = time.monotonic()
            longest = min(1.0, HEARTBEAT / 4, deadline - self._read_at)
            wait = _AT_ONCE if self._arrived else max(_AT_ONCE, longest)
            try:
                link.connection.drain_events(timeout=wait)
            except TimeoutError:
                done = bool(self._arrived) or time.monotonic() >= deadline
            else:
                done = len(self._arrived) >= enough or self._is_full()
            # After reading: what came in meanwhile is the other side's sign of life.
            link.connection.heartbeat_check()
            if done:
                return

    def _on_message(self, message: Message) -> None:
        headers = message.headers if isinstance(message.headers, dict) else {}
        body = message.body or b""  # py-amqp makes a string of an empty one
        self._arrived_bytes += len(body)
        self._arrived.append(
            Delivery(
                body=body,
                delivery_count=1 + _count(headers.get(_DELIVERY_COUNT)),
                published_at=_time(headers.get(PUBLISHED_AT)),
                tag=(self._link, message.delivery_tag),
            )
        )

    def _hand_out(self, max_messages: int) -> list[Delivery]:
        found: list[Delivery] = []
        size = 0
        while self._arrived and len(found) < max_messages:
            size += len(self._arrived[0].body)
            if found and size > self._most_bytes:
                break
            found.append(self._arrived.popleft())
        self._arrived_bytes = sum(len(delivery.body) for delivery in self._arrived)
        self._held.update(cast("tuple[Link, int]", delivery.tag)[1] for delivery in found)
        return found

    def _is_full(self) -> bool:
        return self._arrived_bytes >= self._most_bytes

    def _take_back(self, deliveries: Sequence[Delivery]) -> list[int]:
        """The tags of those that are held over the present connection. The broker ends a channel over a wrong tag."""
        pairs = [cast("tuple[Link, int]", delivery.tag) for delivery in deliveries]
        tags = [tag for link, tag in pairs if link is self._link and tag in self._held]
        self._held.difference_update(tags)
        return tags

    def _attempt(self, step: Any) -> None:
        if self._link is None:
            return
        try:
            step(self._link)
        except ERRORS as error:
            self._lost(error)

    def _lost(self, error: Exception) -> None:
        if self._link:
            self._link.drop()
        self._forget()
        self._outage.failed(error)

    def _forget(self) -> None:
        self._link = None
        self._arrived.clear()
        self._arrived_bytes = 0
        self._held.clear()


def _count(value: object) -> int:
    return max(0, value) if isinstance(value, int) else 0


def _time(value: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(value / 1000, UTC) if isinstance(value, int) else None
    except (ValueError, OverflowError, OSError):  # whoever publishes writes what he likes
        return None
