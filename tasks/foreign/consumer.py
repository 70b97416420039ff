"""Celery's consumer, which sees task messages of ours only, and which reconnects whatever has ended its connection."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from celery.worker.consumer import Consumer
from kombu.message import Message

from tasks.foreign import letters
from tasks.foreign.checks import check_arguments, check_body, check_headers, check_type
from tasks.foreign.control import restrict
from tasks.foreign.errors import ForeignMessage, shown
from tasks.foreign.rules import NOTHING, Rule
from tasks.redis_client import cluster_fault, is_of_a_cluster
from telemetry.backoff import equal_jitter
from telemetry.terminal import complain

logger = logging.getLogger(__name__)

_EVENTS_EVERY = 0.2
"""Seconds from one message with events of tasks to the next, unless there are many of them."""
_PAUSE = 1.0
"""Seconds, about, before a worker connects again: a broker that takes nothing answers each try at once."""


class GuardedConsumer(Consumer):  # type: ignore[misc]  # Celery has no types
    """Checks each message before Celery reads it: what is not a task of its queue becomes a dead letter."""

    channel_errors: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As Celery's."""
        app = kwargs["app"]
        restrict(app)
        super().__init__(*args, **kwargs)
        self._rules: dict[str, Rule] = app.queue_rules
        self._events_at = float("-inf")
        # A full broker, one that became a replica, a race within kombu: whatever ends the event loop is tried again.
        # The sign of life says where that does not help.
        self.channel_errors = (*self.channel_errors, Exception)

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        """The function that takes each message."""
        receive = super().create_task_handler(*args, **kwargs)

        def on_task_received(message: Any) -> None:
            receive(self._checked(message))

        return on_task_received

    def register_with_event_loop(self, hub: Any) -> None:
        """As Celery's; and what events were left are sent."""
        super().register_with_event_loop(hub)
        hub.timer.call_repeatedly(_EVENTS_EVERY, self._flush_events)

    def shutdown(self) -> None:
        """As Celery's, when the events that are left are sent."""
        with suppress(Exception):  # the broker may be away
            self._flush_events()
        super().shutdown()

    def on_send_event_buffered(self) -> None:
        """As Celery's, and not for each event: a message costs the broker and us as much as a task's other ways."""
        now = time.monotonic()
        if now >= self._events_at:
            self._events_at = now + _EVENTS_EVERY
            super().on_send_event_buffered()

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Of a message of the events or of the remote control, which nobody needs again."""
        del message
        logger.warning("a message that cannot be read is dropped: %s", shown(str(exc)))

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """As Celery's, and not at once again."""
        _refuse_a_cluster(exc, self.app)
        super().on_connection_error_after_connected(exc)
        if not isinstance(exc, self.connection_errors):
            logger.error("the event loop ended: connecting again: %s", shown(str(exc)), exc_info=exc)
        time.sleep(equal_jitter(1, _PAUSE, _PAUSE))

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """As Celery's."""
        _refuse_a_cluster(exc, self.app)
        super().on_connection_error_before_connected(exc)

    def _checked(self, message: Any) -> Message:
        body, queue = _bytes(message.body), ""
        try:
            queue = self._queue(message)
            return self._ours(message, queue, body)
        except ForeignMessage as error:
            foreign = error
        except Exception as error:  # noqa: BLE001 - whatever reading raises is the message's own
            foreign = ForeignMessage(f"it cannot be read: {shown(str(error))}")
        made = letters.headers(str(uuid.uuid4()), foreign.code)
        return _message(message, queue, made, letters.call(queue, foreign, body))

    def _ours(self, message: Any, queue: str, body: bytes) -> Message:
        rule = self._rules.get(queue, NOTHING)
        headers = check_type(message.content_type, message.content_encoding, message.headers, body)
        args, kwargs = check_body(body)
        made = check_headers(headers, rule, datetime.now(UTC))
        check_arguments(self.app.tasks[made["task"]].run, made["task"], args, kwargs, rule)
        checked = _message(message, queue, made, body)
        # Celery asks for it twice before the task runs.
        checked._decoded_cache = [args, kwargs, None]  # noqa: SLF001 - kombu has no public way to give it
        return checked

    def _queue(self, message: Any) -> str:
        """The queue that it was found on: as the broker says, not the sender."""
        tag = message.delivery_info.get("consumer_tag")
        if tag is None:  # a list of Redis, whose name our transport has noted
            return str(message.delivery_info["routing_key"])
        active = self.task_consumer._active_tags  # noqa: SLF001 - kombu has no public way to ask
        return next((name for name, one in active.items() if one == tag), "")


def _refuse_a_cluster(error: Exception, app: Any) -> None:
    if is_of_a_cluster(error):
        complain(cluster_fault(app.connection_for_read().as_uri()))
        raise SystemExit(78)  # EX_CONFIG


def _message(message: Any, queue: str, headers: dict[str, Any], body: bytes) -> Message:
    """One that is acknowledged in the place of ``message``, and has nothing else of it."""
    return Message(
        body=body,
        delivery_tag=message.delivery_tag,
        content_type="application/json",
        content_encoding="utf-8",
        delivery_info={"exchange": "", "routing_key": queue},
        properties={"correlation_id": headers["id"]},
        headers=headers,
        accept=message.accept,
        channel=message.channel,
    )


def _bytes(body: object) -> bytes:
    if isinstance(body, str):
        return body.encode("utf-8", "surrogatepass")
    return bytes(body) if isinstance(body, (bytes, bytearray, memoryview)) else b""
