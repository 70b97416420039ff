"""How many task messages wait in Celery's queues."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from telemetry.settings import Settings

logger = logging.getLogger(__name__)


def task_queue_depths(settings: Settings) -> dict[str, int | None]:
    """Messages waiting by queue; None where the broker cannot be asked, 0 for a queue that nobody has used yet.

    Tasks that a worker holds do not count.
    """
    from tasks.app import make_app  # noqa: PLC0415 - it reads the configuration, which --help must not need

    if settings.broker.url is None:
        return {}
    app = make_app(settings)
    names = [queue.name for queue in app.conf.task_queues]
    depths = QueueDepths(app)
    try:
        return dict(depths.read(names))
    except OperationalError as error:
        logger.warning("the task queues cannot be counted: %s", error)
        return dict.fromkeys(names)
    finally:
        depths.close()


class QueueDepths:
    """Asks again and again, over a connection of its own, which it keeps. One thread uses it."""

    def __init__(self, app: Celery) -> None:
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
