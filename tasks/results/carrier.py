"""What a carrier of the results queue can do: publish, receive, acknowledge, give back, and say how far behind it is.

Every carrier delivers at least once: a message that was published comes out until somebody has acknowledged it, and
may come out more than once. The bodies are opaque bytes, the codec is the caller's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from telemetry.errors import FinfleetError

MOST_BYTES = 32 * 1024 * 1024
CLAIM_AFTER = 30.0
"""Seconds without a sign of life after which what a consumer held goes to another one."""
PREFETCH = 64
"""Messages that a consumer may hold without having acknowledged them."""


class CarrierUnavailable(FinfleetError):
    """The broker cannot be reached, or does not answer."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message, as it was handed to one consumer."""

    body: bytes = field(repr=False)
    #: How often the broker has handed it out, this time included: 1 for the first.
    delivery_count: int
    #: When the broker (Redis) or the publisher (AMQP) says that it was published; None where nobody does.
    published_at: datetime | None
    #: Means something to the consumer that made it, and to nobody else.
    tag: object = field(repr=False)


@dataclass(frozen=True, slots=True)
class Depth:
    """How far the consumers are behind."""

    #: Messages that are not acknowledged. AMQP tells only of those that no consumer holds.
    messages: int
    #: Seconds since the oldest of them was published; None where there is none, and on AMQP, which does not tell.
    oldest_age: float | None


class Publisher(Protocol):
    """Puts messages on the queue. Any number of threads may share one."""

    def publish(self, body: bytes, *, message_id: str) -> None:
        """Return when the broker has the message durably.

        The message may be on the queue even where this raises; to publish the same body again is safe, since a
        receiver knows a batch by its id.

        Raises:
            PublishRefused: the broker is full, read-only or away, or did not confirm the message.
        """

    def close(self) -> None:
        """Let go of the connections."""


class Consumer(Protocol):
    """Takes messages off the queue. One thread uses it: the one that also commits.

    It connects when it is first asked for messages, and connects again, with growing and jittered pauses, whenever
    the broker went away; what was delivered over a lost connection comes again.
    """

    def receive(self, max_messages: int, wait: float) -> list[Delivery]:
        """Up to ``max_messages`` messages, oldest first; waits up to ``wait`` seconds for the first of them.

        Empty where there is nothing, and where the broker is away. Call it at least every ``CLAIM_AFTER`` / 2
        seconds while anything is held: it is also the sign of life.

        Raises:
            ConfigError: the broker is there, but refuses: credentials, permissions, a queue of another kind.
        """

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Take them off the queue for good. For what is no longer held by this consumer it does nothing."""

    def release(self, deliveries: Sequence[Delivery]) -> None:
        """Give them back undone: they come again within seconds, here or elsewhere, and that delivery counts.

        Hold them instead while it is the database that is away: a message that was given back too often is put
        aside by the broker (AMQP: ``DELIVERY_LIMIT``).
        """

    def hold(self) -> None:
        """Say that what is held is still being worked on: call it now and then where that takes long."""

    def close(self) -> None:
        """Give back what is held, and let go of the connection."""


class Carrier(Protocol):
    """The results queue on one broker."""

    @property
    def where(self) -> str:
        """The broker's address without credentials: for logs and messages."""

    def publisher(self) -> Publisher:
        """A publisher with connections of its own."""

    def consumer(
        self, *, prefetch: int = PREFETCH, claim_after: float = CLAIM_AFTER, most_bytes: int = MOST_BYTES
    ) -> Consumer:
        """A consumer with a connection of its own.

        ``prefetch`` has to cover all that the caller holds at a time, its next batch included (AMQP; on Redis a
        receive takes what it asks for). ``claim_after``, in seconds, is for Redis; an AMQP broker sees for itself
        that a consumer is gone. ``most_bytes`` bounds a receive, whose first message counts in any case.
        """

    def depth(self) -> Depth:
        """The backlog.

        Raises:
            CarrierUnavailable: the broker does not answer.
        """

    def check(self) -> None:
        """Return where the broker takes changes now.

        Raises:
            CarrierUnavailable: it does not answer, or takes none: a replica, or one that cannot write to its disk.
        """

    def accept(self) -> None:
        """Return where the broker would take a message now; none is left there.

        Raises:
            CarrierUnavailable: it does not answer, or has no room.
        """

    def close(self) -> None:
        """Let go of the connections that ``depth``, ``check`` and ``accept`` have made."""
