"""A broker of either kind, as the tests of the results queue see it."""

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import redis
from pydantic import SecretStr

from tasks.results import Carrier, Consumer, Delivery, open_carrier
from tests.support.proxy import Proxy
from tests.support.rabbitmq import RabbitMQ, running_rabbitmq
from tests.support.servers import running_valkey
from tests.support.waiting import until
from workers.embedded import EmbeddedValkey

CLAIM_AFTER = 0.4
"""Seconds: soon enough for a test, and long enough that a living consumer keeps what it has."""


class Broker:
    """A running broker, which a test may stop, fill and start again as long as it runs in the end."""

    def __init__(self, kind: str, server: EmbeddedValkey | RabbitMQ) -> None:
        self.kind = kind
        self.server = server

    @property
    def url(self) -> str:
        """With the credentials."""
        return self.server.url.get_secret_value()

    @property
    def password(self) -> str:
        """Must appear nowhere."""
        return urlsplit(self.url).password or ""

    def carrier(self, name: str | None = None, proxy: Proxy | None = None) -> Carrier:
        """A results queue of the test's own; through the proxy if one is given."""
        url = proxy.before(self.url) if proxy else self.url
        return open_carrier(SecretStr(url), name or fresh_name())

    def proxy(self) -> Proxy:
        """A proxy before this broker."""
        port = urlsplit(self.url).port
        assert port
        return Proxy(port)

    def redis(self) -> redis.Redis:
        """A client, for a look behind the carrier."""
        return redis.Redis.from_url(self.url, protocol=2)

    def crash(self, name: str) -> None:
        """Kill the server, as soon as a queue may be expected to survive that."""
        if isinstance(self.server, RabbitMQ):
            self.server.until_written_down(name)
        self.server.process.kill()
        self.server.stop()

    @contextmanager
    def full(self) -> Iterator[None]:
        """Short of memory for a while."""
        if isinstance(self.server, RabbitMQ):
            self.server.control("set_vm_memory_high_watermark", "absolute", "1MB")
            try:
                yield
            finally:
                self.server.control("set_vm_memory_high_watermark", "absolute", "1GB")
            return
        with self.redis() as client:
            client.config_set("maxmemory", "1mb")
            try:
                yield
            finally:
                client.config_set("maxmemory", "1gb")


def fresh_name() -> str:
    """A name for a queue that nobody else uses."""
    return f"finfleet.results.{secrets.token_hex(6)}"


@contextmanager
def running_broker(kind: str) -> Iterator[Broker]:
    """A broker for ``redis`` or ``amqp``; skips (in CI: fails) where there is no program for it."""
    running = running_rabbitmq if kind == "amqp" else running_valkey
    with running() as server:
        yield Broker(kind, server)


def publish(carrier: Carrier, *bodies: bytes) -> None:
    """Put these on the queue, one after the other."""
    with closing(carrier.publisher()) as publisher:
        for number, body in enumerate(bodies):
            publisher.publish(body, message_id=str(number))


def numbered(count: int) -> list[bytes]:
    """As many bodies, each its number."""
    return [b"%d" % number for number in range(count)]


def receive(consumer: Consumer, count: int, within: float = 20.0) -> list[Delivery]:
    """Exactly so many deliveries; fails the test when they do not come."""
    found: list[Delivery] = []

    def enough() -> bool:
        found.extend(consumer.receive(count - len(found), 0.5))
        return len(found) >= count

    until(enough, within, f"{count} messages")
    return found


def bodies(deliveries: list[Delivery]) -> list[bytes]:
    """What they carry."""
    return [delivery.body for delivery in deliveries]


def until_depth(carrier: Carrier, messages: int) -> None:
    """Wait until the queue has so many messages."""
    until(lambda: carrier.depth().messages == messages, 10, f"a depth of {messages}")
