"""What a Celery worker counts: its tasks, how they end and how long they take."""

from __future__ import annotations

import time
from typing import Any

from celery import states
from celery.signals import task_postrun, task_prerun
from celery.worker import state as worker_state
from prometheus_client import Counter, Gauge, Histogram

from tasks.foreign.letters import LETTER
from workers.metrics.registry import REGISTRY, Bounded

_SECONDS = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1200)
TASKS = Counter(
    "finfleet_tasks",
    "Tasks that ended in this worker, by Celery's state",
    ("task", "provider", "service", "state"),
    registry=REGISTRY,
)
DURATION = Histogram(
    "finfleet_task_duration_seconds",
    "How long tasks of this worker took",
    ("task", "provider", "service"),
    buckets=_SECONDS,
    registry=REGISTRY,
)
FOREIGN = Counter(
    "finfleet_foreign_messages",
    "Messages that were no task of the queue they lay on, and became dead letters",
    ("code",),
    registry=REGISTRY,
)
HELD = Gauge("finfleet_worker_tasks_held", "Tasks that this worker runs, or is about to run", registry=REGISTRY)
SLOTS = Gauge("finfleet_worker_slots", "Tasks that this worker can run at once", registry=REGISTRY)

_COLLECT = "tasks.collect.collect"


class WorkerMetrics:
    """Counts what happens in the worker of this process."""

    def __init__(self, slots: int) -> None:
        """Listen."""
        self._begun: dict[str, float] = {}
        self._labels = Bounded()
        SLOTS.set(slots)
        HELD.set_function(lambda: len(worker_state.reserved_requests))
        task_prerun.connect(self._before, weak=False)
        task_postrun.connect(self._after, weak=False)

    def _before(self, task_id: str, **_: object) -> None:
        self._begun[task_id] = time.monotonic()

    def _after(self, task_id: str, task: Any, args: Any, **details: Any) -> None:
        labels = self._labels(task.name, *_target(task.name, args))
        begun = self._begun.pop(task_id, None)
        if begun is not None:
            DURATION.labels(*labels).observe(time.monotonic() - begun)
        state = str(details.get("state") or "UNKNOWN")
        TASKS.labels(*labels, state).inc()
        if task.name == LETTER and state == states.SUCCESS:
            FOREIGN.labels(str(args[1])).inc()


def _target(task: str, args: Any) -> tuple[str, str]:
    """Provider and service of a collection; empty for other tasks."""
    if task != _COLLECT or not args:
        return "", ""
    provider, _, rest = str(args[0]).partition("/")
    return provider, rest.rpartition("/")[2]
