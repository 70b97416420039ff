"""What the agents in virtual machines have sent to workspaces."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from emulators.azure.directory import DEFAULT_TENANT
from emulators.azure.kql import Table
from emulators.azure.metrics.store import Span, Wave

COLUMNS = {
    "InsightsMetrics": (
        "TimeGenerated",
        "Computer",
        "Origin",
        "Namespace",
        "Name",
        "Val",
        "Tags",
        "Type",
        "_ResourceId",
    ),
    "Perf": (
        "TimeGenerated",
        "Computer",
        "ObjectName",
        "CounterName",
        "InstanceName",
        "CounterValue",
        "Type",
        "_ResourceId",
    ),
    "Heartbeat": ("TimeGenerated", "Computer", "OSType", "Version", "Type", "_ResourceId"),
}
"""The columns that are served of each table."""

Row = dict[str, Any]


@dataclass(frozen=True)
class _Guest:
    """One measure of VM insights in one machine: a row of InsightsMetrics for every sample of a wave."""

    resource_id: str
    computer: str
    namespace: str
    name: str
    wave: Wave
    tags: str


@dataclass
class Workspace:
    """One workspace. `id` is the GUID that the query API takes."""

    id: str
    subscription: str
    tenant: str = DEFAULT_TENANT
    rows: dict[str, list[Row]] = field(default_factory=dict)
    guests: list[_Guest] = field(default_factory=list)

    def put(self, table: str, *rows: Row) -> None:
        """Add rows to a table; a column that is left out is null. `TimeGenerated` is an aware time."""
        columns = COLUMNS[table]
        self.rows.setdefault(table, []).extend(dict.fromkeys(columns) | {"Type": table} | row for row in rows)

    def generate(
        self, resource_id: str, computer: str, measure: tuple[str, str], wave: Wave, tags: dict[str, Any] | None = None
    ) -> None:
        """Let InsightsMetrics have a row of `measure` (namespace, name) for every sample of a wave."""
        encoded = msgspec.json.encode(tags or {}).decode()
        self.guests.append(_Guest(resource_id, computer, *measure, wave, encoded))

    def table(self, name: str, span: Span) -> Table:
        """The rows of the minutes of a span."""
        first, last = (datetime.fromtimestamp(minute * 60, UTC) for minute in span)
        rows = [row for row in self.rows.get(name, ()) if first <= row["TimeGenerated"] < last]
        if name == "InsightsMetrics":
            rows += self._generated(span)
        return Table(COLUMNS[name], rows)

    def _generated(self, span: Span) -> Iterator[Row]:
        times: dict[int, datetime] = {}
        for guest in self.guests:
            for minute, value in guest.wave.samples(span).items():
                moment = times.get(minute)
                if moment is None:
                    moment = times[minute] = datetime.fromtimestamp(minute * 60, UTC)
                yield {
                    "TimeGenerated": moment,
                    "Computer": guest.computer,
                    "Origin": "vm.azm.ms",
                    "Namespace": guest.namespace,
                    "Name": guest.name,
                    "Val": value,
                    "Tags": guest.tags,
                    "Type": "InsightsMetrics",
                    "_ResourceId": guest.resource_id.lower(),
                }


class LogStore:
    """Every workspace, by its GUID. `most_rows` is how many rows an answer has at most, 500,000 in Azure."""

    def __init__(self) -> None:
        self.most_rows = 500_000
        self._lock = threading.Lock()
        self._all: dict[str, Workspace] = {}

    def workspace(self, workspace_id: str, subscription: str, tenant: str = DEFAULT_TENANT) -> Workspace:
        """The workspace; it is made where there is none yet."""
        with self._lock:
            return self._all.setdefault(workspace_id.lower(), Workspace(workspace_id.lower(), subscription, tenant))

    def get(self, workspace_id: str) -> Workspace | None:
        """The workspace with that GUID."""
        return self._all.get(workspace_id.lower())
