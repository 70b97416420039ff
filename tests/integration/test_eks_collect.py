"""EKS against the local AWS: clusters, node groups, Container Insights, and the price of a control plane."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from moto.eks.models import eks_backends

from agents.core.collection import Collection
from agents.core.pricing.unknown import PRICE_UNKNOWN
from agents.testing.collecting import check_estimate
from emulators.aws import LocalAws
from emulators.aws.cloudwatch.store import MetricName, dimensions
from emulators.aws.seed import seed_eks
from emulators.aws.server import DEFAULT_ACCOUNT
from telemetry.batch import Outcome, Run
from telemetry.target import Target, Window
from tests.support.collecting import collect
from tests.support.ec2 import NOW, REGION, WINDOW, shared, standing_aws
from tests.support.odd_aws import refuse_where

TARGET = "aws/default/us-east-1/eks"
_SOURCES = {
    "node_count": "cluster_node_count",
    "cpu_utilization": "node_cpu_utilization",
    "memory_utilization": "node_memory_utilization",
}


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with standing_aws() as running:
        yield running


def _clusters() -> Any:
    return eks_backends[DEFAULT_ACCOUNT][REGION].clusters


def _mean(aws: LocalAws, metric: str) -> float:
    name = MetricName("ContainerInsights", metric, dimensions({"ClusterName": "cluster-000"}))
    (series,) = aws.metrics.series(DEFAULT_ACCOUNT, REGION, name)
    first, last = WINDOW.start.timestamp(), WINDOW.end.timestamp()
    found = [value for time, value in zip(series.times, series.values, strict=True) if first <= time < last]
    return sum(found) / len(found)


def test_clusters_and_node_groups_with_what_is_known_of_them(aws: LocalAws) -> None:
    seed_eks(aws, 3)

    collected = collect(shared(aws), TARGET, WINDOW)

    assert collected.error is None
    assert (
        aws.calls()
        == collected.calls
        == {
            "eks.ListClusters": 1,
            "eks.DescribeCluster": 3,
            "eks.ListNodegroups": 3,
            "eks.DescribeNodegroup": 3,
            "eks.DescribeClusterVersions": 1,
            "cloudwatch.ListMetrics": 1,
            "cloudwatch.GetMetricData": 1,
            "pricing.GetProducts": 2,
        }
    )
    found = {(point.resource.name, point.metric): point.value for point in collected.points()}
    assert found == pytest.approx({("cluster-000", ours): _mean(aws, source) for ours, source in _SOURCES.items()})
    by_name = {one.name: one for one in collected.resources}
    assert len(by_name) == 6
    cluster, group = by_name["cluster-001"], by_name["cluster-001-nodes"]
    assert cluster.resource_id == f"arn:aws:eks:us-east-1:{DEFAULT_ACCOUNT}:cluster/cluster-001"
    assert (cluster.type, cluster.tags, cluster.attributes["version"]) == ("cluster", {"team": "platform"}, "1.33")
    expected = {"cluster": "cluster-001", "desired_size": 2, "minimum_size": 1, "maximum_size": 4}
    assert {name: group.attributes[name] for name in expected} == expected
    assert (group.type, group.attributes["instance_types"]) == ("nodegroup", "m5.large")


def test_a_second_window_asks_for_no_price_and_no_version_again(aws: LocalAws) -> None:
    seed_eks(aws, 1)
    process = shared(aws)
    first = collect(process, TARGET, WINDOW)
    second = collect(process, TARGET, WINDOW)
    assert not second.calls.keys() & {"pricing.GetProducts", "eks.DescribeClusterVersions"}
    assert [rate.amount for rate in second.rates()] == [rate.amount for rate in first.rates()]


@pytest.mark.parametrize(
    ("version", "price"), [("1.34", "0.10"), ("1.35", "0.10"), ("1.33", "0.60"), ("1.31", "0.60"), ("1.20", None)]
)
def test_a_version_past_its_standard_support_costs_more(aws: LocalAws, version: str, price: str | None) -> None:
    seed_eks(aws, 1)
    _clusters()["cluster-000"].version = version
    collected = collect(shared(aws), TARGET, WINDOW)
    assert [rate.amount for rate in collected.rates()] == ([] if price is None else [Decimal(price)])
    assert {rate.resource.name for rate in collected.rates()} <= {"cluster-000"}, "nodes are priced as EC2's"
    assert collected.report.unknown_prices == (price is None)


@pytest.mark.parametrize(
    ("version", "policy", "price", "why"),
    [
        ("1.31", {"supportType": "EXTENDED"}, "0.60", None),
        # It is upgraded at the end, and pays no more until then.
        ("1.31", {"supportType": "STANDARD"}, "0.10", None),
        ("1.31", {"supportType": "SOMETHING_NEW"}, None, "is not told by SOMETHING_NEW"),
        ("1.31", {}, None, "is not told by EKS"),
        ("1.31", None, None, "is not told by EKS"),
        # Before the end none of that matters.
        ("1.35", {"supportType": "SOMETHING_NEW"}, "0.10", None),
        ("1.35", None, "0.10", None),
        ("1.20", {"supportType": "EXTENDED"}, None, "until when version 1.20 has standard support is not known"),
    ],
)
def test_a_cluster_pays_for_extended_support_where_its_policy_says_so(
    aws: LocalAws, version: str, policy: dict[str, str] | None, price: str | None, why: str | None
) -> None:
    seed_eks(aws, 1)
    cluster = _clusters()["cluster-000"]
    cluster.version, cluster.upgrade_policy = version, policy
    collected = collect(shared(aws), TARGET, WINDOW)
    assert [rate.amount for rate in collected.rates()] == ([] if price is None else [Decimal(price)])
    (resource,) = [one for one in collected.resources if one.type == "cluster"]
    said = resource.attributes.get(PRICE_UNKNOWN)
    assert (said is None) if why is None else why in str(said)


def test_a_cluster_that_may_not_be_described_costs_the_others_nothing(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_eks(aws, 2)
    refusal = {"__type": "AccessDeniedException", "message": "not authorized to perform: eks:DescribeCluster on it"}
    refuse_where(monkeypatch, "DescribeCluster", b"cluster-000", refusal)
    collected = collect(shared(aws), TARGET, WINDOW)
    assert collected.error is None
    assert {one.name for one in collected.resources} == {"cluster-000-nodes", "cluster-001", "cluster-001-nodes"}
    assert [rate.resource.name for rate in collected.rates()] == ["cluster-001"]
    assert collected.report.permission == "eks:DescribeCluster"
    assert any(reason.startswith("descriptions of 1 eks cluster: ") for reason in collected.report.partial)


def test_without_the_price_of_extended_support_the_price_is_unknown(aws: LocalAws) -> None:
    seed_eks(aws, 1)
    aws.prices.remove("AmazonEKS", operation="ExtendedSupport")
    collected = collect(shared(aws), TARGET, WINDOW)
    assert (collected.rates(), collected.report.unknown_prices) == ([], 1)


@pytest.mark.parametrize("status", ["CREATING", "DELETING", "FAILED"])
def test_a_cluster_that_is_not_active_has_no_price(aws: LocalAws, status: str) -> None:
    seed_eks(aws, 1)
    _clusters()["cluster-000"].status = status
    assert collect(shared(aws), TARGET, WINDOW).rates() == []


def test_of_a_window_that_is_long_past_no_price_is_said(aws: LocalAws) -> None:
    seed_eks(aws, 1)
    past = Window(WINDOW.start - timedelta(hours=1), WINDOW.end - timedelta(hours=1))
    collected = collect(shared(aws), TARGET, past)
    assert collected.points("node_count")
    assert collected.rates() == []


def test_a_cluster_that_vanishes_between_two_calls_is_no_error(aws: LocalAws) -> None:
    seed_eks(aws, 2)
    collection = Collection(shared(aws), Run.start(Target.parse(TARGET), WINDOW, 1, NOW), batch_limit=2)
    batches = collection.batches()
    found = [next(batches)]
    (first,) = {one.name for one in found[0].resources if one.type == "cluster"}
    del _clusters()[({"cluster-000", "cluster-001"} - {first}).pop()]
    found += batches
    assert collection.report().outcome is Outcome.COMPLETE
    assert {one.name for batch in found for one in batch.resources if one.type == "cluster"} == {first}


def test_the_estimate_is_what_a_second_window_takes(aws: LocalAws) -> None:
    seed_eks(aws, 2)
    process = shared(aws)
    _clusters()["cluster-000"].nodegroups.clear()
    _clusters()["cluster-001"].nodegroups.clear()
    names = [name for name, _ in aws.metrics.metrics(DEFAULT_ACCOUNT, REGION)]
    aws.metrics.drop(DEFAULT_ACCOUNT, REGION, names)
    collect(process, TARGET, WINDOW)
    collected = collect(process, TARGET, WINDOW)
    check_estimate(collected, 2, exactly=True)
