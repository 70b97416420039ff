"""Azure Kubernetes Service: clusters and node pools, what Azure Monitor knows of the nodes, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from agents.azure import changes, graph, metrics
from agents.azure.calls import AzureCalls
from agents.azure.gauges import gauges
from agents.azure.metric_answer import Metric
from agents.azure.metrics import Group, MetricReader
from agents.azure.pools import UNKNOWN, Pool, state_of
from agents.azure.pricing.pools import CPU, PoolRates
from agents.core.context import Context
from agents.core.rates import LATE, is_present
from agents.core.service import Estimate, Service, service
from telemetry.records import AttributeValue, Record, Resource
from telemetry.target import Target, Window

_TYPE = "microsoft.containerservice/managedclusters"
_POOLS = "agentPoolProfiles"
_COLUMNS = {
    "powerState": "properties.powerState",
    "version": "tostring(properties.kubernetesVersion)",
    "node_resource_group": "tostring(properties.nodeResourceGroup)",
    "windows_license": "tostring(properties.windowsProfile.licenseType)",
    "pools": "properties.agentPoolProfiles",
    "edge": "tostring(extendedLocation.name)",
}
_METRICS = Group(
    _TYPE,
    (
        Metric("node_cpu_usage_percentage", CPU, "percent", "average"),
        # Without the cache that can be given back.
        Metric("node_memory_working_set_percentage", "memory_utilization", "percent", "average"),
        Metric("node_disk_usage_percentage", "disk_utilization", "percent", "average"),
        Metric("node_network_in_bytes", "network_in", "bytes", "average"),
        Metric("node_network_out_bytes", "network_out", "bytes", "average"),
    ),
)
_KINDS = frozenset({"", "base", "basic"})
"""Of another kind, such as Automatic, nodes have a fee by the vCPU."""
_THINGS = "aks clusters"
_NODES = f"{LATE}, and Azure tells the nodes of now only"


@service("azure", "aks")
class Aks(Service):
    """AKS clusters and their node pools: nodes, CPU, memory, disk and network, and the list price of the nodes.

    `node_count` is what the pools are set to at the time of reading. A pool's rate is that of all its nodes, where they
    belong to a scale set; those of pools of the types AvailabilitySet and VirtualMachines are among
    `virtual_machines`, and have their rates there (`priced_as`). The fee of a cluster's tier is on the bill. Nodes come
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
        reader = MetricReader(calls, window, of=_THINGS)
        rates = PoolRates(calls, window)
        present = is_present(window, context.shared.now())
        if self.is_late(window, context.shared.now()):
            changes.read_late(calls, _TYPE, window, _THINGS)
        wanted = graph.one_of(context.only)
        for cluster, pools, nodes in graph.rows(calls, _TYPE, _COLUMNS, self._read, wanted, of=_THINGS):
            yield cluster
            if present and nodes is None:
                context.partial("node_count", "Azure does not tell how many nodes each of their pools has", of=_THINGS)
            elif present:
                yield from gauges(cluster, _POOLS, {"node_count": (nodes, "count")}, window)
            else:
                context.partial("node_count, and the rates of the pools,", _NODES, of=_THINGS)
            for pool in filter(None, pools):
                yield from rates.of(pool, cluster) if present else [pool.resource(cluster)]
            # Whatever it does now, it may have run in the window.
            yield from rates.heard(reader.add(cluster, [_METRICS]))
        yield from rates.heard(reader.finish())
        yield from rates.finish(reader.unanswered)

    def _read(self, row: graph.Row) -> tuple[Resource, list[Pool | None], int | None]:
        pools = _pools(row)
        nodes = _nodes(pools)
        return _cluster(row, self.name, pools, nodes), pools, nodes

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Pages of the inventory and batches of metrics. The price of a size is looked up once a day."""
        del window
        return metrics.estimate(resources, less="node pools are no clusters, and may be counted as such")

    def check_interval(self, interval: timedelta) -> str:
        """Azure Monitor has values for whole minutes."""
        return metrics.check_interval(interval)


def _pools(row: graph.Row) -> list[Pool | None]:
    """The pools of a cluster that can be read, each once; None in the place of one that cannot."""
    state, license_ = state_of(row), row.expected("windows_license")
    told = row.items("pools")
    pools = [Pool.of(one, state, license_, _beside(row)) for one in told]
    found: dict[str, Pool | None] = {pool.name.lower(): pool if pool.name else None for pool in pools}
    return [*found.values(), *([None] if len(told) != row.length("pools") else [])]


def _beside(row: graph.Row) -> str:
    """Why the nodes of a cluster cost more than their sizes, or something else; empty where they do not."""
    kind, edge = row.item("sku").told("name"), row.told("edge")
    if kind is None or kind.lower() not in _KINDS:
        return f"nodes of a cluster of the kind {kind or '(not readable)'} may have a fee of their own"
    return "" if edge == "" else f"the edge zone {edge or '(not readable)'} has prices of its own"


def _nodes(pools: list[Pool | None]) -> int | None:
    """The nodes of all pools; None where those of one are unknown, or a pool could not be read."""
    known = [pool.nodes for pool in pools if pool is not None and pool.nodes is not None]
    return sum(known) if known and len(known) == len(pools) else None


def _cluster(row: graph.Row, name: str, pools: list[Pool | None], nodes: int | None) -> Resource:
    attributes: dict[str, AttributeValue] = {
        "state": row.item("powerState").text("code") or UNKNOWN,
        "version": row.expected("version"),
        "node_resource_group": row.expected("node_resource_group"),
        "tier": row.item("sku").text("tier"),
        "nodes": nodes,
        "node_pools": len(pools) if pools and None not in pools else None,
    }
    return graph.resource_of(row, name, kind="cluster", attributes=attributes)
