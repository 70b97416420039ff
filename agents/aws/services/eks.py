"""EKS: clusters, their node groups, what Container Insights knows of them, and what control planes cost an hour."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from agents.aws import metrics
from agents.aws.arns import place_of
from agents.aws.calls import AwsCalls
from agents.aws.metrics import Metric, MetricReader, Query
from agents.aws.pricing import price_list as pricing
from agents.aws.pricing.eks import THINGS, EksPrices
from agents.core.context import Context
from agents.core.errors import Gone
from agents.core.items import Item, Listing
from agents.core.parts import permitted
from agents.core.pricing import Price
from agents.core.pricing.unknown import with_reason
from agents.core.rates import LATE, LISTED, is_present, part_since, rate
from agents.core.service import Estimate, Service, service
from telemetry.errors import CollectionFailed
from telemetry.records import AttributeValue, CostRate, Record, Resource
from telemetry.target import Target, Window, format_time

_PAGE = 100
_NAMESPACE = "ContainerInsights"
_METRICS = (
    Metric(_NAMESPACE, "cluster_node_count", "Average", "node_count", "count"),
    Metric(_NAMESPACE, "node_cpu_utilization", "Average", "cpu_utilization", "percent"),
    Metric(_NAMESPACE, "node_memory_utilization", "Average", "memory_utilization", "percent"),
)

_WATCHED_FOR = timedelta(days=13)
_FORGOTTEN = "the window is more than 13 days ago, and CloudWatch lists the clusters of the last 14 days only"


@service("aws", "eks")
class Eks(Service):
    """EKS clusters with the list price of their control plane, and their node groups with their sizes.

    Nodes are instances of EC2 and priced there. Node count, CPU and memory are Container Insights', of the clusters
    that publish them. Past its standard support a version of Kubernetes costs more, and is priced so where the policy
    of the cluster is to stay on it; without a price it says why in ``price_unknown``. EKS tells the version of now
    only: a window that is collected more than an hour late has no prices, and says so. A cluster that may not be
    described costs the others nothing.
    """

    owns = ("arn:*:eks:*:*:cluster/*", "arn:*:eks:*:*:nodegroup/*")
    interval = timedelta(minutes=5)
    delay = timedelta(minutes=10)
    look_back = metrics.LOOK_BACK
    permissions = (
        "eks:ListClusters",
        "eks:DescribeCluster",
        "eks:ListNodegroups",
        "eks:DescribeNodegroup",
        "eks:DescribeClusterVersions",
        metrics.LIST_API,
        metrics.API,
        *pricing.PERMISSIONS,
    )
    paid = MappingProxyType({**metrics.PAID, **metrics.LIST_PAID})

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """A resource a cluster and a node group. The listings give names alone: each is described."""
        calls = AwsCalls(context, target.region)
        reader = MetricReader(calls, window, of=THINGS)
        prices = _ControlPlanes(calls, window)
        self.say_late(context, window, "EKS")
        watched: set[str] | None = None
        for name in _names(calls, THINGS, "clusters", "ListClusters"):
            cluster = _describe(calls, THINGS, "cluster", "DescribeCluster", name=name)
            if cluster is not None:
                watched = _watched(calls) if watched is None else watched
                resource, rates = prices.of(cluster)
                yield resource
                yield from rates
                if name in watched:
                    dimensions = (("ClusterName", name),)
                    yield from reader.add(*(Query(resource, metric, dimensions) for metric in _METRICS))
            yield from _node_groups(calls, name)
        if watched is not None and window.start < context.shared.now() - _WATCHED_FOR:
            context.partial("metrics of clusters without a value for two weeks", _FORGOTTEN)
        yield from reader.finish()

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Of clusters without node groups and Container Insights: a description and a listing each."""
        del window
        calls = {"eks:ListClusters": max(1, math.ceil(resources / _PAGE))}
        if resources:
            calls |= {"eks:DescribeCluster": resources, "eks:ListNodegroups": resources, metrics.LIST_API: 1}
        price = metrics.LIST_PAID[metrics.LIST_API] * calls.get(metrics.LIST_API, 0)
        more = "a description of each node group, and three metrics of a cluster that Container Insights watches"
        bounds = (more, "node groups are no clusters, and may be counted as such") if resources else ("", "")
        return Estimate(calls, price, *bounds, paid={metrics.LIST_API: price})

    def check_interval(self, interval: timedelta) -> str:
        """CloudWatch has values for whole minutes."""
        return metrics.check_interval(interval)


