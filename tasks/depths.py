"""How many task messages wait in Celery's queues, by the broker itself."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any, Protocol

from kombu.exceptions import OperationalError


class Connects(Protocol):
    """Celery's application, as far as it matters here."""

    def connection_for_read(self) -> Any:
        """A connection to the broker, which is not made yet."""


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
            # There is no such queue yet. AMQP closes the channel on which it was asked for; Redis, which knows no list
            # that is empty, does not.
            if getattr(self._channel, "closed", True):
                self._channel = None
            return 0
