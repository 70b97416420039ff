"""GKE: clusters and their node pools, and what Cloud Monitoring knows of the nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

import msgspec

from agents.core.context import Context
from agents.core.items import Item
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
        project = calls.project
        for found in inventory.read(
            calls, "gke clusters", lambda one: _resources(one, project), _CLUSTER, at=window.end
        ):
            cluster = found[0]
            index.add((cluster.name, cluster.region), cluster)
            yield from found
        if not len(index):
            return
        unlisted: set[str] = set()
        for metric in _METRICS:
            for value in reader.settle(metric):
                owner = index.find((value.resource.get("cluster_name"), value.resource.get("location")))
                if owner is not None:
                    yield reader.point(metric, owner, value)
                else:
                    unlisted.add(str(value.resource.get("cluster_name")))
        if unlisted:
            context.partial("metrics", _UNLISTED, of="gke clusters", count=len(unlisted))

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Pages of the inventory, and where there are clusters, of each of three metrics."""
        return monitoring.estimate(window, len(_METRICS) if resources else 0, resources)

    def check_interval(self, interval: timedelta) -> str:
        """Cloud Monitoring has values for whole minutes."""
        return monitoring.check_interval(interval)


def _resources(asset: Asset, project: str) -> list[Resource]:
    """A cluster and its node pools."""
    cluster = _cluster(asset, project)
    return [cluster, *_pools(asset, cluster)]


def _cluster(asset: Asset, project: str) -> Resource:
    fields = asset.fields
    attributes: dict[str, AttributeValue] = {
        "status": fields.text("status"),
        "version": fields.text("currentMasterVersion"),
        "node_version": fields.text("currentNodeVersion"),
        "nodes": fields.number("currentNodeCount"),
        "node_pools": fields.length("nodePools"),
        "autopilot": fields.item("autopilot").flag("enabled", absent=False),
    }
    return Resource(
        provider="gcp",
        account=project,
        region=asset.place(fields.text("location")),
        service="gke",
        resource_id=asset.name,
        type="cluster",
        name=fields.text("name") or asset.short_name,
        tags=fields.tags("resourceLabels"),
        attributes=_known(attributes),
        whole=asset.is_whole,
    )


def _pools(asset: Asset, cluster: Resource) -> Iterator[Resource]:
    for pool in asset.fields.items("nodePools"):
        name = pool.needed("name")
        if not name:
            continue
        config, scaling = pool.item("config"), pool.item("autoscaling")
        attributes: dict[str, AttributeValue] = {
            "cluster": cluster.name,
            "status": pool.text("status"),
            "machine_type": config.text("machineType"),
            "disk_gb": config.number("diskSizeGb"),
            "spot": _is_spot(config),
            "initial_nodes": pool.number("initialNodeCount"),
            "autoscaling": scaling.flag("enabled", absent=False),
            "min_nodes": scaling.number("minNodeCount"),
            "max_nodes": scaling.number("maxNodeCount"),
        }
        yield msgspec.structs.replace(
            cluster,
            resource_id=f"{asset.name}/nodePools/{name}",
            type="node_pool",
            name=name,
            attributes=_known(attributes),
            whole=asset.is_whole,
        )


def _is_spot(config: Item) -> bool | None:
    # Google leaves out what is false.
    flags = [config.flag(name, absent=False) for name in ("spot", "preemptible")]
    return True if True in flags else None if None in flags else False


def _known(attributes: Mapping[str, AttributeValue]) -> dict[str, AttributeValue]:
    return {key: value for key, value in attributes.items() if value is not None and value != ""}
