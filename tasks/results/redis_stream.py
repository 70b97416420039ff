"""The results queue as a Redis (or Valkey) stream with a consumer group.

Why not kombu, whose Redis transport takes a message off a list and notes it as unacknowledged in two steps: a consumer
that is killed in between has lost it. In a stream, to deliver and to note it is one step.

A foreign publisher writes ``XADD <name>:stream * id <message id> body <bytes>``. How durable an answered XADD is, the
server's settings say: append-only file, ``noeviction``. Needs Redis 6.2 or Valkey.
"""

from __future__ import annotations

from typing import cast

from redis import Redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import NoPermissionError, RedisError
from redis.retry import Retry

from tasks.redis_client import client_of, explain
from tasks.results.carrier import CLAIM_AFTER, MOST_BYTES, PREFETCH, CarrierUnavailable, Depth
from tasks.results.redis_consumer import BODY, RedisConsumer, create_group
from tasks.results.redis_scripts import DEPTH
from telemetry.broker import Address
from telemetry.errors import PublishRefused

GROUP = "ingest"
QUICK_RETRIES = 2
SOCKET_TIMEOUT = 10.0
CONNECT_TIMEOUT = 5.0
HEALTH_CHECK = 25
_NO_ENTRY = "0-0"
_PROTOCOL = 2  # replies of one form from every release of redis-py


class RedisCarrier:
    """The results queue on a Redis broker."""

    def __init__(self, address: Address, name: str) -> None:
        self._address = address
        self._key = f"{name}:stream"
        self._client = _client(address, QUICK_RETRIES)
        self._depth = self._client.register_script(DEPTH)

    @property
    def where(self) -> str:
        """The broker's address without credentials."""
        return self._address.where

    def publisher(self) -> RedisPublisher:
        """A publisher with connections of its own, one for each thread that publishes at the same time."""
        return RedisPublisher(_client(self._address, QUICK_RETRIES), self._key, self.where)

    def consumer(
        self, *, prefetch: int = PREFETCH, claim_after: float = CLAIM_AFTER, most_bytes: int = MOST_BYTES
    ) -> RedisConsumer:
        """A consumer with a name and a connection of its own; ``prefetch`` is for the other carrier."""
        del prefetch  # a stream delivers what is asked for, and nothing ahead of it
        # No retries below the consumer: it paces them itself, so that a receive ends when it should.
        return RedisConsumer(
            _client(self._address, 0), self._key, GROUP, self.where, claim_after=claim_after, most_bytes=most_bytes
        )

    def depth(self) -> Depth:
        """What is not acknowledged, delivered or not, and the age of the oldest; CarrierUnavailable."""
        try:
            reply = self._depth(keys=[self._key], args=[GROUP])
        except RedisError as error:
            text = f"{self.where}: cannot tell the depth of {self._key}: {explain(error)}"
            raise CarrierUnavailable(text) from error
        messages, oldest, now = cast("tuple[int, bytes, int]", reply)
        age = max(0.0, (now - int(oldest.split(b"-")[0])) / 1000) if oldest else None
        return Depth(messages=messages, oldest_age=age)

    def check(self) -> None:
        """Have the server change nothing, which only one that takes changes does; CarrierUnavailable."""
        try:
            self._client.xdel(self._key, _NO_ENTRY)
        except RedisError as error:
            raise CarrierUnavailable(f"{self.where} takes no changes: {explain(error)}") from error

    def accept(self) -> None:
        """Write nothing by a command that a server without memory or disk refuses all the same; CarrierUnavailable."""
        try:
            self._client.setrange(f"{self._key}:probe", 0, b"")  # of a key that is not there: it makes none
        except NoPermissionError:
            return  # what we may not ask is not known
        except RedisError as error:
            raise CarrierUnavailable(f"{self.where} takes no messages: {explain(error)}") from error

    def close(self) -> None:
        """Let go of the connections that ``depth``, ``check`` and ``accept`` have made."""
        self._client.close()


class RedisPublisher:
    """Appends to the stream."""

    def __init__(self, client: Redis, key: str, where: str) -> None:
        self._client = client
        self._key = key
        self._where = where
        self._group_exists = False

    def publish(self, body: bytes, *, message_id: str) -> None:
        """Return when the server has the entry; PublishRefused where it is full, read-only or away."""
        try:
            if not self._group_exists:
                # Before there is anything to read: a server that is full takes no new group, and so could not be
                # emptied by a consumer that comes first then.
                create_group(self._client, self._key, GROUP)
                self._group_exists = True
            self._client.xadd(self._key, {b"id": message_id, BODY: body})
        except RedisError as error:
            text = f"{self._where}: {self._key} did not take message {message_id}: {explain(error)}"
            raise PublishRefused(text) from error

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()


def _client(address: Address, retries: int) -> Redis:
    return client_of(
        address,
        Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), retries),
        protocol=_PROTOCOL,
        socket_timeout=SOCKET_TIMEOUT,
        socket_connect_timeout=CONNECT_TIMEOUT,
        socket_keepalive=True,
        health_check_interval=HEALTH_CHECK,
    )