class _ControlPlanes:
    """What control planes cost an hour now; of a window that is long past the listing says nothing."""

    def __init__(self, calls: AwsCalls, window: Window) -> None:
        self._context = calls.context
        self._prices = EksPrices(calls)
        self._window = window
        self._now = calls.context.shared.now()

    def of(self, cluster: Item) -> tuple[Resource, list[CostRate]]:
        """A cluster with its rates: none where its price or its state is unknown, and then it says why."""
        resource, created = _cluster(cluster), cluster.time("createdAt")
        part = None if created is None else part_since(self._window, created, self._now)
        status = cluster.text("status")
        if part is None:
            return resource, []
        # Updates can be listed, but nobody says for how long; and a version can be rolled back.
        if not is_present(self._window, self._now):
            return self._missing(resource, f"{LATE}, and EKS tells their version and tier of now only")
        if status != "ACTIVE":
            why = f"their status is {status or 'not told'}, which does not tell what they cost"
            return self._missing(resource, why)
        price = self._prices.on_demand(cluster, part)
        if isinstance(price, Price):
            return resource, [rate(resource, part.start, part.end, price, LISTED)]
        return with_reason(resource, price), []

    def _missing(self, resource: Resource, why: str) -> tuple[Resource, list[CostRate]]:
        self._context.partial("rates", why, of=THINGS)
        return resource, []


def _names(calls: AwsCalls, of: str, key: str, operation: str, **names: Any) -> Iterator[str]:
    """The names that a listing of EKS's gives, each once."""
    listing: Listing[str] = Listing(calls.context, of, key=lambda name: name)
    for page in calls.pages("eks", operation, page_size=_PAGE, **names):
        for name in listing.raw(page, key):
            if not isinstance(name, str) or not name:
                calls.context.meter.refused("everything", CollectionFailed("without a name"), of=of)
            elif listing.is_new(name):
                yield name


def _describe(calls: AwsCalls, of: str, key: str, operation: str, **names: Any) -> Item | None:
    """A cluster or a node group; None where it was deleted since it was listed, or may not be described."""
    found = None
    read = _check_cluster if key == "cluster" else _check_group
    with calls.context.part("descriptions", of=of), suppress(Gone):
        described = calls.call("eks", operation, **names).get(key)
        found = Listing[Item](calls.context, of).read(described, read)
    return found


def _node_groups(calls: AwsCalls, cluster: str) -> Iterator[Resource]:
    of = "node groups"
    found: list[str] = []
    with calls.context.part("node groups", of=THINGS), suppress(Gone):
        found.extend(_names(calls, of, "nodegroups", "ListNodegroups", clusterName=cluster))
    for name in found:
        group = _describe(calls, of, "nodegroup", "DescribeNodegroup", clusterName=cluster, nodegroupName=name)
        if group is not None:
            yield _node_group(group)


def _watched(calls: AwsCalls) -> set[str]:
    """The clusters that Container Insights had values of in the last two weeks."""
    found: set[str] = set()
    with permitted(calls.context, f"metrics of {THINGS}"):
        pages = calls.pages("cloudwatch", "ListMetrics", Namespace=_NAMESPACE, MetricName=_METRICS[0].source)
        listing: Listing[dict[str, str]] = Listing(calls.context, "metrics of Container Insights")
        for page in pages:
            for named in listing.each(page, "Metrics", metrics.dimensions_of):
                if named.keys() == {"ClusterName"}:
                    found.add(named["ClusterName"])
    return found


def _check_cluster(item: Item) -> Item:
    """The cluster, with what it lacks counted."""
    _cluster(item)
    if item.time("createdAt") is None:
        item.fault("createdAt")
    return item


def _check_group(item: Item) -> Item:
    _node_group(item)
    return item


def _cluster(item: Item) -> Resource:
    created = item.time("createdAt")
    attributes: dict[str, AttributeValue] = {
        "status": item.needed("status") or None,
        "version": item.needed("version") or None,
        "platform_version": item.text("platformVersion") or None,
        "support": item.item("upgradePolicy").text("supportType") or None,
        "creation_time": None if created is None else format_time(created),
    }
    return _resource(item.key("arn"), "cluster", item.key("name"), item, attributes)


def _node_group(item: Item) -> Resource:
    scaling = item.item("scalingConfig")
    attributes: dict[str, AttributeValue] = {
        "cluster": item.text("clusterName") or None,
        "status": item.needed("status") or None,
        "version": item.text("version") or None,
        "capacity_type": item.text("capacityType") or None,
        "instance_types": ", ".join(item.texts("instanceTypes")),
        "desired_size": scaling.number("desiredSize"),
        "minimum_size": scaling.number("minSize"),
        "maximum_size": scaling.number("maxSize"),
    }
    return _resource(item.key("nodegroupArn"), "nodegroup", item.key("nodegroupName"), item, attributes)


def _resource(arn: str, kind: str, name: str, item: Item, attributes: dict[str, AttributeValue]) -> Resource:
    region, account = place_of(arn)
    return Resource(
        provider="aws",
        account=account,
        region=region,
        service="eks",
        resource_id=arn,
        type=kind,
        name=name,
        tags=item.tags("tags"),
        attributes={key: value for key, value in attributes.items() if value is not None},
        whole=item.has("tags") and not item.faults,
    )
