# mypy: allow-untyped-calls
# (kombu has annotations for a few of its functions only)
"""One connection to an AMQP broker with one channel, and the queue declared on it."""

from __future__ import annotations

import ssl
from typing import Any

from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.exceptions import OperationalError

from telemetry.broker import Address

DELIVERY_LIMIT = 20
"""Deliveries after which the broker puts a message aside. A queue's arguments cannot be changed once it exists."""
SOCKET_TIMEOUT = 30
CONNECT_TIMEOUT = 5.0


class Blocked(Exception):
    """The broker takes no messages, because it is short of memory or of disk space."""


_nowhere = Connection("pyamqp://")
#: What kombu and its client raise for a connection or a channel that is lost, refused or in disorder. AttributeError is
#: what py-amqp makes of a connection that goes away while it is in use.
ERRORS: tuple[type[Exception], ...] = (
    *_nowhere.connection_errors,
    *_nowhere.channel_errors,
    *_nowhere.recoverable_connection_errors,  # a message that the broker refuses (nack) is among these
    OperationalError,
    AttributeError,
    Blocked,
)
_REFUSALS = frozenset({403, 406, 530})  # access refused, declared with other arguments, no such virtual host


class Link:
    """A connection, its one channel, and the topology of the queue. Not to be shared between threads."""

    def __init__(self, address: Address, name: str, role: str, heartbeat: int) -> None:
        self.name = name
        self.connection = _connection(address, role, heartbeat)
        try:
            # kombu's own way of connecting sleeps two seconds between its attempts.
            self.connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
            self.channel = self.connection.channel()
            self.channel.auto_decode = False  # bodies are bytes, whatever encoding a publisher says they are in
            self.queue = _queue(name)(self.channel)
            _dead_letter_queue(name)(self.channel).declare()
            self.queue.declare()
        except BaseException:
            self.drop()
            raise

    def ready(self) -> int:
        """Messages in the queue that no consumer holds."""
        return int(self.channel.queue_declare(self.name, passive=True).message_count)

    def close(self) -> None:
        """Say good-bye to the broker: what is not acknowledged goes back at once."""
        try:
            self.connection.close()
        except ERRORS:
            self.drop()

    def drop(self) -> None:
        """Close the socket, and say nothing."""
        self.connection.collect()


def is_refusal(error: Exception) -> bool:
    """Whether the broker is there and will not have us: no attempt to connect will do better."""
    return getattr(error, "reply_code", None) in _REFUSALS


def _connection(address: Address, role: str, heartbeat: int) -> Connection:
    rest = address.url.get_secret_value().partition("://")[2]
    return Connection(
        f"pyamqp://{rest}",
        ssl=tls_options(address) or False,
        connect_timeout=CONNECT_TIMEOUT,
        heartbeat=heartbeat,
        transport_options={
            "confirm_publish": True,
            "read_timeout": SOCKET_TIMEOUT,
            "write_timeout": SOCKET_TIMEOUT,
            "client_properties": {"connection_name": f"finfleet {role}"},
            "on_blocked": _refuse,
        },
    )


def tls_options(address: Address) -> dict[str, Any]:
    """What py-amqp is told of TLS."""
    if not address.is_secure:
        return {}
    # Without a server name, py-amqp would take any host's certificate.
    options: dict[str, Any] = {"server_hostname": address.host, "cert_reqs": ssl.CERT_REQUIRED}
    return options | ({"ca_certs": address.ca_file} if address.ca_file else {})


def _refuse(reason: str) -> None:
    raise Blocked(reason)


def _queue(name: str) -> Queue:
    arguments = {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": f"{name}.dead",
        # The broker lets go of a dead message only when the other queue has it; it wants the overflow rule for that.
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
    exchange = Exchange(name, type="direct", durable=True)
    return Queue(name, exchange=exchange, routing_key=name, durable=True, queue_arguments=arguments)


def _dead_letter_queue(name: str) -> Queue:
    return Queue(f"{name}.dead", durable=True, queue_arguments={"x-queue-type": "quorum"})
