"""SageMaker against the local AWS: variants summed, latencies weighed, and prices of every instance."""

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from moto.sagemaker.models import sagemaker_backends

from agents.core.collection import Collection
from agents.core.pricing.unknown import PRICE_UNKNOWN
from agents.testing.collecting import check_estimate
from emulators.aws import LocalAws
from emulators.aws.seed import EndpointSeed, VariantSeed, seed_sagemaker
from emulators.aws.seed.sagemaker import Minute
from emulators.aws.server import DEFAULT_ACCOUNT
from telemetry.batch import Outcome, Run
from telemetry.target import Target, Window
from tests.support.collecting import Collected, collect
from tests.support.ec2 import NOW, REGION, WINDOW, shared, standing_aws
from tests.support.odd_aws import refuse_where

TARGET = "aws/default/us-east-1/sagemaker"
_PRICES = {"ml.m5.large": "0.1152", "ml.m5.xlarge": "0.2304", "ml.c5.xlarge": "0.204", "ml.g5.xlarge": "1.2072"}


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with standing_aws() as running:
        yield running


def _endpoint(name: str) -> Any:
    return sagemaker_backends[DEFAULT_ACCOUNT][REGION].endpoints[name]


def _minutes(variant: VariantSeed, window: Window) -> list[Minute]:
    first, last = window.start.timestamp(), window.end.timestamp()
    return [minute for minute in variant.minutes if first <= minute.time < last]


def _expected(endpoint: EndpointSeed, window: Window) -> dict[str, float]:
    """By hand from the minutes of the seed: the only value of each metric in a window of five minutes."""
    minutes = [minute for variant in endpoint.variants for minute in _minutes(variant, window)]
    if not minutes:
        return {}
    number = sum(minute.invocations for minute in minutes)
    weighed = sum(minute.invocations * math.fsum(minute.latencies) / len(minute.latencies) for minute in minutes)
    return {
        "invocations": number,
        "4xx_errors": sum(minute.errors_4xx for minute in minutes),
        "5xx_errors": sum(minute.errors_5xx for minute in minutes),
        "model_latency": weighed / number / 1000,
    }


def _found(collected: Collected, name: str) -> dict[str, float]:
    points = [point for point in collected.points() if point.resource.name == name]
    assert len({point.metric for point in points}) == len(points)
    return {point.metric: point.value for point in points}


@pytest.mark.parametrize("number", [1, 4, 130])
def test_every_endpoint_has_the_sums_of_its_variants_in_the_least_calls(aws: LocalAws, number: int) -> None:
    seeded = seed_sagemaker(aws, number, hours_back=1, hours_ahead=0)

    collected = collect(shared(aws, quotas={"sagemaker:*": 1000, "pricing:GetProducts": 1000}), TARGET, WINDOW)

    assert collected.error is None
    assert {one.name for one in collected.resources} == {one.name for one in seeded}
    for endpoint in seeded:
        assert _found(collected, endpoint.name) == pytest.approx(_expected(endpoint, WINDOW))
    queries = sum(4 if len(one.variants) == 1 else 5 * len(one.variants) for one in seeded)
    types = {variant.instance_type for one in seeded for variant in one.variants if variant.instance_type}
    assert (
        aws.calls()
        == collected.calls
        == {
            "sagemaker.ListEndpoints": math.ceil(number / 100),
            "sagemaker.DescribeEndpoint": number,
            "sagemaker.DescribeEndpointConfig": number,
            "cloudwatch.GetMetricData": math.ceil(queries / 500),
            "pricing.GetProducts": len(types),
        }
    )
    costs = {use.api: use.cost_usd for use in collected.report.apis}
    assert costs["cloudwatch:GetMetricData"] == Decimal("0.00001") * queries


