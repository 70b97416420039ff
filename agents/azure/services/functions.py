"""Azure Functions: function apps, and what Azure Monitor knows of their executions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from agents.azure import changes, graph, metrics
from agents.azure.calls import AzureCalls
from agents.azure.metric_answer import Metric
from agents.azure.metrics import Group, MetricReader
from agents.core.context import Context
from agents.core.service import Estimate, Service, service
from telemetry.records import Record, Resource
from telemetry.target import Target, Window

_TYPE = "microsoft.web/sites"
_THINGS = "function apps"
_APPS = "kind contains 'functionapp'"
_COLUMNS = {"state": "tostring(properties.state)", "plan": "tostring(properties.sku)"}
_TOTALS = Group(
    _TYPE,
    (
        Metric("FunctionExecutionCount", "invocations", "count", "total"),
        # Megabytes times milliseconds, which is what executions are paid by.
        Metric(
            "FunctionExecutionUnits",
            "execution_gb_seconds",
            "gb_seconds",
            "total",
            factor=1 / (1024 * 1000),
            shown="FunctionExecutionUnits / 1024000",
        ),
        Metric("Requests", "requests", "count", "total"),
        Metric("Http4xx", "4xx_errors", "count", "total"),
        Metric("Http5xx", "errors", "count", "total"),
    ),
)
_MEANS = Group(
    _TYPE,
    (
        Metric("HttpResponseTime", "duration", "milliseconds", "average", factor=1000),
        Metric("MemoryWorkingSet", "memory_used", "bytes", "average"),
    ),
)


@service("azure", "functions")
class Functions(Service):
    """Function apps: executions, gigabyte-seconds, errors, response time of HTTP triggers, and memory.

    `errors` are answers of HTTP triggers with a status of 500 and above: Azure Monitor has no others without
    Application Insights. What executions cost is on the bill.
    """

    owns = ("/subscriptions/*/resourcegroups/*/providers/microsoft.web/sites/*",)
    interval = timedelta(minutes=5)
    delay = timedelta(minutes=10)
    look_back = metrics.LOOK_BACK
    regional = False
    permissions = (graph.PERMISSION, "Microsoft.Web/sites/Read", metrics.PERMISSION)

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """A resource an app; 50 of a region are measured in two calls, one for sums and one for means."""
        del target
        calls = AzureCalls(context)
        reader = MetricReader(calls, window, of=_THINGS)
        if self.is_late(window, context.shared.now()):
            changes.read_late(calls, _TYPE, window, _THINGS)
        wanted = [_APPS, *graph.one_of(context.only)]
        for resource in graph.rows(calls, _TYPE, _COLUMNS, self._read, wanted, of=_THINGS):
            yield resource
            # One that is stopped now may have run in the window.
            yield from reader.add(resource, [_TOTALS, _MEANS])
        yield from reader.finish()

    def _read(self, row: graph.Row) -> Resource:
        attributes = {name: row.expected(name) for name in ("state", "plan", "kind")}
        return graph.resource_of(row, self.name, kind="function_app", attributes=attributes)

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Pages of the inventory, and two calls for each 50 apps of a region."""
        del window
        return metrics.estimate(resources, 2)

    def check_interval(self, interval: timedelta) -> str:
        """Azure Monitor has values for whole minutes."""
        return metrics.check_interval(interval)
