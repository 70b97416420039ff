"""``GET /allocation``, cut by one kind of thing: what is used, reserved and allocated, and its cost by list prices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import ClassVar

from agents.core.context import Context
from agents.core.service import Estimate, Service
from finfleet_opencost.answers import Item
from finfleet_opencost.calls import OpenCostCalls
from finfleet_opencost.collecting import ALLOCATION, Question, Resources, estimate
from finfleet_opencost.mapping import ItemMapping, Metric
from finfleet_opencost.permissions import PROXY
from telemetry.records import Record
from telemetry.target import Target, Window

BASIS = "opencost_allocation"
_METRICS = (
    Metric("cpuCores", "cpu_allocated", "cores"),
    Metric("cpuCoreRequestAverage", "cpu_requested", "cores"),
    Metric("cpuCoreLimitAverage", "cpu_limit", "cores"),
    Metric("cpuCoreUsageAverage", "cpu_used", "cores"),
    Metric("cpuCoreHours", "cpu_core_hours", "core_hours", "sum"),
    # Used by requested. Where nothing is requested OpenCost shows 0 or 1, which is neither.
    Metric("cpuEfficiency", "cpu_efficiency", "ratio", given="cpuCoreRequestAverage"),
    Metric("ramBytes", "memory_allocated", "bytes"),
    Metric("ramByteRequestAverage", "memory_requested", "bytes"),
    Metric("ramByteLimitAverage", "memory_limit", "bytes"),
    Metric("ramByteUsageAverage", "memory_used", "bytes"),
    Metric("ramByteHours", "memory_byte_hours", "byte_hours", "sum"),
    Metric("ramEfficiency", "memory_efficiency", "ratio", given="ramByteRequestAverage"),
    Metric("gpuCount", "gpu_allocated", "count"),
    Metric("gpuHours", "gpu_hours", "gpu_hours", "sum"),
    Metric("networkTransferBytes", "network_out", "bytes", "sum"),
    Metric("networkReceiveBytes", "network_in", "bytes", "sum"),
    Metric("pvBytes", "volume_allocated", "bytes"),
    Metric("pvByteHours", "volume_byte_hours", "byte_hours", "sum"),
)
_PARTS = ("cpuCost", "gpuCost", "ramCost", "pvCost", "networkCost", "loadBalancerCost")
_COSTS = (*_PARTS, *(f"{part}Adjustment" for part in _PARTS), "sharedCost", "externalCost")


class _Workloads(Resources):
    kept = ("cluster", "node", "namespace", "controllerKind", "controller", "pod", "providerID")

    def __init__(self, target: Target, by: str) -> None:
        super().__init__(target)
        self._by = by

    def kind(self, item: Item, properties: Mapping[str, str]) -> str:
        """``deployment``, ``pod`` ...; of what belongs to none the word that OpenCost has for it: ``idle`` ..."""
        if nobody := _nobody(item):
            return nobody
        return properties.get("controllerKind") or self._by if self._by == "controller" else self._by

    def named(self, item: Item, properties: Mapping[str, str]) -> str:
        return _nobody(item) or properties.get(self._by) or item.name.rpartition("/")[2]

    def tags(self, item: Item) -> dict[str, str]:
        properties = item.fields.get("properties")
        labels = properties.get("labels") if isinstance(properties, dict) else None
        return {key: text for key, text in (labels or {}).items() if isinstance(text, str)} if labels else {}


class Allocations(Service):
    """Allocations, cut by one kind of thing; each service names the kind."""

    #: The property that tells its things apart, last of those that are asked for.
    by: ClassVar[str]
    aggregate: ClassVar[tuple[str, ...]]

    interval = timedelta(hours=1)
    # Prometheus scrapes every minute, and what ran for the last minutes of an hour is seen after it.
    delay = timedelta(minutes=10)
    # What Prometheus keeps, by default, and OpenCost reads.
    look_back = timedelta(days=15)
    regional = False
    permissions = (PROXY,)

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """One call, whatever the cluster's size; CollectionError's kinds where it does not go well."""
        calls = OpenCostCalls(context)
        idle = "true" if calls.section.include_idle else "false"
        parameters = {"aggregate": ",".join(self.aggregate), "includeIdle": idle}
        mapping = ItemMapping(target, calls.access.currency, BASIS, _METRICS, _COSTS)
        question = Question(calls, target, window)
        yield from question.records(ALLOCATION, "/allocation", parameters, mapping, _Workloads(target, self.by))

    def estimate(self, window: Window, resources: int) -> Estimate:
        """One call."""
        del window, resources
        return estimate(ALLOCATION)


def _nobody(item: Item) -> str:
    """``idle`` for ``__idle__`` and ``cluster-one/__idle__``: money that no workload has; empty for a workload's."""
    last = item.name.rpartition("/")[2]
    return last.strip("_") if last.startswith("__") and last.endswith("__") else ""