def test_latency_leaves_in_milliseconds_and_says_so(aws: LocalAws) -> None:
    seed_sagemaker(aws, 2, hours_back=1, hours_ahead=0)
    points = collect(shared(aws), TARGET, WINDOW).points("model_latency")
    assert len(points) == 2
    for point in points:
        assert (point.unit, point.statistic, point.source_metric) == ("milliseconds", "average", "ModelLatency")
        assert 2 < point.value < 250
    assert {point.statistic for point in collect(shared(aws), TARGET, WINDOW).points("invocations")} == {"sum"}


def test_the_price_is_that_of_all_instances_and_a_serverless_endpoint_has_none(aws: LocalAws) -> None:
    seed_sagemaker(aws, 4, hours_back=1, hours_ahead=0)

    collected = collect(shared(aws), TARGET, WINDOW)

    found = {rate.resource.name: rate.amount for rate in collected.rates("on_demand_list")}
    assert found == {
        "endpoint-000": 2 * Decimal(_PRICES["ml.m5.large"]),
        "endpoint-001": Decimal(_PRICES["ml.g5.xlarge"]) + 3 * Decimal(_PRICES["ml.m5.xlarge"]),
        "endpoint-003": Decimal(_PRICES["ml.c5.xlarge"]),
    }
    assert len(collected.rates()) == 3
    assert collected.report.unknown_prices == 0
    assert {(rate.start, rate.period) for rate in collected.rates()} == {(WINDOW.start, 300)}
    serverless = {one.name: one for one in collected.resources}["endpoint-002"]
    assert (serverless.type, serverless.attributes["serverless"]) == ("serverless", True)
    assert serverless.attributes["variant.variant-0.serverless_memory_mb"] == 2048


def test_an_endpoint_is_described_whole(aws: LocalAws) -> None:
    seed_sagemaker(aws, 2, hours_back=1, hours_ahead=0)
    resource = {one.name: one for one in collect(shared(aws), TARGET, WINDOW).resources}["endpoint-001"]
    assert resource.resource_id == f"arn:aws:sagemaker:us-east-1:{DEFAULT_ACCOUNT}:endpoint/endpoint-001"
    assert (resource.account, resource.region, resource.service) == (DEFAULT_ACCOUNT, REGION, "sagemaker")
    assert resource.type == "ml.g5.xlarge, ml.m5.xlarge"
    expected = {
        "status": "InService",
        "endpoint_config": "endpoint-001-config",
        "serverless": False,
        "variants": 2,
        "instances": 4,
        "variant.variant-0.instance_type": "ml.g5.xlarge",
        "variant.variant-1.instances": 3,
    }
    assert {name: resource.attributes[name] for name in expected} == expected


def test_a_part_without_a_price_leaves_the_whole_without(aws: LocalAws) -> None:
    seed_sagemaker(aws, 2, hours_back=1, hours_ahead=0)
    aws.prices.remove("AmazonSageMaker", instanceName="ml.m5.xlarge")
    collected = collect(shared(aws), TARGET, WINDOW)
    assert [rate.resource.name for rate in collected.rates()] == ["endpoint-000"]
    assert collected.report.unknown_prices == 1


def test_the_price_of_training_is_not_taken_for_that_of_hosting(aws: LocalAws) -> None:
    seed_sagemaker(aws, 1, hours_back=1, hours_ahead=0)
    aws.prices.remove("AmazonSageMaker", component="Hosting")
    collected = collect(shared(aws), TARGET, WINDOW)
    assert (collected.rates(), collected.report.unknown_prices) == ([], 1)


@pytest.mark.parametrize(
    ("changed", "rates"),
    [
        (WINDOW.start, [(WINDOW.start, 300)]),
        (WINDOW.start + timedelta(seconds=90), [(WINDOW.start + timedelta(seconds=90), 210)]),
        (WINDOW.end, []),
    ],
)
def test_the_number_of_instances_is_known_since_the_last_change(
    aws: LocalAws, changed: Any, rates: list[tuple[Any, int]]
) -> None:
    seed_sagemaker(aws, 1, hours_back=1, hours_ahead=0)
    _endpoint("endpoint-000").last_modified_time = changed.replace(tzinfo=None)
    collected = collect(shared(aws), TARGET, WINDOW)
    assert [(rate.start, rate.period) for rate in collected.rates()] == rates
    assert collected.points(), "its metrics are those of the window, whatever happened since"


