"""How many task messages wait in Celery's queues."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from kombu.connection import Connection
from kombu.exceptions import OperationalError

from tasks.foreign.rules import push_queues
from tasks.redis_client import tls_options as redis_tls
from tasks.results.amqp_link import tls_options as amqp_tls
from tasks.schedule import PLAN_QUEUE
from telemetry.broker import Address
from telemetry.settings import Settings

_CONNECT_TIMEOUT = 5.0


class Connects(Protocol):
    """Celery's application, as far as it matters here."""

    def connection_for_read(self) -> Any:
        """A connection to the broker, which is not made yet."""


@dataclass(frozen=True)
class _Broker:
    """The same without the application: to make that loads every service, which takes longer than to ask."""

    address: Address

    def connection_for_read(self) -> Any:
        secure = redis_tls(self.address) if self.address.is_redis else amqp_tls(self.address)
        return Connection(self.address.url.get_secret_value(), ssl=secure or False, connect_timeout=_CONNECT_TIMEOUT)


def task_queue_depths(settings: Settings) -> dict[str, int]:
    """Messages waiting by queue, 0 for one that nobody has used yet; OperationalError where the broker does not answer.

    Tasks that a worker holds do not count.
    """
    if settings.broker.address is None:
        return {}
    depths = QueueDepths(_Broker(settings.broker.address))
    try:
        return depths.read(task_queues(settings))
    finally:
        depths.close()


def task_queues(settings: Settings) -> list[str]:
    """The names of Celery's queues, by the configuration."""
    collected = {
        account.queue
        for provider, section in settings.providers()
        for account in section.accounts_of(provider)
        if account.services
    }
    return sorted({PLAN_QUEUE, *(name for name, _ in push_queues(settings.push_sources)), *collected})


class QueueDepths:
    """Asks again and again, over a connection of its own, which it keeps. One thread uses it."""

    def __init__(self, app: Connects) -> None:
        """Connect to nothing yet."""
        self._app = app
        self._connection: Any = None
        self._channel: Any = None

    def read(self, names: Iterable[str]) -> dict[str, int]:
        """Messages waiting by queue; OperationalError where the broker does not answer."""
        try:
            self._connect()
            return {name: self._depth(name) for name in names}
        except OperationalError:
            self.close()
            raise
        except Exception as error:
            # Whatever it is that the broker answers in the place of a number: it is loading, locked, or cannot write.
            self.close()
            raise OperationalError(str(error)) from error

    def close(self) -> None:
        """Let go of the connection; the next read makes another."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(Exception):  # it may be broken in any way
                connection.release()

    def _connect(self) -> None:
        if self._connection is None:
            self._connection = self._app.connection_for_read()
            self._connection.ensure_connection(max_retries=1, timeout=5)

    def _depth(self, name: str) -> int:
        if self._channel is None:
            self._channel = self._connection.channel()
        try:
            return int(self._channel.queue_declare(queue=name, passive=True).message_count)
        except self._connection.channel_errors:
            # There is no such queue yet. AMQP closes the channel on which it was asked for.
            self._channel = None
            return 0
