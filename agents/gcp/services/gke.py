"""GKE: clusters and their node pools, and what Cloud Monitoring knows of the nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec

from agents.core.context import Context
from agents.core.service import Estimate, Service, service
from agents.gcp import inventory, monitoring
from agents.gcp.calls import GcpCalls
from agents.gcp.index import ResourceIndex
from agents.gcp.inventory import Asset
from agents.gcp.monitoring import Metric, MetricReader
from telemetry.records import AttributeValue, Record, Resource
from telemetry.target import Target, Window

_CLUSTER = "container.googleapis.com/Cluster"
_NODE = "k8s_node"
_GROUP = ("resource.labels.cluster_name", "resource.labels.location")
_CPU = "kubernetes.io/node/cpu/allocatable_utilization"
_METRICS = (
    Metric(_CPU, _NODE, "cpu_utilization", "percent", "average", "ALIGN_MEAN", "REDUCE_MEAN", _GROUP, factor=100),
    # What cannot be evicted: the rest is cache.
    Metric(
        "kubernetes.io/node/memory/allocatable_utilization",
        _NODE,
        "memory_utilization",
        "percent",
        "average",
        "ALIGN_MEAN",
        "REDUCE_MEAN",
        _GROUP,
        'metric.labels.memory_type = "non-evictable"',
        100,
    ),
    Metric(_CPU, _NODE, "node_count", "count", "average", "ALIGN_MEAN", "REDUCE_COUNT", _GROUP),
)
_UNLISTED = "their nodes have metrics, and they are not in the inventory of the end of the window"


@service("gcp", "gke")
class Gke(Service):
    """GKE clusters with their versions and node pools: nodes that report, and their CPU and memory.

    Nodes are instances of Compute Engine and priced there; the fee of a cluster is on the bill.
    """

    owns = ("//container.googleapis.com/*",)
    interval = timedelta(minutes=5)
    delay = timedelta(minutes=10)
    regional = False
    permissions = (inventory.PERMISSION, monitoring.PERMISSION)
    paid = monitoring.PAID

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """A resource a cluster and a node pool, then the metrics: each is read once for the whole project."""
        del target
        calls = GcpCalls(context)
        reader = MetricReader(calls, window)
        index = ResourceIndex()
        for asset in inventory.assets(calls, _CLUSTER, at=window.end):
            cluster = _cluster(asset, calls.project)
            index.add((cluster.name, cluster.region), cluster)
            yield cluster
            yield from _pools(asset, cluster)
        if not len(index):
            return
        unlisted: set[str] = set()
        for metric in _METRICS:
            for value in reader.read(metric):
                found = index.find((value.resource.get("cluster_name"), value.resource.get("location")))
                if found is not None:
                    yield reader.point(metric, found, value)
                else:
                    unlisted.add(str(value.resource.get("cluster_name")))
        if unlisted:
            context.partial("metrics", _UNLISTED, of="gke clusters", count=len(unlisted))

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Pages of the inventory, and where there are clusters, of each of three metrics."""
        listing = inventory.estimate(resources)
        if not resources:
            return Estimate(listing, Decimal(0))
        asked = monitoring.estimate(window, len(_METRICS), resources)
        return Estimate({**listing, **asked.calls}, asked.cost_usd)

    def check_interval(self, interval: timedelta) -> str:
        """Cloud Monitoring has values for whole minutes."""
        return monitoring.check_interval(interval)


def _cluster(asset: Asset, project: str) -> Resource:
    data = asset.data
    attributes: dict[str, AttributeValue] = {
        "status": data.get("status"),
        "version": data.get("currentMasterVersion"),
        "node_version": data.get("currentNodeVersion"),
        "nodes": _int(data.get("currentNodeCount")),
        "node_pools": len(data["nodePools"]) if "nodePools" in data else None,
        "autopilot": bool((data.get("autopilot") or {}).get("enabled")),
    }
    return Resource(
        provider="gcp",
        account=project,
        region=str(data.get("location") or asset.location),
        service="gke",
        resource_id=asset.name,
        type="cluster",
        name=str(data.get("name") or asset.short_name),
        tags={str(key): str(value) for key, value in (data.get("resourceLabels") or {}).items()},
        attributes=_known(attributes),
    )


def _pools(asset: Asset, cluster: Resource) -> Iterator[Resource]:
    for pool in asset.data.get("nodePools") or ():
        name = str(pool.get("name") or "")
        if not name:
            continue
        config: Mapping[str, Any] = pool.get("config") or {}
        scaling: Mapping[str, Any] = pool.get("autoscaling") or {}
        attributes: dict[str, AttributeValue] = {
            "cluster": cluster.name,
            "status": pool.get("status"),
            "machine_type": config.get("machineType"),
            "disk_gb": _int(config.get("diskSizeGb")),
            "spot": bool(config.get("spot") or config.get("preemptible")),
            "initial_nodes": _int(pool.get("initialNodeCount")),
            "autoscaling": bool(scaling.get("enabled")),
            "min_nodes": _int(scaling.get("minNodeCount")),
            "max_nodes": _int(scaling.get("maxNodeCount")),
        }
        yield msgspec.structs.replace(
            cluster,
            resource_id=f"{asset.name}/nodePools/{name}",
            type="node_pool",
            name=name,
            attributes=_known(attributes),
        )


def _known(attributes: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    return {key: value for key, value in attributes.items() if value is not None}


def _int(value: Any) -> int | None:
    return None if value is None else int(value)