@pytest.mark.parametrize("status", ["Updating", "Creating", "Failed", "Deleting"])
def test_while_it_changes_its_price_is_not_known(aws: LocalAws, status: str) -> None:
    seed_sagemaker(aws, 1, hours_back=1, hours_ahead=0)
    _endpoint("endpoint-000").endpoint_status = status
    collected = collect(shared(aws), TARGET, WINDOW)
    assert collected.rates() == []
    assert collected.resources[0].attributes["status"] == status


def test_an_endpoint_scaled_to_nothing_costs_nothing(aws: LocalAws) -> None:
    seed_sagemaker(aws, 1, hours_back=1, hours_ahead=0)
    _endpoint("endpoint-000").production_variants[0]["CurrentInstanceCount"] = 0
    (rate,) = collect(shared(aws), TARGET, WINDOW).rates()
    assert rate.amount == 0


def test_scaling_is_seen_though_the_configuration_is_read_once(aws: LocalAws) -> None:
    seed_sagemaker(aws, 1, hours_back=1, hours_ahead=0)
    process = shared(aws)
    assert collect(process, TARGET, WINDOW).rates()[0].amount == 2 * Decimal(_PRICES["ml.m5.large"])
    _endpoint("endpoint-000").production_variants[0]["CurrentInstanceCount"] = 5
    aws.log.reset()
    collected = collect(process, TARGET, WINDOW)
    assert collected.rates()[0].amount == 5 * Decimal(_PRICES["ml.m5.large"])
    assert aws.calls() == {
        "sagemaker.ListEndpoints": 1,
        "sagemaker.DescribeEndpoint": 1,
        "cloudwatch.GetMetricData": 1,
    }


def test_shadow_variants_cost_and_do_not_answer(aws: LocalAws) -> None:
    plain, seeded = seed_sagemaker(aws, 2, hours_back=1, hours_ahead=0)
    endpoint = _endpoint("endpoint-001")
    endpoint.shadow_production_variants = [endpoint.production_variants.pop()]
    collected = collect(shared(aws), TARGET, WINDOW)
    resource = {one.name: one for one in collected.resources}["endpoint-001"]
    assert resource.attributes["variant.variant-1.shadow"] is True
    rates = {rate.resource.name: rate.amount for rate in collected.rates()}
    assert rates["endpoint-001"] == Decimal(_PRICES["ml.g5.xlarge"]) + 3 * Decimal(_PRICES["ml.m5.xlarge"])
    found = _found(collected, "endpoint-001")
    assert found == pytest.approx(_expected(replace(seeded, variants=seeded.variants[:1]), WINDOW))
    assert _found(collected, plain.name) == pytest.approx(_expected(plain, WINDOW))


def test_an_hour_has_a_value_for_every_five_minutes(aws: LocalAws) -> None:
    (seeded,) = seed_sagemaker(aws, 1, hours_back=2, hours_ahead=0)
    hour = Window(WINDOW.end - timedelta(hours=1), WINDOW.end)
    points = collect(shared(aws), TARGET, hour).points("invocations")
    assert len(points) == 12
    total = sum(minute.invocations for minute in _minutes(seeded.variants[0], hour))
    assert sum(point.value for point in points) == total


def test_an_endpoint_that_vanishes_between_two_calls_is_no_error(aws: LocalAws) -> None:
    seed_sagemaker(aws, 2, hours_back=1, hours_ahead=0)
    run = Run.start(Target.parse(TARGET), WINDOW, 1, NOW)
    collection = Collection(shared(aws), run, batch_limit=2)
    batches = collection.batches()
    found = [next(batches)]
    gone = {"endpoint-000", "endpoint-001"} - {one.name for one in found[0].resources}
    del sagemaker_backends[DEFAULT_ACCOUNT][REGION].endpoints[gone.pop()]
    found += batches
    assert collection.report().outcome is Outcome.COMPLETE
    assert len({one.name for batch in found for one in batch.resources}) == 1


