"""The jobs of Machine Learning workspaces, from the list that each has: how many, and how long they ran."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any

from agents.azure.calls import AzureCalls
from agents.azure.permissions import JOBS
from agents.core.items import Item, Listing
from telemetry.records import Resource
from telemetry.target import Window

API = "machinelearning:jobs"
PERMISSION = JOBS

_VERSION = "2024-04-01"
_ACTIVE = frozenset(
    {"notstarted", "starting", "provisioning", "preparing", "queued", "running", "finalizing", "cancelrequested"}
)
_COMPLETED, _FAILED = "completed", "failed"
_ENDED = frozenset({_COMPLETED, _FAILED, "canceled", "notresponding", "paused"})
_HOUR = timedelta(hours=1)
_OF = "jobs of workspaces"


@dataclass
class JobCounts:
    """The jobs of one workspace, those left out that are archived. None is unknown."""

    _active: int = 0
    _completed: int = 0
    _failed: int = 0
    #: Hours of all jobs in the span that was asked for, once for each node of a job.
    hours: timedelta = timedelta(0)
    #: Jobs that may have run in that span and do not tell when, or on how many nodes.
    untold: int = 0
    #: Jobs that do not tell their state; and those whose state is not one that is known.
    stateless: int = 0
    strange: int = 0

    @property
    def compute_hours(self) -> float | None:
        """Node hours; None where a job does not tell its times."""
        return None if self.untold else self.hours / _HOUR

    @property
    def active(self) -> int | None:
        """Those that wait or run; None where there are jobs of which that is not known."""
        return None if self.stateless or self.strange else self._active

    @property
    def completed(self) -> int | None:
        """Those that ended well; None where a job does not tell its state."""
        return None if self.stateless else self._completed

    @property
    def failed(self) -> int | None:
        """Those that did not; None where a job does not tell its state."""
        return None if self.stateless else self._failed

    def add(self, job: Item, span: Window) -> None:
        """Count one job as the list has it."""
        properties = job.item("properties")
        status = (properties.expected("status") or "").lower()
        self.stateless += not status
        self.strange += bool(status) and status not in _ACTIVE | _ENDED
        self._active += status in _ACTIVE
        self._completed += status == _COMPLETED
        self._failed += status == _FAILED
        self._add_hours(job, properties, status, span)

    def _add_hours(self, job: Item, properties: Item, status: str, span: Window) -> None:
        times = properties.item("properties")
        started, ended = times.time("StartTimeUtc", zone=UTC), times.time("EndTimeUtc", zone=UTC)
        if started is None:
            self.untold += times.has("StartTimeUtc") or _may_have_run(job, status, span)
            return
        if ended is None and (times.has("EndTimeUtc") or status not in _ACTIVE):
            self.untold += started < span.end
            return
        ran = max(min(ended or span.end, span.end) - max(started, span.start), timedelta(0))
        resources = properties.item("resources")
        nodes = resources.number("instanceCount")
        if nodes is None and (resources.has("instanceCount") or not resources.is_known):
            self.untold += ran > timedelta(0)
            return
        self.hours += ran * (nodes or 1)


def count_jobs(calls: AzureCalls, workspace: Resource, span: Window) -> JobCounts:
    """The jobs of a workspace, page by page; what they ran is counted as far as it was in ``span``."""
    counts = JobCounts()
    listing: Listing[str] = Listing(calls.context, _OF, key=str.lower)

    def add(job: Item) -> str:
        # One on two pages is one job; without an id it cannot be told from the others.
        name = job.text("id") or job.needed("name")
        if not name or listing.is_new(name):
            counts.add(job, span)
        return name

    for page in _pages(calls, workspace):
        for found in page:
            if listing.read(found, add) is None:
                # What is no job at all may be one in any state.
                counts.stateless += 1
                counts.untold += 1
    if counts.strange:
        why = "their state is not one that is known"
        calls.context.partial("whether they wait or run", why, of=_OF, count=counts.strange)
    return counts


def _pages(calls: AzureCalls, workspace: Resource) -> Iterator[list[Any]]:
    query = {"api-version": _VERSION, "listViewType": "ActiveOnly"}
    return calls.pages(API, f"{workspace.resource_id}/jobs", query)


def _may_have_run(job: Item, status: str, span: Window) -> bool:
    """Whether a job without times can have used its nodes in ``span``; one that never started has not."""
    created = job.item("systemData").time("createdAt", zone=UTC)
    waits = status in _ACTIVE - {"running", "finalizing"}
    return not waits and (created is None or span.start <= created < span.end)
