"""Celery's programs log as all of ours do: its own set-up is left out, and each line of a task names the task."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from celery.exceptions import Reject
from celery.signals import setup_logging, task_postrun, task_prerun

from telemetry.logs import enter, fields, is_set_up, levels_of, set_up


def follow() -> None:
    """Listen to Celery, before one of its programs starts."""
    setup_logging.connect(_set_up, weak=False)
    task_prerun.connect(_begin, weak=False)
    task_postrun.connect(_end, weak=False)
    logging.getLogger("celery.app.trace").addFilter(_readable)


def _set_up(loglevel: int | None = None, **_: object) -> None:
    """In the place of Celery's: ``celery -A tasks.app worker`` has no command line of ours before it."""
    if not is_set_up():
        set_up(levels_of(default=logging.getLevelName(loglevel or logging.INFO)))


def _begin(task_id: str, task: Any, **_: object) -> None:
    enter(task=task.name, task_id=task_id)


def _end(**_: object) -> None:
    enter()


def _readable(record: logging.LogRecord) -> bool:
    """Celery's line of a task that failed shows the exception as Python does; what it says is in the traceback."""
    data = getattr(record, "data", None)
    if isinstance(data, Mapping) and record.exc_info and (error := record.exc_info[1]) is not None:
        record.msg, record.args = "the task failed: %s", (error,)
        if isinstance(error, Reject):
            record.msg, record.args = "the task is given back: %s", (error.reason,)
            record.exc_info = None  # it was foreseen
        vars(record).update(fields(event="task_failed", task=str(data.get("name")), task_id=str(data.get("id"))))
    return True
