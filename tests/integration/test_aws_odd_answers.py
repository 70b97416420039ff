"""Answers with a fault: what is known of each item is kept, its neighbours are whole, and no number is made up."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from agents.core.pricing.unknown import PRICE_UNKNOWN
from emulators.aws import LocalAws
from emulators.aws.seed import seed_eks, seed_lambda, seed_rds, seed_s3, seed_sagemaker
from telemetry.batch import Outcome
from telemetry.errors import CollectionError, Denied, Throttled, Unavailable
from telemetry.records import CostRate, MetricPoint
from telemetry.target import Window, floor_time
from tests.support.collecting import Collected, collect, erased
from tests.support.ec2 import NOW, REGION, WINDOW, add_instance, put_metric, shared, standing_aws
from tests.support.odd_aws import change, first_in, recorded, refuse, some

_VARIANTS = 15
"""Of each answer, in the suite; faults of the same kind in other fields go the same way."""
MIDNIGHT = floor_time(NOW, timedelta(days=1))
DAY = Window(MIDNIGHT - timedelta(days=2), MIDNIGHT - timedelta(days=1))


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with standing_aws() as running:
        yield running


def _by_name(collected: Collected) -> dict[str, Any]:
    return {one.resource_id.rpartition("/")[2].rpartition(":")[2]: one for one in collected.resources}


def test_an_instance_of_which_little_is_told_costs_the_region_nothing(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_metric(aws, {"InstanceId": "i-good"}, "NetworkIn", [(WINDOW.start, 1000.0)])
    change(monkeypatch, {"DescribeInstances": recorded("instances.xml")})

    collected = collect(shared(aws), "aws/default/us-east-1/ec2", WINDOW)

    assert (collected.error, collected.report.outcome) == (None, Outcome.COMPLETE)
    found = _by_name(collected)
    assert set(found) == {"i-bare", "i-odd", "i-good"}
    assert (found["i-bare"].type, found["i-bare"].attributes["state"]) == ("", "running")
    assert found["i-good"].type == "m5.large"
    assert [(rate.resource.name or rate.resource.resource_id[-6:]) for rate in collected.rates()] == ["i-good"]
    assert [point.value for point in collected.points("network_in")] == [1000.0], "though it is on two pages"
    partial = "\n".join(collected.report.partial)
    for says in (
        "everything of 1 ec2 instance: without InstanceId",
        "InstanceType of 1 ec2 instance: not told, or not readable",
        "a part of the listing of 1 ec2 instance: an answer has no list Instances",
    ):
        assert says in partial
    (asked,) = [use.cost_usd for use in collected.report.apis if use.api == "cloudwatch:GetMetricData"]
    assert asked is not None
    assert asked * 100_000 == 12, "four metrics of three instances, the one on two pages once"


def test_databases_say_why_they_have_no_price_and_are_measured_under_their_own_names(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, namespace in (("documents", "AWS/DocDB"), ("graph", "AWS/Neptune"), ("new-postgres", "AWS/RDS")):
        put_metric(aws, {"DBInstanceIdentifier": name}, "CPUUtilization", [(WINDOW.start, 7.0)], namespace)
    change(monkeypatch, {"DescribeDBInstances": recorded("databases.xml")})

    collected = collect(shared(aws), "aws/default/us-east-1/rds", WINDOW)

    assert collected.error is None
    assert [rate.resource.name for rate in collected.rates()] == ["new-postgres"]
    why = {one.name: one.attributes.get(PRICE_UNKNOWN) for one in collected.resources}
    assert why == {
        "old-mysql": "mysql 5.7 is past its standard support, which is billed by the vCPU",
        "old-postgres": "postgres 11 is past its standard support, which is billed by the vCPU",
        "new-postgres": None,
        "insights": "its insights are billed by the vCPU",
        "half-a-year": "its insights are billed by the vCPU",
        "outpost": "it is on an Outpost",
        "documents": "no one price is known of the engine docdb",
        "graph": "no one price is known of the engine neptune",
        "tomorrow": "no one price is known of the engine something-new",
        "bare": None,
    }
    assert {point.resource.name for point in collected.points("cpu_utilization")} == {
        "documents",
        "graph",
        "new-postgres",
    }
    (paid,) = [use.cost_usd for use in collected.report.apis if use.api == "cloudwatch:GetMetricData"]
    assert paid is not None
    assert paid * 100_000 == 4 * 6 + 3 + 2, "what nobody publishes is not asked for"
    partial = "\n".join(collected.report.partial)
    assert "everything of 1 rds instance: without DBInstanceArn" in partial
    assert "where CloudWatch keeps those of the engine something-new is not known" in partial


def _always(answer: bytes) -> Callable[[bytes], bytes]:
    return lambda _: answer


@pytest.mark.parametrize("service", ["ec2", "rds", "lambda", "eks", "sagemaker", "s3"])
def test_an_answer_that_is_no_listing_is_tried_again_and_no_account_is_empty_by_it(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    described = ("DescribeInstances", "DescribeDBInstances")
    listed = ("ListClusters", "ListEndpoints", "ListFunctions", "ListBuckets")
    process = shared(aws)
    for junk in (b"<html>sign in</html>", b"{}", b"[]", b"\xff\xfe", b"7", b"null"):
        change(monkeypatch, dict.fromkeys((*described, *listed), _always(junk)))
        collected = collect(process, f"aws/default/us-east-1/{service}", DAY if service == "s3" else WINDOW)
        assert isinstance(collected.error, CollectionError), junk
        assert collected.error.transient, (junk, repr(collected.error))


def _add_two(aws: LocalAws) -> None:
    for number in (1, 2):
        one = add_instance(aws, number, tags={"Name": f"host-{number}"})
        for name in ("CPUUtilization", "NetworkIn"):
            put_metric(aws, {"InstanceId": one.instance_id}, name, [(WINDOW.start, 5.0)])


def _spot(aws: LocalAws) -> None:
    add_instance(aws, 1, lifecycle="spot")
    add_instance(aws, 2, lifecycle="spot", instance_type="c5.xlarge")


def _endpoints(aws: LocalAws) -> None:
    seed_sagemaker(aws, 2, hours_back=1, hours_ahead=0)


def _only(marker: bytes, spoilt: bytes) -> Callable[[bytes], bytes]:
    """The spoilt answer in place of the one that names ``marker``, and every other as it is."""
    return lambda answer: spoilt if marker in answer else answer


# Service, action, where its items are, what of an answer tells whose it is, how it is seeded.
_ANSWERS: list[tuple[str, str, str, bytes, Callable[[LocalAws], Any]]] = [
    ("ec2", "DescribeInstances", "instancesSet", b"", _add_two),
    ("ec2", "GetMetricData", "MetricDataResults", b"", _add_two),
    ("ec2", "DescribeSpotPriceHistory", "spotPriceHistorySet", b"", _spot),
    ("rds", "DescribeDBInstances", "DBInstances", b"", lambda aws: seed_rds(aws, 2)),
    ("rds", "GetMetricData", "MetricDataResults", b"", lambda aws: seed_rds(aws, 2)),
    ("lambda", "ListFunctions", "Functions", b"", lambda aws: seed_lambda(aws, 3)),
    ("eks", "DescribeCluster", "cluster", b'"cluster-000"', lambda aws: seed_eks(aws, 2)),
    ("eks", "DescribeNodegroup", "nodegroup", b"cluster-000-nodes", lambda aws: seed_eks(aws, 2)),
    ("eks", "ListMetrics", "Metrics", b"", lambda aws: seed_eks(aws, 2)),
    ("sagemaker", "ListEndpoints", "Endpoints", b"", _endpoints),
    (
        "sagemaker",
        "DescribeEndpoint",
        "ProductionVariants",
        b'"endpoint-000"',
        _endpoints,
    ),
    (
        "sagemaker",
        "GetMetricData",
        "MetricDataResults",
        b"",
        _endpoints,
    ),
    ("s3", "ListBuckets", "Buckets", b"", lambda aws: seed_s3(aws, 2, [REGION], days=5)),
    ("s3", "ListMetrics", "Metrics", b"", lambda aws: seed_s3(aws, 2, [REGION], days=5)),
    ("s3", "GetMetricData", "MetricDataResults", b"", lambda aws: seed_s3(aws, 2, [REGION], days=5)),
]


_SHARED = {"DescribeSpotPriceHistory", "ListMetrics"}


def _figures(collected: Collected) -> set[tuple[Any, ...]]:
    """Every number, with what it is of."""
    found: list[tuple[Any, ...]] = []
    for record in collected.records:
        if isinstance(record, MetricPoint):
            found.append((record.resource.resource_id, record.metric, record.statistic, record.start, record.value))
        elif isinstance(record, CostRate):
            found.append(
                (record.resource.resource_id, "rate", record.basis, record.start, record.period, record.amount)
            )
    assert len(found) == len(set(found)), "nothing comes twice"
    return set(found)


@pytest.mark.parametrize(
    ("service", "action", "items", "marker", "seed"),
    _ANSWERS,
    ids=[f"{service}-{action}-{items}" for service, action, items, *_ in _ANSWERS],
)
def test_a_fault_in_one_field_makes_no_number_up_and_loses_no_neighbour(
    aws: LocalAws,
    monkeypatch: pytest.MonkeyPatch,
    *,
    service: str,
    action: str,
    items: str,
    marker: bytes,
    seed: Callable[[LocalAws], Any],
) -> None:
    seed(aws)
    answers: list[bytes] = []

    def keep(answer: bytes) -> bytes:
        if marker in answer:
            answers.append(answer)
        return answer

    window = DAY if service == "s3" else WINDOW
    process = shared(aws, quotas={"*": 1000})
    change(monkeypatch, {action: keep})
    whole = collect(process, f"aws/default/us-east-1/{service}", window)
    assert whole.error is None
    names = {one.resource_id for one in whole.resources}
    spoilt = some(first_in(items)(answers[0]), _VARIANTS)
    assert len(spoilt) > 5

    for what, answer in spoilt:
        change(monkeypatch, {action: _only(marker, answer)})
        collected = collect(process, f"aws/default/us-east-1/{service}", window)
        assert collected.error is None, (what, collected.error)
        lost = names - {one.resource_id for one in collected.resources}
        assert len(lost) <= 1, (what, lost)
        # What is gone, or empty, may be not there; what cannot be read is not gone.
        assert what.endswith((" gone", " empty", "is None")) or not erased(whole, collected), what
        assert _figures(collected) <= _figures(whole), (what, _figures(collected) - _figures(whole))
        poorer = {figure[0] for figure in _figures(whole) - _figures(collected)}
        # What is of several may be missing of several: the price of a kind, a storage class of an unnamed bucket.
        assert len(poorer) <= 1 or action in _SHARED, (what, poorer)


@pytest.mark.parametrize("answer", [b'{"clusters": [null]}', b'{"clusters": [7]}', b'{"clusters": null}'])
def test_where_nothing_can_be_read_nothing_is_empty(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    change(monkeypatch, {"ListClusters": lambda _: answer})
    assert collect(shared(aws), "aws/default/us-east-1/eks", WINDOW).error is not None


@pytest.mark.parametrize("junk", ["", "{", "[]", "7", "null", '{"terms": 7}', '{"terms": {"OnDemand": {"x": {}}}}'])
def test_one_document_of_the_price_list_that_cannot_be_read_leaves_its_price_unknown(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch, junk: str
) -> None:
    add_instance(aws, 1)
    add_instance(aws, 2, instance_type="c5.xlarge")

    def spoil(answer: bytes) -> bytes:
        found = json.loads(answer)
        if "m5.large" in found["PriceList"][0]:
            found["PriceList"].append(junk)
        return json.dumps(found).encode()

    change(monkeypatch, {"GetProducts": spoil})
    collected = collect(shared(aws), "aws/default/us-east-1/ec2", WINDOW)
    assert collected.error is None
    assert [rate.resource.type for rate in collected.rates()] == ["c5.xlarge"]
    assert {one.type: PRICE_UNKNOWN in one.attributes for one in collected.resources} == {
        "m5.large": True,
        "c5.xlarge": False,
    }


@pytest.mark.parametrize("answer", [b"{}", b'{"PriceList": 7}', b"[]", b"<html/>"])
def test_a_price_list_that_is_none_is_a_part_by_itself(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    _add_two(aws)
    change(monkeypatch, {"GetProducts": lambda _: answer})
    collected = collect(shared(aws), "aws/default/us-east-1/ec2", WINDOW)
    assert (collected.error, collected.rates(), len(collected.points())) == (None, [], 4)
    assert any(reason.startswith("prices of 2 ec2 instances") for reason in collected.report.partial)
    assert collected.calls["pricing.GetProducts"] == 1, "once it is refused it is not asked any more"


@pytest.mark.parametrize(
    ("status", "kind"), [(429, Throttled), (403, Denied), (408, Unavailable), (500, Unavailable), (503, Unavailable)]
)
def test_a_refusal_in_another_form_than_awss_is_understood_by_its_status(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch, status: int, kind: type[CollectionError]
) -> None:
    process = shared(aws)
    for service, body in product(("ec2", "rds", "lambda"), (b"<html>slow down</html>", b"", b"[]", b"\xff")):
        refuse(monkeypatch, status, body, {"Content-Type": "text/html", "Retry-After": "0.01"})
        collected = collect(process, f"aws/default/us-east-1/{service}", WINDOW)
        assert type(collected.error) is kind, (service, body, repr(collected.error))
        if isinstance(collected.error, Throttled):
            assert collected.error.retry_after == 0.01
