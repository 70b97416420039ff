"""The beat schedule: one entry per (provider, service), the sweep, and retention."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tasks.targets import Planned
from telemetry.settings import Settings

PLAN_QUEUE = "plan"
PUSH_QUEUE = "push"
"""Of the task ``finfleet.push``: where nobody may push, nobody listens. Its process is ``finfleet worker push``."""


_MAX_TICK = timedelta(minutes=1)
"""A closed window waits at most that long for its planning; a tick that finds nothing costs one query."""

_RETENTION_TICK = timedelta(hours=1)


def beat_schedule(settings: Settings, planned: Mapping[tuple[str, str], Planned]) -> dict[str, dict[str, Any]]:
    """Celery's ``beat_schedule``.

    A tick that nobody took before the next one is due is dropped: the next does its work.
    """
    entries = {}
    for (provider, service), plan in planned.items():
        entries[f"fan out {provider}/{service}"] = _entry(
            "tasks.plan.fan_out", min(plan.interval, _MAX_TICK), args=(provider, service)
        )
    entries["sweep"] = _entry("tasks.plan.sweep", settings.ledger.sweep_interval)
    entries["forget what is old"] = _entry("tasks.plan.forget_old", _RETENTION_TICK)
    return entries


def push_queue(source: str) -> str:
    """The queue of one source alone: a broker's permissions can wall it off."""
    return f"{PUSH_QUEUE}.{source}"


def _entry(task: str, tick: timedelta, args: tuple[str, ...] = ()) -> dict[str, Any]:
    seconds = tick.total_seconds()
    return {"task": task, "schedule": seconds, "args": args, "options": {"queue": PLAN_QUEUE, "expires": seconds}}
