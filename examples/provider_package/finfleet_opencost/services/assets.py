"""Nodes, disks, load balancers: what the cluster is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from agents.core.context import Context
from agents.core.service import Estimate, Service, service
from finfleet_opencost.answers import Item
from finfleet_opencost.calls import OpenCostCalls
from finfleet_opencost.collecting import ASSETS, Question, Resources, estimate
from finfleet_opencost.mapping import ItemMapping, Metric
from finfleet_opencost.permissions import PROXY
from telemetry.records import Record
from telemetry.target import Target, Window

BASIS = "opencost_asset"
_METRICS = (
    Metric("cpuCores", "cpu_cores", "cores"),
    Metric("cpuCoreHours", "cpu_core_hours", "core_hours", "sum"),
    Metric("ramBytes", "memory", "bytes"),
    Metric("ramByteHours", "memory_byte_hours", "byte_hours", "sum"),
    Metric("gpuCount", "gpu_count", "count"),
    Metric("GPUHours", "gpu_hours", "gpu_hours", "sum"),
    Metric("bytes", "disk_size", "bytes"),
    Metric("byteHours", "disk_byte_hours", "byte_hours", "sum"),
    # Null where nobody knows how full the disk is.
    Metric("byteHoursUsed", "disk_byte_hours_used", "byte_hours", "sum"),
    Metric("byteUsageMax", "disk_used", "bytes", "maximum"),
)
_COSTS = ("cpuCost", "gpuCost", "ramCost", "adjustment", "credit")


class _Assets(Resources):
    kept = ("cluster", "category", "provider", "account", "project", "service", "providerID")

    def kind(self, item: Item, properties: Mapping[str, str]) -> str:
        """A node's machine type, where it is told; else ``Disk``, ``LoadBalancer``, ``ClusterManagement`` ..."""
        del properties
        return item.text("nodeType") or item.text("type")

    def named(self, item: Item, properties: Mapping[str, str]) -> str:
        return properties.get("name") or item.name.rpartition("/")[2]

    def tags(self, item: Item) -> dict[str, str]:
        return item.texts("labels")


@service("opencost", "assets")
class Assets(Service):
    """Nodes, disks and load balancers of a cluster: their size, and their cost by list prices."""

    interval = timedelta(hours=1)
    delay = timedelta(minutes=10)
    look_back = timedelta(days=15)
    regional = False
    permissions = (PROXY,)

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """One call, whatever the cluster's size; CollectionError's kinds where it does not go well."""
        calls = OpenCostCalls(context)
        mapping = ItemMapping(target, calls.access.currency, BASIS, _METRICS, _COSTS)
        yield from Question(calls, target, window).records(ASSETS, "/assets", {}, mapping, _Assets(target))

    def estimate(self, window: Window, resources: int) -> Estimate:
        """One call."""
        del window, resources
        return estimate(ASSETS)
