"""EKS: clusters, their node groups, what Container Insights knows of them, and what control planes cost an hour."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from agents.aws import metrics
from agents.aws.calls import AwsCalls
from agents.aws.metrics import Metric, MetricReader, Query
from agents.aws.pricing import price_list as pricing
from agents.core.context import Context
from agents.core.errors import Gone
from agents.core.pricing import Price, price_book
from agents.core.rates import LATE, LISTED, is_present, part_since, rate
from agents.core.service import Estimate, Service, service
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
    that publish them. Past its standard support a version of Kubernetes costs more, and is priced so. EKS tells the
    version of now only: a window that is collected more than an hour late has no prices, and says so.
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
        reader = MetricReader(calls, window)
        prices = _ControlPlanes(calls, window)
        self.say_late(context, window, "EKS")
        watched: set[str] | None = None
        for page in calls.pages("eks", "ListClusters", page_size=_PAGE):
            for name in page["clusters"]:
                cluster = _describe(calls, "cluster", "DescribeCluster", name=name)
                if cluster is None:
                    continue
                watched = _watched(calls) if watched is None else watched
                resource = _cluster(cluster)
                yield resource
                yield from prices.of(resource, cluster)
                yield from _node_groups(calls, name)
                if name in watched:
                    dimensions = (("ClusterName", name),)
                    yield from reader.add(*(Query(resource, metric, dimensions) for metric in _METRICS))
        if watched is not None and window.start < context.shared.now() - _WATCHED_FOR:
            context.partial("metrics of clusters without a value for two weeks", _FORGOTTEN)
        yield from reader.finish()

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Of clusters without node groups and Container Insights: a description and a listing each."""
        del window
        calls = {"eks:ListClusters": max(1, math.ceil(resources / _PAGE))}
        if resources:
            calls |= {"eks:DescribeCluster": resources, "eks:ListNodegroups": resources, metrics.LIST_API: 1}
        return Estimate(calls, metrics.LIST_PAID[metrics.LIST_API] * calls.get(metrics.LIST_API, 0))

    def check_interval(self, interval: timedelta) -> str:
        """CloudWatch has values for whole minutes."""
        return metrics.check_interval(interval)


@dataclass(frozen=True)
class _Support:
    """When the standard support of each version of Kubernetes ends."""

    ends: Mapping[str, datetime]


class _ControlPlanes:
    """What control planes cost an hour now; of a window that is long past the listing says nothing."""

    def __init__(self, calls: AwsCalls, window: Window) -> None:
        self._calls = calls
        self._prices = pricing.PriceList(calls)
        self._window = window
        self._now = calls.context.shared.now()

    def of(self, resource: Resource, cluster: Mapping[str, Any]) -> Iterator[CostRate]:
        """The rate of one cluster; none where its price or its state is unknown."""
        part = part_since(self._window, cluster["createdAt"].astimezone(UTC), self._now)
        if part is None:
            return
        # Updates can be listed, but nobody says for how long; and a version can be rolled back.
        if not is_present(self._window, self._now):
            self._missing(f"{LATE}, and EKS tells their version and tier of now only")
            return
        if cluster["status"] != "ACTIVE":
            self._missing(f"their status is {cluster['status']}, which does not tell what they cost")
            return
        price = self._price(cluster, part)
        if price is not None:
            yield rate(resource, part.start, part.end, price, LISTED)

    def _missing(self, why: str) -> None:
        self._calls.context.partial("rates", why, of="eks clusters")

    def _price(self, cluster: Mapping[str, Any], part: Window) -> Price | None:
        tier = cluster.get("controlPlaneScalingConfig", {}).get("tier", "standard")
        end = self._support().ends.get(cluster["version"])
        if tier != "standard" or cluster.get("outpostConfig") or end is None or part.start < end < part.end:
            self._prices.unknown(f"eks {cluster['version']} {tier}")
            return None
        standard = self._listed("CreateOperation")
        if standard is None or part.end <= end:
            return standard
        more = self._listed("ExtendedSupport")
        return None if more is None else Price(standard.amount + more.amount, standard.currency)

    def _listed(self, operation: str) -> Price | None:
        fields = {"regionCode": self._calls.region, "locationType": "AWS Region", "operation": operation}
        return self._prices.hourly("AmazonEKS", fields)

    def _support(self) -> _Support:
        key = f"aws/AmazonEKS/{self._calls.partition}/{self._calls.region}/support"
        found = price_book(self._calls.context.shared).find_as(_Support, key, self._look_up)
        return found or _Support({})

    def _look_up(self) -> _Support:
        ends = {}
        for page in self._calls.pages("eks", "DescribeClusterVersions", page_size=_PAGE):
            for version in page["clusterVersions"]:
                if "endOfStandardSupportDate" in version:
                    ends[version["clusterVersion"]] = version["endOfStandardSupportDate"].astimezone(UTC)
        return _Support(ends)


def _describe(calls: AwsCalls, key: str, operation: str, **names: Any) -> dict[str, Any] | None:
    """A cluster or a node group; None where it was deleted since it was listed."""
    try:
        described: dict[str, Any] = calls.call("eks", operation, **names)[key]
    except Gone:
        return None
    return described


def _node_groups(calls: AwsCalls, cluster: str) -> Iterator[Resource]:
    try:
        for page in calls.pages("eks", "ListNodegroups", page_size=_PAGE, clusterName=cluster):
            for name in page["nodegroups"]:
                group = _describe(calls, "nodegroup", "DescribeNodegroup", clusterName=cluster, nodegroupName=name)
                if group is not None:
                    yield _node_group(group)
    except Gone:
        return


def _watched(calls: AwsCalls) -> set[str]:
    """The clusters that Container Insights had values of in the last two weeks."""
    found = set()
    pages = calls.pages("cloudwatch", "ListMetrics", Namespace=_NAMESPACE, MetricName=_METRICS[0].source)
    for page in pages:
        for metric in page["Metrics"]:
            named = {pair["Name"]: pair["Value"] for pair in metric["Dimensions"]}
            if named.keys() == {"ClusterName"}:
                found.add(named["ClusterName"])
    return found


def _cluster(cluster: Mapping[str, Any]) -> Resource:
    attributes: dict[str, AttributeValue] = {
        "status": cluster["status"],
        "version": cluster["version"],
        "platform_version": cluster.get("platformVersion"),
        "support": cluster.get("upgradePolicy", {}).get("supportType"),
        "creation_time": format_time(cluster["createdAt"]),
    }
    return _resource(cluster["arn"], "cluster", cluster["name"], cluster, attributes)


def _node_group(group: Mapping[str, Any]) -> Resource:
    scaling = group.get("scalingConfig", {})
    attributes: dict[str, AttributeValue] = {
        "cluster": group["clusterName"],
        "status": group["status"],
        "version": group.get("version"),
        "capacity_type": group.get("capacityType"),
        "instance_types": ", ".join(group.get("instanceTypes", ())),
        "desired_size": scaling.get("desiredSize"),
        "minimum_size": scaling.get("minSize"),
        "maximum_size": scaling.get("maxSize"),
    }
    return _resource(group["nodegroupArn"], "nodegroup", group["nodegroupName"], group, attributes)


def _resource(
    arn: str, kind: str, name: str, described: Mapping[str, Any], attributes: dict[str, AttributeValue]
) -> Resource:
    _, _, _, region, account, _ = arn.split(":", 5)
    return Resource(
        provider="aws",
        account=account,
        region=region,
        service="eks",
        resource_id=arn,
        type=kind,
        name=name,
        tags=dict(described.get("tags") or {}),
        attributes={key: value for key, value in attributes.items() if value is not None},
    )
