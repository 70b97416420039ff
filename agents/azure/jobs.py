"""The jobs of Machine Learning workspaces, from the list that each has: how many, and how long they ran."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from agents.azure.calls import AzureCalls
from agents.azure.permissions import JOBS
from telemetry.records import Resource
from telemetry.target import Window, parse_time

API = "machinelearning:jobs"
PERMISSION = JOBS

_VERSION = "2024-04-01"
_ACTIVE = frozenset(
    {"notstarted", "starting", "provisioning", "preparing", "queued", "running", "finalizing", "cancelrequested"}
)
_COMPLETED, _FAILED = "completed", "failed"
_HOUR = timedelta(hours=1)


@dataclass
class JobCounts:
    """The jobs of one workspace, those left out that are archived."""

    active: int = 0
    completed: int = 0
    failed: int = 0
    #: Hours of all jobs in the span that was asked for, once for each node of a job.
    hours: timedelta = timedelta(0)
    #: Jobs that may have run in that span and do not tell when.
    untold: int = 0

    @property
    def compute_hours(self) -> float | None:
        """Node hours; None where a job does not tell its times."""
        return None if self.untold else self.hours / _HOUR

    def add(self, job: Mapping[str, Any], span: Window) -> None:
        """Count one job as the list has it."""
        properties = job.get("properties") or {}
        status = str(properties.get("status") or "").lower()
        self.active += status in _ACTIVE
        self.completed += status == _COMPLETED
        self.failed += status == _FAILED
        times = properties.get("properties") or {}
        started, ended = _time(times.get("StartTimeUtc")), _time(times.get("EndTimeUtc"))
        if started is None:
            self.untold += _may_have_run(job, status, span)
            return
        if ended is None and status not in _ACTIVE:
            self.untold += started < span.end
            return
        nodes = int((properties.get("resources") or {}).get("instanceCount") or 1)
        ran = min(ended or span.end, span.end) - max(started, span.start)
        self.hours += max(ran, timedelta(0)) * nodes


def count_jobs(calls: AzureCalls, workspace: Resource, span: Window) -> JobCounts:
    """The jobs of a workspace, page by page; what they ran is counted as far as it was in ``span``."""
    counts = JobCounts()
    for job in _jobs(calls, workspace):
        counts.add(job, span)
    return counts


def _jobs(calls: AzureCalls, workspace: Resource) -> Iterator[Mapping[str, Any]]:
    query = {"api-version": _VERSION, "listViewType": "ActiveOnly"}
    for page in calls.pages(API, f"{workspace.resource_id}/jobs", query):
        yield from page


def _may_have_run(job: Mapping[str, Any], status: str, span: Window) -> bool:
    """Whether a job without times can have used its nodes in ``span``; one that never started has not."""
    created = _time((job.get("systemData") or {}).get("createdAt"))
    waits = status in _ACTIVE - {"running", "finalizing"}
    return not waits and (created is None or span.start <= created < span.end)


def _time(text: Any) -> datetime | None:
    if not text:
        return None
    try:
        return parse_time(str(text))
    except ValueError:
        return parse_time(f"{str(text).replace(' ', 'T')}Z")
