"""What VM insights writes to a Log Analytics workspace: the memory of machines whose platform does not tell it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from agents.azure.asking import ask
from agents.azure.calls import AzureCalls
from agents.azure.permissions import LOGS
from agents.azure.session import AzureSession
from agents.core.items import Item, Listing
from telemetry.errors import Unavailable
from telemetry.records import MetricPoint, Resource
from telemetry.target import Window, format_time

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

    def point(row: Item) -> MetricPoint | None:
        machine, used = row.needed("machine"), row.real("used")
        if machine not in machines or used is None:
            return None
        return MetricPoint(
            resource=machines[machine],
            metric="memory_utilization",
            source_metric=_SOURCE,
            unit="percent",
            statistic="average",
            start=window.start,
            period=int(window.duration.total_seconds()),
            value=float(used),
        )

    listing: Listing[MetricPoint] = Listing(calls.context, "readings of VM insights", key=_id)
    for row in _rows(calls.call(API, _asking(str(calls.identity.logs_workspace_id), window))):
        one = listing.read(row, point)
        if one is not None and listing.is_new(one):
            yield one


def _id(point: MetricPoint) -> str:
    return point.resource.resource_id


def _asking(workspace: str, window: Window) -> Any:
    span = f"{format_time(window.start)}/{format_time(window.end)}"
    body = {"query": _USED, "timespan": span}
    headers = {"Prefer": f"wait={_TIMEOUT}"}

    def send(session: AzureSession) -> Any:
        return ask(session.logs, "POST", f"/workspaces/{quote(workspace, safe='')}/query", body=body, headers=headers)

    return send


def _rows(answer: Mapping[str, Any] | None) -> list[Any]:
    """The rows of the one table of an answer, by the names of its columns."""
    found = answer or {}
    if found.get("error"):
        raise Unavailable(f"{API}: Azure gave a part of the answer alone: it is asked anew at the next attempt")
    tables = found.get("tables")
    table = tables[0] if isinstance(tables, list) and len(tables) == 1 and isinstance(tables[0], Mapping) else {}
    columns, rows = table.get("columns"), table.get("rows")
    if not isinstance(columns, list) or not isinstance(rows, list):
        raise Unavailable(f"{API}: Azure's answer is no table: it is asked anew at the next attempt")
    names = [one.get("name") if isinstance(one, Mapping) else None for one in columns]
    # A row that is none, or has more or less than the columns, is left for the listing to count.
    return [
        dict(zip(names, row, strict=True)) if isinstance(row, list) and len(row) == len(names) else row for row in rows
    ]
