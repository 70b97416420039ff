"""What VM insights writes to a Log Analytics workspace: the memory of machines whose platform does not tell it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from agents.azure.calls import AzureCalls
from agents.azure.permissions import LOGS
from agents.azure.session import AzureSession
from telemetry.errors import Unavailable
from telemetry.records import MetricPoint, Resource
from telemetry.target import Window

API = "logs:query"
PERMISSION = LOGS

_TIMEOUT = 60
_SOURCE = "InsightsMetrics Memory/AvailableMB"
_USED = """
InsightsMetrics
| where Namespace == 'Memory' and Name == 'AvailableMB'
| extend total = toreal(parse_json(Tags)['vm.azm.ms/memorySizeMB'])
| where total > 0
| extend used = 100.0 * (total - Val) / total, machine = tolower(_ResourceId)
| summarize used = avg(used) by machine
"""


def memory(calls: AzureCalls, window: Window, machines: Mapping[str, Resource]) -> Iterator[MetricPoint]:
    """The memory in use of those of ``machines`` (by id in lower case) that tell it: one query for all of them."""
    for row in calls.call(API, _asking(str(calls.identity.logs_workspace_id), window)):
        machine, used = row["machine"], row["used"]
        if machine in machines and used is not None and math.isfinite(used):
            yield MetricPoint(
                resource=machines[machine],
                metric="memory_utilization",
                source_metric=_SOURCE,
                unit="percent",
                statistic="average",
                start=window.start,
                period=int(window.duration.total_seconds()),
                value=float(used),
            )


def _asking(workspace: str, window: Window) -> Any:
    def send(session: AzureSession) -> list[dict[str, Any]]:
        from azure.monitor.query import LogsQueryStatus  # noqa: PLC0415 - an SDK is loaded where it is used

        answer = session.logs.query_workspace(
            workspace, _USED, timespan=(window.start, window.end), server_timeout=_TIMEOUT
        )
        if answer.status != LogsQueryStatus.SUCCESS:
            raise Unavailable(f"{API}: Azure gave a part of the answer alone: it is asked anew at the next attempt")
        (table,) = answer.tables
        return [dict(zip(table.columns, row, strict=True)) for row in table.rows]

    return send
