# mypy: allow-untyped-calls
# (kombu has annotations for a few of its functions only)
"""kombu's transports for brokers that strangers write to."""

from __future__ import annotations

import logging
from collections import deque
from queue import Empty
from typing import Any

import msgspec
import redis.client
from kombu import transport
from kombu.transport import pyamqp
from kombu.transport import redis as kombu_redis
from kombu.utils.json import loads
from redis.exceptions import RedisError, ResponseError

from tasks.foreign.envelope import COMPRESSION, read, rewrite, write
from tasks.foreign.errors import ForeignMessage, shown
from tasks.redis_client import PlainConnection, SecureConnection

logger = logging.getLogger(__name__)

_TRANSPORTS = {
    "redis": f"{__name__}:RedisTransport",
    "rediss": f"{__name__}:RedisTransport",
    "amqp": f"{__name__}:AmqpTransport",
    "amqps": f"{__name__}:AmqpsTransport",
}
"""By the scheme of the broker's address."""

MAX_BROADCAST = 1024 * 1024
"""Bytes of an event, or of a command of the remote control."""
ASIDE = "finfleet.aside:"
"""Before the name of a key that was no list, and lay in a queue's place."""

_taken: deque[tuple[str, bytes]] = deque()
"""Messages that were taken off their lists, and that the server did not let us note as unacknowledged: key and item.

A server that is full gives and does not take. They outlive the connection, and go back before another is taken.
"""


def use_guarded(scheme: str) -> None:
    """Have kombu take ours for addresses of this scheme, in the whole process; harmless for another scheme.

    Not Celery's ``broker_transport``: addresses would be shown with its name in the place of the scheme, and Flower
    knows by the scheme how to ask a broker.
    """
    if scheme in _TRANSPORTS:
        transport.TRANSPORT_ALIASES[scheme] = _TRANSPORTS[scheme]
        transport._transport_cache.pop(scheme, None)  # noqa: SLF001 - one that was asked for before


class _Client(redis.client.Redis):
    """Gives kombu items that it can read."""

    def parse_response(self, connection: Any, command_name: Any, **options: Any) -> Any:
        """As redis-py's; what comes off a list is written anew."""
        reply = super().parse_response(connection, command_name, **options)
        if command_name == "BRPOP" and reply:
            key, item = reply
            name = key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key)
            return key, rewrite(item, name.split(RedisChannel.sep, 1)[0])
        return reply

    def pubsub(self, **kwargs: Any) -> Any:
        """As redis-py's, with messages that kombu can read."""
        return _PubSub(self.connection_pool, **kwargs)


class _PubSub(redis.client.PubSub):
    def parse_response(self, *args: Any, **kwargs: Any) -> Any:
        reply = super().parse_response(*args, **kwargs)
        if isinstance(reply, list) and reply[0] in {b"message", b"pmessage", "message", "pmessage"}:
            *head, data = reply
            return [*head, _broadcast(data)]
        return reply


def _broadcast(data: bytes) -> bytes:
    """The same written anew, or nothing, which kombu passes over."""
    try:
        if len(data) <= MAX_BROADCAST:
            return write(read(data), "")
    except ForeignMessage:
        pass
    logger.warning("a broadcast message that cannot be read is dropped: %s", shown(data))
    return b""


class _QoS(kombu_redis.QoS):
    """Loses nothing where the notes of what is unacknowledged cannot be written, or cannot be read."""

    def append(self, message: Any, delivery_tag: str) -> None:
        try:
            super().append(message, delivery_tag)
        except (RedisError, OSError) as error:
            queue = message.delivery_info["routing_key"]
            key = self.channel._q_for_pri(queue, message.properties.get("priority") or 0)  # noqa: SLF001 - kombu's own
            _taken.append((key, msgspec.json.encode(message._raw)))  # noqa: SLF001 - kombu's own
            if not isinstance(error, ResponseError):
                raise
            logger.warning("%s: the broker does not take a note: %s", queue, error)
            raise Empty from error

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        with self.channel.conn_or_acquire(client) as borrowed:
            note = borrowed.hget(self.unacked_key, tag)
            if note is None or _readable(note):
                super().restore_by_tag(tag, client=borrowed, leftmost=leftmost)
                return
            # On a queue of this worker's, it becomes a dead letter.
            queue = next(iter(self.channel.active_queues), "")
            logger.warning("a note of an unacknowledged message cannot be read: it goes to %s", queue)
            pipe = borrowed.pipeline().zrem(self.unacked_index_key, tag).hdel(self.unacked_key, tag)
            if queue:
                pipe.lpush(queue, note)
            pipe.execute()


