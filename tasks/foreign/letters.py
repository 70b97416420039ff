"""The task that publishes a dead letter. Only a worker's own consumer calls it: no queue takes it from a sender.

It is a task like any other, so its message is acknowledged after the broker has the letter, and given back where the
broker does not take it.
"""

from __future__ import annotations

import base64
import json
import logging
import time
from typing import Any

from celery import shared_task
from celery.exceptions import Reject

from tasks.foreign.envelope import KEPT
from tasks.foreign.errors import ForeignMessage, shown
from tasks.results import LETTERS
from tasks.runtime import runtime
from telemetry.backoff import equal_jitter
from telemetry.errors import FinfleetError
from telemetry.logs import fields
from telemetry.redact import redact
from telemetry.undeliverable import wrap

logger = logging.getLogger(__name__)

LETTER = "finfleet.letter"
_PAUSE = 2.0
"""Seconds at the most, before a message is given back whose letter the broker does not take."""


def call(queue: str, error: ForeignMessage, body: bytes) -> bytes:
    """The body of a message that calls the task."""
    kept = base64.b64encode(body[:KEPT]).decode()
    reason = error.message if len(body) <= KEPT else f"{error.message} (cut: it had {len(body)} bytes)"
    return json.dumps([[queue, error.code, reason, kept], {}, None]).encode()


@shared_task(name=LETTER, send_events=False, track_started=False)  # type: ignore[untyped-decorator]  # Celery's decorators have no types
def letter(queue: str, code: str, reason: str, body: str) -> str:
    """Publish what lay on ``queue``. Returns what came of it."""
    data = base64.b64decode(body)
    found = fields(event="dead_letter", queue=queue, code=code)
    logger.warning("%s: a foreign message becomes a dead letter: %s: %s", shown(queue), code, reason, extra=found)
    try:
        runtime.publisher(LETTERS).publish(wrap(queue, code, redact(reason), data), message_id=f"letter/{code}")
    except (FinfleetError, OSError) as refused:
        time.sleep(equal_jitter(1, _PAUSE, _PAUSE))
        raise Reject(str(refused), requeue=True) from refused
    return f"a dead letter: {code}"


def headers(message_id: str, code: str) -> dict[str, Any]:
    """The headers of a message that calls the task."""
    return {
        "lang": "py",
        "task": LETTER,
        "id": message_id,
        "root_id": message_id,
        "retries": 0,
        "timelimit": [None, None],
        "argsrepr": f"({code})",
        "kwargsrepr": "",
        "ignore_result": True,
    }
