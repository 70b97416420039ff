"""The collect task: one attempt at one window of one target, in the worker pool of its provider."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from celery import shared_task

from agents.core.collection import Collection, encoded, not_begun
from agents.core.context import utc_now
from agents.core.service import services
from tasks.results import BILLS, NAME
from tasks.runtime import runtime
from telemetry.backoff import full_jitter
from telemetry.batch import Batch, Report, Run
from telemetry.codec import encode
from telemetry.errors import CollectionError, PublishRefused
from telemetry.target import Target, Window

if TYPE_CHECKING:
    from celery import Task

logger = logging.getLogger(__name__)

MAX_RETRIES = 3
MAX_COUNTDOWN = 60.0
"""Seconds. Redis delivers a task with a longer countdown more than once; longer waits are the ledger's."""


@shared_task(bind=True, name="tasks.collect.collect", max_retries=MAX_RETRIES)
def collect(self: Task, target: str, window: str, attempt: int, grant: str = "") -> None:
    """Collect ``window`` of ``target``, publish the batches, then the report; each bears the planner's ``grant``.

    A short throttle or a fault of the provider's is tried again here, and shows as RETRY; everything else is the
    ledger's. The run has a fresh id each time: see telemetry.batch.
    """
    # Celery shows a retry to whoever watches the events: without the grant.
    named = f"({target}, {window}, attempt {attempt})"
    run = Run.start(Target.parse(target), Window.parse(window), attempt, utc_now(), grant)
    try:
        collection = _begin(run)
        if collection is None:
            return
        error = _publish_batches(collection)
        countdown = _countdown(error, self.request.retries)
        _publish(collection.report(error, retrying=countdown is not None))
    except PublishRefused as refused:
        # Neither batch nor report can be published: the window stays out until its lease ends, and is due again.
        raise self.retry(exc=refused, countdown=_jitter(self.request.retries), argsrepr=named) from refused
    if error is not None:
        logger.warning("%s %s: %s: %s", target, window, error.code, error)
    if countdown is not None:
        raise self.retry(exc=error, countdown=countdown, argsrepr=named)


def _begin(run: Run) -> Collection | None:
    """None, and a report that says so, where this worker cannot collect at all: the ledger must not wait for it."""
    try:
        return Collection(runtime.shared(run.target.provider), run)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        logger.exception("%s %s cannot be begun", run.target, run.window)
        _publish(not_begun(run, error, utc_now()))
        return None


def _publish_batches(collection: Collection) -> CollectionError | None:
    try:
        for batch in collection.batches():
            _publish(batch)
    except CollectionError as error:
        return error
    return None


def _publish(message: Batch | Report) -> None:
    message_id = str(message.batch_id) if isinstance(message, Batch) else f"{message.run.run_id}/report"
    target = message.run.target
    service = services().get((target.provider, target.service))
    name = BILLS if service is not None and service.brings_bills else NAME
    body = encoded(message) if isinstance(message, Batch) else encode(message)
    runtime.publisher(name).publish(body, message_id=message_id)


def _countdown(error: CollectionError | None, retries: int) -> float | None:
    """Seconds until this task tries again by itself, or None where it does not."""
    if error is None or not error.transient or retries >= MAX_RETRIES:
        return None
    wait = error.retry_after
    if wait is None:
        return _jitter(retries)
    # Not before the provider's own time, and not everybody at that very moment.
    spread = wait + full_jitter(1, max(1.0, wait / 4), MAX_COUNTDOWN)
    return spread if spread <= MAX_COUNTDOWN else None


def _jitter(retries: int) -> float:
    """Anything up to 4, 8, 16 s ..."""
    return full_jitter(retries + 1, 4.0, MAX_COUNTDOWN)
