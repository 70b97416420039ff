"""The task ``finfleet.push``: numbers of anybody's, enqueued by name from any Celery client in any language.

It puts the message onto the queue of its source, where the ingest checks it once more, and stores it; what has faults
goes to the dead letters with its reason.

What it promises: once it has run, the number is as safe as any result. Until then it is as safe as a
Celery message, and kombu on Redis loses some when a worker is killed (docs/push.md). Who cannot send a number again
publishes straight to the results queue, or uses an AMQP broker.
"""

from __future__ import annotations

import json
import logging
import time
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
from celery import shared_task
from celery.exceptions import Reject

from agents.core.context import utc_now
from tasks.results import LETTERS, pushes_of
from tasks.results.waiting import Waiting
from tasks.runtime import runtime
from tasks.schedule import PUSH_QUEUE, push_queue
from telemetry.backoff import equal_jitter
from telemetry.errors import FinfleetError, MessageError
from telemetry.logs import fields
from telemetry.push.checks import parse
from telemetry.push.sources import WrongQueue
from telemetry.undeliverable import wrap

if TYPE_CHECKING:
    from celery import Task

logger = logging.getLogger(__name__)

_PAUSE = 2.0
"""Seconds at the most, before a message is put back that could not be taken further."""


@shared_task(bind=True, name="finfleet.push")  # type: ignore[untyped-decorator]  # Celery's decorators have no types
def push(self: Task, *args: Any, **fields: Any) -> str:
    """Take one message in: the only argument, as in docs/push.md. Anything else becomes a dead letter.

    Returns what came of it.
    """
    message = args[0] if len(args) == 1 and not fields else {"arguments": [*args, fields]}
    if not isinstance(message, dict):
        message = {"arguments": [message]}
    body = _json(message)
    queue = str((self.request.delivery_info or {}).get("routing_key") or PUSH_QUEUE)
    name, body = _sorted(queue, body)
    try:
        runtime.publisher(name).publish(body, message_id=f"push/{queue}")
    except (FinfleetError, OSError) as refused:
        # Not self.retry: what cannot take the number now need not take the message of a retry either.
        time.sleep(equal_jitter(1, _PAUSE, _PAUSE))
        raise Reject(str(refused), requeue=True) from refused
    return "a dead letter" if name == LETTERS else f"put onto {name}"


def _sorted(queue: str, body: bytes) -> tuple[str, bytes]:
    """Where a message of this Celery queue goes, and as what."""
    try:
        source = parse(body, runtime.settings().push_sources, utc_now()).source
        shared = () if source in runtime.settings().pushers.walled else (PUSH_QUEUE,)
        if queue not in {push_queue(source), *shared}:
            raise WrongQueue(f"source: {source!r}: the queue {queue} is not its own: send it to {push_queue(source)}")
        _waiting().check(source, runtime.settings().max_waiting[source])
    except MessageError as error:
        found = fields(event="dead_letter", queue=queue, code=error.code)
        logger.warning("finfleet.push: the message becomes a dead letter: %s", error, extra=found)
        return LETTERS, wrap(queue, error.code, str(error), body)
    return pushes_of(source), body


@cache
def _waiting() -> Waiting:
    return Waiting(lambda source: runtime.carrier(pushes_of(source)))


def _json(message: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(message)
    except UnicodeEncodeError:  # half a character, which a dead letter can show as what it is
        return json.dumps(message, default=str).encode()
