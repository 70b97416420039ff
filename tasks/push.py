"""The task ``finfleet.push``: numbers of anybody's, enqueued by name from any Celery client in any language.

It puts the message onto the results queue, where it is checked once more, and stored, or buried with its reason.

What it promises: once it has run, the number is as safe as any on the results queue. Until then it is as safe as a
Celery message, and kombu on Redis loses some when a worker is killed (docs/push.md). Who cannot send a number again
publishes straight to the results queue, or uses an AMQP broker.
"""

from __future__ import annotations

import json
import logging
import random
import time
from typing import Any

import msgspec
from celery import shared_task
from celery.exceptions import Reject

from agents.context import utc_now
from tasks import runtime
from telemetry.errors import MessageError, PublishRefused
from telemetry.push_checks import parse
from telemetry.redact import redact

logger = logging.getLogger(__name__)

_PAUSE = 2.0
"""Seconds at the most, before a message is put back that could not be taken further."""


@shared_task(name="finfleet.push")  # type: ignore[untyped-decorator]  # Celery's decorators have no types
def push(*args: Any, **fields: Any) -> None:
    """Take one message in: the only argument, as in docs/push.md. Anything else becomes a dead letter."""
    message = args[0] if len(args) == 1 and not fields else {"arguments": [*args, fields]}
    if not isinstance(message, dict):
        message = {"arguments": [message]}
    body = _json(message)
    try:
        source = parse(body, runtime.settings().push_sources, utc_now()).source
    except MessageError as error:
        source = "unknown"
        logger.warning("finfleet.push: the message becomes a dead letter: %s", redact(str(error)))
    try:
        runtime.publisher().publish(body, message_id=f"push/{source}")
    except PublishRefused as refused:
        # Not self.retry: what cannot take the number now need not take the message of a retry either.
        time.sleep(random.uniform(_PAUSE / 2, _PAUSE))  # noqa: S311 - spreads load, keeps no secret
        raise Reject(str(refused), requeue=True) from refused


def _json(message: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(message)
    except UnicodeEncodeError:  # half a character, which a dead letter can show as what it is
        return json.dumps(message, default=str).encode()
