"""Azure Machine Learning: workspaces, their jobs, and the nodes that these use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from agents.azure import changes, graph, jobs, metrics
from agents.azure.calls import AzureCalls
from agents.azure.gauges import gauges
from agents.azure.jobs import JobCounts, count_jobs
from agents.azure.metric_answer import Metric
from agents.azure.metrics import Group, MetricReader
from agents.core.context import Context
from agents.core.rates import LATE, is_present
from agents.core.service import Estimate, Service, service
from telemetry.records import Record, Resource
from telemetry.target import Target, Window

TYPE = "microsoft.machinelearningservices/workspaces"
_THINGS = "workspaces"
_SOURCE = "workspaces/jobs"
_COLUMNS = {
    "state": "tostring(properties.provisioningState)",
    "workspace_id": "tostring(properties.workspaceId)",
    "friendly_name": "tostring(properties.friendlyName)",
}
_RUNS = Group(
    TYPE,
    (
        Metric("Started Runs", "started_runs", "count", "total"),
        Metric("Completed Runs", "completed_runs", "count", "total"),
        Metric("Failed Runs", "failed_runs", "count", "total"),
        Metric("Cancelled Runs", "cancelled_runs", "count", "total"),
    ),
)
_NODES = Group(
    TYPE,
    (
        Metric("Active Nodes", "active_nodes", "count", "average"),
        Metric("Idle Nodes", "idle_nodes", "count", "average"),
        Metric("Total Nodes", "node_count", "count", "average"),
        Metric("Active Cores", "active_cores", "count", "average"),
        Metric("CpuUtilization", "cpu_utilization", "percent", "average"),
        Metric("GpuUtilization", "gpu_utilization", "percent", "average"),
    ),
)


@service("azure", "ml_workspace")
class MlWorkspace(Service):
    """Machine Learning workspaces: jobs by state, node hours of the month, runs that ended, nodes and cores.

    `active_jobs`, `completed_jobs`, `failed_jobs` and `compute_hours` (nodes times hours since the first of the month,
    UTC) are from the list of jobs, which takes a call for each workspace and a hundred jobs; runs and nodes are
    metrics. What a workspace costs is on the bill, by resource: see `cost`.
    """

    owns = ("/subscriptions/*/resourcegroups/*/providers/microsoft.machinelearningservices/workspaces/*",)
    interval = timedelta(minutes=15)
    fixed_interval = True
    delay = timedelta(minutes=10)
    look_back = metrics.LOOK_BACK
    regional = False
    permissions = (
        graph.PERMISSION,
        "Microsoft.MachineLearningServices/workspaces/read",
        metrics.PERMISSION,
        jobs.PERMISSION,
    )

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """A resource a workspace, its jobs, then its metrics; ``context.only`` are names of workspaces."""
        del target
        calls = AzureCalls(context)
        reader = MetricReader(calls, window, of=_THINGS)
        present = is_present(window, context.shared.now())
        if self.is_late(window, context.shared.now()):
            changes.read_late(calls, TYPE, window, _THINGS)
        for resource in graph.rows(calls, TYPE, _COLUMNS, self._read, graph.one_of(context.only), of=_THINGS):
            yield resource
            # The list tells the present: of a window of the past it says nothing.
            if present:
                with context.part("jobs and node hours", of=_THINGS):
                    counts = count_jobs(calls, resource, month_until(window.end))
                    yield from gauges(resource, _SOURCE, _values(counts), window)
            else:
                why = f"{LATE}, and Azure lists the jobs of now only"
                context.partial("jobs and node hours", why, of=_THINGS)
            yield from reader.add(resource, [_RUNS, _NODES])
        yield from reader.finish()

    def _read(self, row: graph.Row) -> Resource:
        return graph.resource_of(row, self.name, attributes={name: row.expected(name) for name in _COLUMNS})

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Pages of the inventory, two batches of metrics, and a call for the jobs of each workspace."""
        del window
        asked = metrics.estimate(resources, 2, more="a call for each hundred jobs of a workspace beyond the first")
        return replace(asked, calls={**asked.calls, jobs.API: resources})

    def check_interval(self, interval: timedelta) -> str:
        """Azure Monitor has values for whole minutes."""
        return metrics.check_interval(interval)


def month_until(end: datetime) -> Window:
    """The calendar month (UTC) until ``end``, which belongs to the month that it ends."""
    last = end - timedelta(microseconds=1)
    return Window(last.replace(day=1, hour=0, minute=0, second=0, microsecond=0), end)


def _values(counts: JobCounts) -> dict[str, tuple[float | None, str]]:
    return {
        "active_jobs": (counts.active, "count"),
        "completed_jobs": (counts.completed, "count"),
        "failed_jobs": (counts.failed, "count"),
        "compute_hours": (counts.compute_hours, "hours"),
    }
