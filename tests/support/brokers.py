"""A broker of either kind, as the tests of the results queue see it."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import redis
from pydantic import SecretStr

from tasks.results import Carrier, Consumer, Delivery, open_carrier
from tests.support.proxy import Proxy
from tests.support.rabbitmq import VHOSTS, RabbitMQ, running_rabbitmq
from tests.support.servers import running_valkey
from tests.support.waiting import until
from workers.embedded import EmbeddedValkey

CLAIM_AFTER = 0.4
"""Seconds: soon enough for a test, and long enough that a living consumer keeps what it has."""


class Broker:
    """A running broker. Who has started one may stop, fill and start it again; who has borrowed one may not."""

    def __init__(self, kind: str, server: EmbeddedValkey | RabbitMQ, vhost: str = "/") -> None:
        self.kind = kind
        self.server = server
        self._vhost = vhost

    @property
    def url(self) -> str:
        """With the credentials."""
        return self.server.url.get_secret_value().removesuffix("//") + (
            "" if self.kind == "redis" else f"/{self._vhost}"
        )

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


class Lending:
    """Brokers for tests that leave them running; each is empty when it is lent.

    A RabbitMQ takes six seconds of a processor to start, so all borrowers of this process share one, each with a
    virtual host of its own. A Valkey takes none: each has its own.
    """

    def __init__(self) -> None:
        self._shared = ExitStack()
        self._rabbitmq: RabbitMQ | None = None
        self._vhosts = iter(VHOSTS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._rabbitmq is not None:
            self._rabbitmq.process.kill()  # nobody needs its data any more, which it would bring in order first
        self._shared.close()

    @contextmanager
    def lend(self, kind: str) -> Iterator[Broker]:
        """One for ``redis`` or ``amqp``; skips (in CI: fails) where there is no program for it."""
        if kind == "amqp":
            if self._rabbitmq is None:
                self._rabbitmq = self._shared.enter_context(running_rabbitmq())
            yield Broker(kind, self._rabbitmq, next(self._vhosts))
        else:
            with running_valkey() as server:
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