def _readable(note: bytes) -> bool:
    try:
        message, exchange, routing_key = loads(note)
    except Exception:  # noqa: BLE001 - kombu's decoders raise whatever a value makes them raise
        return False
    form = isinstance(message, dict) and isinstance(exchange, str) and isinstance(routing_key, str)
    return form and all(isinstance(message.get(name), dict) for name in ("headers", "properties"))


class RedisChannel(kombu_redis.Channel):
    """A channel that no item of a list can end."""

    QoS = _QoS
    connection_class = PlainConnection
    connection_class_ssl = SecureConnection
    _borrowed: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        """As kombu's, which makes a client at each command: to make one takes longer than most commands."""
        if asynchronous:
            return super()._create_client(asynchronous=True)
        if self._borrowed is None or self._borrowed.connection_pool is not self._pool:
            # It keeps no connection: each command takes one from the pool, so threads may share it as they share that.
            self._borrowed = super()._create_client()
        return self._borrowed

    def _get_client(self) -> Any:
        super()._get_client()  # checks the version
        return _Client

    def get_table(self, exchange: str) -> Any:
        """The bindings that are of the form of one."""
        return [binding for binding in super().get_table(exchange) if len(binding) == 3]  # noqa: PLR2004 - kombu's form

    def _brpop_start(self, timeout: Any = None) -> None:
        try:
            self._give_back()
        except ResponseError:
            return  # it still takes nothing: look again at the next turn of the loop
        super()._brpop_start(timeout)

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)
        except ResponseError as error:
            if not str(error).startswith("WRONGTYPE"):
                raise
            self._clear_the_way()
            raise Empty from None

    def close(self) -> None:
        """Close, and give back what could not be noted, where that is possible now."""
        if _taken and not self.closed:
            try:
                self._give_back()
            except (RedisError, OSError) as error:
                logger.warning("%d messages wait in this process until the broker takes them: %s", len(_taken), error)
        super().close()

    def _give_back(self) -> None:
        with self.conn_or_acquire() as client:
            while _taken:
                client.rpush(*_taken[0])
                _taken.popleft()

    def _clear_the_way(self) -> None:
        """Rename what is no list and has the name of a queue, and say so on that queue: it becomes a dead letter."""
        with self.conn_or_acquire() as client:
            for queue in self.active_queues:
                for priority in self.priority_steps:
                    key = self._q_for_pri(queue, priority)
                    kind = client.type(key).decode()
                    if kind not in {"list", "none"}:
                        logger.error("%s is a %s, and no list: it is %s%s now", shown(key), kind, ASIDE, shown(key))
                        client.rename(key, ASIDE + key)
                        client.lpush(queue, f"the key {shown(key)} was a {kind}: it lies under {ASIDE}{shown(key)}")


class RedisTransport(kombu_redis.Transport):
    """kombu's for Redis."""

    Channel = RedisChannel


class _AmqpMessage(pyamqp.Message):
    def __init__(self, msg: Any, channel: Any = None, **kwargs: Any) -> None:
        headers = msg.properties.get("application_headers")
        if isinstance(headers, dict) and "compression" in headers:
            rest = {name: value for name, value in headers.items() if name != "compression"}
            msg.properties["application_headers"] = rest | {COMPRESSION: shown(headers["compression"])}
        super().__init__(msg, channel, **kwargs)


class _AmqpChannel(pyamqp.Channel):
    Message = _AmqpMessage


class _AmqpConnection(pyamqp.Connection):
    Channel = _AmqpChannel


class AmqpTransport(pyamqp.Transport):
    """kombu's for AMQP."""

    Connection = _AmqpConnection


class AmqpsTransport(pyamqp.SSLTransport):
    """The same over TLS."""

    Connection = _AmqpConnection


serialization = pyamqp.amqp.serialization  # type: ignore[attr-defined]  # py-amqp comes with kombu, and only so


def _properties(buf: Any, offset: int) -> tuple[dict[str, Any], int]:
    """Of a message; where they cannot be read, the message has none, and so becomes a dead letter."""
    try:
        properties, end = serialization.decode_properties_basic(buf, offset)
    except Exception as error:  # noqa: BLE001 - py-amqp raises whatever a value makes it raise
        return {"content_type": f"unreadable properties: {shown(str(error))}"}, len(buf)
    return properties, end


# py-amqp has no other way in: it reads the properties of a message before anybody can ask for the message.
serialization.PROPERTY_CLASSES[serialization.Basic.CLASS_ID] = _properties
