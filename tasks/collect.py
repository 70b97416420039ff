"""The collect task: one attempt at one window of one target, in the worker pool of its provider."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import TYPE_CHECKING

from celery import shared_task

from agents.core.collection import Collection, encoded, not_begun
from agents.core.context import utc_now
from agents.core.service import services
from tasks.outcome import again, ended, told
from tasks.results import BILLS, NAME
from tasks.runtime import runtime
from telemetry.backoff import full_jitter
from telemetry.batch import Batch, Outcome, Report, Run
from telemetry.codec import encode
from telemetry.errors import CollectionError, PublishRefused
from telemetry.logs import context, fields
from telemetry.target import Target, Window

if TYPE_CHECKING:
    from celery import Task

logger = logging.getLogger(__name__)

MAX_RETRIES = 3
MAX_COUNTDOWN = 60.0
"""Seconds. Redis delivers a task with a longer countdown more than once; longer waits are the ledger's."""


@shared_task(bind=True, name="tasks.collect.collect", max_retries=MAX_RETRIES)
def collect(self: Task, target: str, window: str, attempt: int, grant: str = "") -> str:
    """Collect ``window`` of ``target``, publish the batches, then the report; each bears the planner's ``grant``.

    A short throttle or a fault of the provider's is tried again here, and shows as RETRY; everything else is the
    ledger's. The run has a fresh id each time: see telemetry.batch. Returns what came of it.
    """
    # Celery shows a retry to whoever watches the events: without the grant.
    named = f"({target}, {window}, attempt {attempt})"
    run = Run.start(Target.parse(target), Window.parse(window), attempt, utc_now(), grant)
    with context(target=run.target, window=run.window, attempt=attempt, run=run.run_id):
        try:
            report, countdown = _collect(run, self.request.retries)
        except PublishRefused as refused:
            # Neither batch nor report can be published: the window stays out until its lease ends, and is due again.
            logger.warning("nothing is published: %s", refused, extra=fields(event="not_published"))
            again(self, refused, _jitter(self.request.retries), named)
        _log(report)
    if countdown is not None:
        again(self, report, countdown, named)
    return ended(report)


def _collect(run: Run, retries: int) -> tuple[Report, float | None]:
    """The report, once it is published, and the seconds until this task tries again, where it does."""
    collection = _begin(run)
    if isinstance(collection, Report):
        _publish(collection)
        return collection, None
    error = _publish_batches(collection)
    countdown = _countdown(error, retries)
    report = collection.report(error, retrying=countdown is not None)
    _publish(report)
    return report, countdown


def _begin(run: Run) -> Collection | Report:
    """A report that says so, where this worker cannot collect at all: the ledger must not wait for it."""
    try:
        return Collection(runtime.shared(run.target.provider), run)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        logger.exception("the collection cannot be begun")
        return not_begun(run, error, utc_now())


def _log(report: Report) -> None:
    settled = report.outcome in {Outcome.COMPLETE, Outcome.EMPTY}
    logger.log(
        logging.INFO if settled else logging.WARNING,
        "%s",
        told(report),
        extra=fields(
            event="collected",
            outcome=report.outcome.value,
            records=report.records,
            batches=report.batches,
            calls=sum(api.calls for api in report.apis),
            throttles=sum(api.throttles for api in report.apis),
            cost_usd=sum((api.cost_usd for api in report.apis if api.cost_usd), Decimal(0)),
            seconds=round((report.finished_at - report.run.started_at).total_seconds(), 3),
            permission=report.permission,
            until=report.not_before and report.not_before.replace(microsecond=0),
        ),
    )


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
