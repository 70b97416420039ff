"""Azure Kubernetes Service: clusters and node pools, what Azure Monitor knows of the nodes, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec

from agents.azure import changes, graph, metrics
from agents.azure.calls import AzureCalls
from agents.azure.gauges import gauges
from agents.azure.metrics import Group, Metric, MetricReader
from agents.azure.pricing.retail import VmPriceList
from agents.core.context import Context
from agents.core.pricing import Price
from agents.core.rates import LATE, LISTED, SPOT, STOPPED, is_present, rate
from agents.core.service import Estimate, Service, service
from telemetry.records import AttributeValue, CostRate, Record, Resource
from telemetry.target import Target, Window

_TYPE = "microsoft.containerservice/managedclusters"
_POOLS = "agentPoolProfiles"
_COLUMNS = {
    "state": "tostring(properties.powerState.code)",
    "version": "tostring(properties.kubernetesVersion)",
    "node_resource_group": "tostring(properties.nodeResourceGroup)",
    "pools": "properties.agentPoolProfiles",
}
_METRICS = Group(
    _TYPE,
    (
        Metric("node_cpu_usage_percentage", "cpu_utilization", "percent", "average"),
        # Without the cache that can be given back.
        Metric("node_memory_working_set_percentage", "memory_utilization", "percent", "average"),
        Metric("node_disk_usage_percentage", "disk_utilization", "percent", "average"),
        Metric("node_network_in_bytes", "network_in", "bytes", "average"),
        Metric("node_network_out_bytes", "network_out", "bytes", "average"),
    ),
)
_RUNNING = "running"
_NODES = f"{LATE}, and Azure tells the nodes of now only"


@service("azure", "aks")
class Aks(Service):
    """AKS clusters and their node pools: nodes, CPU, memory, disk and network, and the list price of the nodes.

    `node_count` is what the pools are set to at the time of reading. A pool's rate is that of all its machines; they
    belong to scale sets and are not among `virtual_machines`. The fee of a cluster's tier is on the bill. Nodes come
    and go, and Azure tells those of now only: a window that is collected more than an hour late has neither, and says
    so.
    """

    owns = ("/subscriptions/*/resourcegroups/*/providers/microsoft.containerservice/managedclusters/*",)
    interval = timedelta(minutes=5)
    delay = timedelta(minutes=10)
    look_back = metrics.LOOK_BACK
    regional = False
    permissions = (graph.PERMISSION, "Microsoft.ContainerService/managedClusters/read", metrics.PERMISSION)

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """A resource a cluster and a pool, with its rate; clusters are measured 50 at a time."""
        del target
        calls = AzureCalls(context)
        reader = MetricReader(calls, window)
        prices = VmPriceList(calls)
        present = is_present(window, context.shared.now())
        if self.is_late(window, context.shared.now()):
            changes.read_late(calls, _TYPE, window, "aks clusters")
        for row in graph.rows(calls, _TYPE, _COLUMNS, graph.one_of(context.only)):
            stopped = (row["state"] or _RUNNING).lower() != _RUNNING
            pools = [_Pool.of(pool, stopped=stopped) for pool in row["pools"] or ()]
            cluster = _cluster(row, self.name, pools)
            yield cluster
            if present:
                values = {"node_count": (float(sum(pool.nodes for pool in pools)), "count")}
                yield from gauges(cluster, _POOLS, dict(values), window)
            else:
                context.partial("node_count, and the rates of the pools,", _NODES, of="aks clusters")
            for pool in pools:
                resource = pool.resource(cluster)
                yield resource
                if present:
                    yield from pool.rate(resource, prices, window)
            # One that is stopped now may have run in a window that is long past.
            if not stopped or not present:
                yield from reader.add(cluster, [_METRICS])
        yield from reader.finish()

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Pages of the inventory and batches of metrics. The price of a size is looked up once a day."""
        del window
        return Estimate({**graph.estimate(resources), **metrics.estimate(resources)}, Decimal(0))

    def check_interval(self, interval: timedelta) -> str:
        """Azure Monitor has values for whole minutes."""
        return metrics.check_interval(interval)


@dataclass(frozen=True)
class _Pool:
    """A node pool as its cluster has it."""

    name: str
    mode: str
    size: str
    system: str
    priority: str
    nodes: int
    stopped: bool

    @classmethod
    def of(cls, pool: Mapping[str, Any], *, stopped: bool) -> _Pool:
        stopped = stopped or str((pool.get("powerState") or {}).get("code") or _RUNNING).lower() != _RUNNING
        return cls(
            str(pool["name"]),
            str(pool.get("mode") or ""),
            str(pool.get("vmSize") or ""),
            str(pool.get("osType") or "Linux"),
            str(pool.get("scaleSetPriority") or "Regular"),
            0 if stopped else int(pool.get("count") or 0),
            stopped,
        )

    def resource(self, cluster: Resource) -> Resource:
        attributes: dict[str, AttributeValue] = {
            "cluster": cluster.name,
            "resource_group": cluster.attributes["resource_group"],
            "state": "stopped" if self.stopped else "running",
            "mode": self.mode,
            "vm_size": self.size,
            "os": self.system,
            "priority": self.priority,
            "nodes": self.nodes,
        }
        return msgspec.structs.replace(
            cluster,
            resource_id=f"{cluster.resource_id}/agentpools/{self.name.lower()}",
            type="node_pool",
            name=self.name,
            attributes=attributes,
        )

    def rate(self, resource: Resource, prices: VmPriceList, window: Window) -> Iterator[CostRate]:
        """What all nodes cost an hour; none where the price of one is unknown."""
        if self.stopped or not self.nodes:
            yield rate(resource, window.start, window.end, prices.nothing(), STOPPED)
            return
        one = prices.hourly(
            self.size, resource.region, windows=self.system.lower() == "windows", priority=self.priority
        )
        if one is not None:
            all_nodes = Price(one.amount * self.nodes, one.currency)
            basis = LISTED if self.priority.lower() == "regular" else SPOT
            yield rate(resource, window.start, window.end, all_nodes, basis)


def _cluster(row: graph.Row, name: str, pools: list[_Pool]) -> Resource:
    sku = row["sku"] or {}
    attributes: dict[str, AttributeValue] = {
        "state": row["state"],
        "version": row["version"],
        "node_resource_group": row["node_resource_group"],
        "tier": sku.get("tier"),
        "nodes": sum(pool.nodes for pool in pools),
        "node_pools": len(pools),
    }
    return graph.resource_of(row, name, kind="cluster", attributes=attributes)
