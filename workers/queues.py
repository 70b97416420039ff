"""How many task messages wait in Celery's queues."""

from __future__ import annotations

import logging

from kombu.exceptions import OperationalError

from tasks.app import make_app
from telemetry.settings import Settings

logger = logging.getLogger(__name__)


def task_queue_depths(settings: Settings) -> dict[str, int | None]:
    """Messages waiting by queue; None where the broker cannot be asked, 0 for a queue that nobody has used yet.

    Tasks that a worker holds do not count.
    """
    if settings.broker.url is None:
        return {}
    app = make_app(settings)
    names = [queue.name for queue in app.conf.task_queues]
    try:
        with app.connection_for_read() as connection:
            connection.ensure_connection(max_retries=1, timeout=5)
            return {name: _depth(connection, name) for name in names}
    except (OperationalError, OSError) as error:
        logger.warning("the task queues cannot be counted: %s", error)
        return dict.fromkeys(names)


def _depth(connection: object, name: str) -> int:
    # A channel of its own: AMQP closes the one on which a queue was asked for that does not exist yet.
    channel = connection.channel()  # type: ignore[attr-defined]  # kombu has no types for it
    try:
        return int(channel.queue_declare(queue=name, passive=True).message_count)
    except connection.channel_errors:  # type: ignore[attr-defined]  # kombu has no types for it
        return 0
    finally:
        channel.close()