def test_a_configuration_that_is_deleted_leaves_the_price_unknown(aws: LocalAws) -> None:
    seed_sagemaker(aws, 1, hours_back=1, hours_ahead=0)
    sagemaker_backends[DEFAULT_ACCOUNT][REGION].endpoint_configs.clear()
    collected = collect(shared(aws), TARGET, WINDOW)
    assert (collected.error, collected.rates(), collected.report.unknown_prices) == (None, [], 1)
    assert collected.points("invocations")


def test_an_endpoint_that_may_not_be_described_costs_the_others_nothing_and_is_named(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_sagemaker(aws, 2, hours_back=1, hours_ahead=0)
    refusal = {"__type": "AccessDeniedException", "message": "not authorized to perform: sagemaker:DescribeEndpoint"}
    refuse_where(monkeypatch, "DescribeEndpoint", b"endpoint-000", refusal)
    collected = collect(shared(aws), TARGET, WINDOW)
    assert collected.error is None
    assert {one.name for one in collected.resources} == {"endpoint-000", "endpoint-001"}, "the listing knows its name"
    assert {one.resource.name for one in collected.rates()} == {"endpoint-001"}
    assert collected.report.permission == "sagemaker:DescribeEndpoint"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"CurrentInstanceCount": None}, "the number of its instances is not told"),
        ({"CapacityReservationConfig": {"MlReservationArn": "arn:x"}}, "it runs on reserved capacity"),
    ],
)
def test_a_variant_of_which_not_all_is_priced_leaves_the_endpoint_without_a_price(
    aws: LocalAws, change: dict[str, Any], why: str
) -> None:
    seed_sagemaker(aws, 1, hours_back=1, hours_ahead=0)
    variant = _endpoint("endpoint-000").production_variants[0]
    for name, value in change.items():
        variant.pop(name, None)
        if value is not None:
            variant[name] = value
    collected = collect(shared(aws), TARGET, WINDOW)
    assert (collected.error, collected.rates()) == (None, [])
    assert collected.resources[0].attributes[PRICE_UNKNOWN] in {why, "not all of its variants could be read"}


def test_an_endpoint_of_which_a_part_is_serverless_has_no_price_of_the_rest(aws: LocalAws) -> None:
    seed_sagemaker(aws, 3, hours_back=1, hours_ahead=0)
    serverless = _endpoint("endpoint-002").production_variants[0]
    _endpoint("endpoint-000").production_variants.append({**serverless, "VariantName": "other"})
    collected = collect(shared(aws), TARGET, WINDOW)
    assert {rate.resource.name for rate in collected.rates()} == {"endpoint-001"}
    (mixed,) = [one for one in collected.resources if one.name == "endpoint-000"]
    assert "serverless" in str(mixed.attributes[PRICE_UNKNOWN])


def test_throttled_at_random_it_completes_and_nothing_comes_twice(aws: LocalAws) -> None:
    seeded = seed_sagemaker(aws, 4, hours_back=1, hours_ahead=0)
    aws.inject("throttle", rate=1 / 3, seed=3, retry_after_ms=20)
    collected = collect(shared(aws), TARGET, WINDOW)
    assert collected.error is None
    assert collected.throttles
    assert collected.calls == aws.calls()
    for endpoint in seeded:
        assert _found(collected, endpoint.name) == pytest.approx(_expected(endpoint, WINDOW))


def test_the_estimate_is_what_a_second_window_takes(aws: LocalAws) -> None:
    seed_sagemaker(aws, 1, hours_back=1, hours_ahead=0)
    process = shared(aws)
    collect(process, TARGET, WINDOW)
    collected = collect(process, TARGET, WINDOW)
    check_estimate(collected, 1, exactly=True)
