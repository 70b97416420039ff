# mypy: allow-untyped-calls
# (kombu has annotations for a few of its functions only)
"""Remote control and events: heard, and never obeyed where it would change what a worker does.

Whoever may publish on the broker may broadcast to all workers. So a worker answers what Flower shows, on the queue that
Celery has for answers, and knows no other command.
"""

from __future__ import annotations

import logging
import math
from typing import Any

from celery.events.receiver import EventReceiver
from celery.worker.control import Panel
from kombu.pidbox import Node

from tasks.foreign.errors import shown

logger = logging.getLogger(__name__)

READING = frozenset(
    {
        *("active", "active_queues", "conf", "enable_events", "heartbeat", "ping"),
        *("registered", "reserved", "revoked", "scheduled", "stats"),
    }
)
"""Commands that a worker knows; ``enable_events`` turns on what is on in any case."""
_MAX_NAME = 255


def restrict(app: Any) -> None:
    """Take all other commands from the workers of this process."""
    for name in set(Panel.data) - READING:
        del Panel.data[name]
    app.control.mailbox.node_cls = _QuietNode


class _QuietNode(Node):
    """A mailbox that nothing in it can disturb."""

    mailbox: Any
    handlers: Any

    def handle_message(self, body: Any, message: Any = None) -> Any:
        try:
            method, reply = body["method"], body.get("reply_to")
            if method not in self.handlers:
                logger.info("remote control: %s is not for anybody to command", shown(method))
                return None
            if reply and reply["exchange"] != self.mailbox.reply_exchange.name:
                logger.warning("remote control: an answer to %s is not given", shown(reply["exchange"]))
                return None
            return super().handle_message(body, message)
        except Exception as error:
            if isinstance(error, self._broken()):
                raise
            logger.warning("remote control: a message that cannot be read: %s", shown(str(error)))
            return None

    def _broken(self) -> tuple[type[Exception], ...]:
        """What says that the connection is gone."""
        connection = self.channel.connection if self.channel else None
        errors = connection.client.connection_errors if connection else (OSError,)
        return tuple(error for error in errors if error is not KeyError)


class QuietReceiver(EventReceiver):  # type: ignore[misc]  # Celery has no types
    """Passes on events that have the form of one, and drops the rest."""

    def get_consumers(self, *args: Any, **kwargs: Any) -> Any:
        """As Celery's, and what is no JSON ends none."""
        consumers = super().get_consumers(*args, **kwargs)
        for consumer in consumers:
            consumer.on_decode_error = _drop
        return consumers

    def _receive(self, body: Any, message: Any, **_: Any) -> None:
        for event in body if isinstance(body, list) else [body]:
            if _is_event(event):
                super()._receive(event, message)
            else:
                logger.warning("an event that cannot be read is dropped: %s", shown(event))


def _drop(message: Any, error: Exception) -> None:
    del message
    logger.warning("an event that cannot be read is dropped: %s", shown(str(error)))


def _is_event(event: Any) -> bool:
    if not isinstance(event, dict) or not all(_is_name(event.get(name)) for name in ("type", "hostname")):
        return False
    if event["type"].startswith("task-") and not _is_name(event.get("uuid")):
        return False
    numbers = ("clock", "timestamp", "utcoffset", "local_received", "pid", "freq", "active", "processed", "runtime")
    return all(event.get(name) is None or _is_number(event[name]) for name in numbers)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MAX_NAME and value.isprintable()


def _is_number(value: object) -> bool:
    return type(value) in {int, float} and abs(value) < 2**62 and math.isfinite(value)  # type: ignore[arg-type]
