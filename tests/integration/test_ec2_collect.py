"""EC2 against the local AWS: the least calls, and the numbers that were seeded."""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from agents.core.pricing.unknown import PRICE_UNKNOWN
from agents.core.service import find
from emulators.aws import LocalAws
from emulators.aws.cloudwatch.store import MetricName, dimensions
from emulators.aws.ec2 import Instance
from emulators.aws.pricing import Product, Tier
from emulators.aws.seed import seed_ec2
from emulators.aws.server import DEFAULT_ACCOUNT
from telemetry.batch import Outcome
from telemetry.errors import CollectionFailed
from telemetry.target import Window
from tests.support.collecting import Collected, collect
from tests.support.ec2 import NOW, REGION, TARGET, WINDOW, add_instance, put_metric, shared, standing_aws

_SOURCES = {
    "cpu_utilization": ("AWS/EC2", "CPUUtilization"),
    "network_in": ("AWS/EC2", "NetworkIn"),
    "network_out": ("AWS/EC2", "NetworkOut"),
    "memory_utilization": ("CWAgent", "mem_used_percent"),
}


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with standing_aws() as running:
        yield running


def _seeded(aws: LocalAws, instances: list[Instance]) -> dict[tuple[str, str, float], float]:
    """(instance, metric, time) -> value, read from the store itself."""
    first, last = WINDOW.start.timestamp(), WINDOW.end.timestamp()
    seeded: dict[tuple[str, str, float], float] = {}
    for one in instances:
        for ours, (namespace, name) in _SOURCES.items():
            metric = MetricName(namespace, name, dimensions({"InstanceId": one.instance_id}))
            for series in aws.metrics.series(DEFAULT_ACCOUNT, REGION, metric):
                for time, value in zip(series.times, series.values, strict=True):
                    if first <= time < last:
                        seeded[one.instance_id, ours, time] = value
    return seeded


def _found(collected: Collected) -> dict[tuple[str, str, float], float]:
    points = [
        (str(point.resource.attributes["instance_id"]), point.metric, point.start.timestamp(), point.value)
        for point in collected.points()
    ]
    found = {(instance, metric, time): value for instance, metric, time, value in points}
    assert len(found) == len(points), "a value came twice"
    return found


def _kinds(instances: list[Instance]) -> int:
    """How many prices there are to look up: of what runs, and is not spot."""
    return len(
        {(i.instance_type, i.platform, i.tenancy) for i in instances if i.state == "running" and not i.lifecycle}
    )


@pytest.mark.parametrize("number", [1, 100, 1000, 1001])
def test_the_least_calls_bring_exactly_what_was_seeded(aws: LocalAws, number: int) -> None:
    instances = seed_ec2(aws, number, [REGION], hours_back=1, hours_ahead=0).instances[REGION]

    collected = collect(shared(aws), TARGET, WINDOW)

    running = sum(one.state == "running" for one in instances)
    least = {
        "ec2.DescribeInstances": math.ceil(number / 1000),
        "cloudwatch.GetMetricData": math.ceil(running * 4 / 500),
        "ec2.DescribeSpotPriceHistory": int(any(one.lifecycle == "spot" for one in instances)),
        "pricing.GetProducts": _kinds(instances),
    }
    assert collected.error is None
    assert collected.report.outcome is Outcome.COMPLETE
    assert aws.calls() == collected.calls == {api: calls for api, calls in least.items() if calls}
    assert _found(collected) == _seeded(aws, instances)
    assert {one.attributes["instance_id"] for one in collected.resources} == {one.instance_id for one in instances}
    costs = {use.api: use.cost_usd for use in collected.report.apis}
    assert costs["cloudwatch:GetMetricData"] == Decimal("0.00001") * running * 4


def test_a_second_window_looks_up_no_price_again(aws: LocalAws) -> None:
    seed_ec2(aws, 60, [REGION], hours_back=1, hours_ahead=0)
    process = shared(aws)
    first = collect(process, TARGET, Window(WINDOW.start - timedelta(minutes=5), WINDOW.start))
    assert "pricing.GetProducts" in first.calls

    second = collect(process, TARGET, WINDOW)

    assert second.calls == {
        "ec2.DescribeInstances": 1,
        "ec2.DescribeSpotPriceHistory": 1,
        "cloudwatch.GetMetricData": first.calls["cloudwatch.GetMetricData"],
    }
    listed = [Counter(rate.amount for rate in one.rates("on_demand_list")) for one in (first, second)]
    assert listed[0] == listed[1]


def test_an_instance_is_described_whole(aws: LocalAws) -> None:
    add_instance(aws, tags={"Name": "web-1", "team": "search"}, lifecycle="spot", platform="Windows")

    (resource,) = collect(shared(aws), TARGET, WINDOW).resources

    assert resource.resource_id == f"arn:aws:ec2:us-east-1:{DEFAULT_ACCOUNT}:instance/i-00000000000000001"
    assert (resource.provider, resource.account, resource.region) == ("aws", DEFAULT_ACCOUNT, "us-east-1")
    assert (resource.service, resource.type, resource.name) == ("ec2", "m5.large", "web-1")
    assert resource.tags == {"Name": "web-1", "team": "search"}
    expected = {
        "instance_id": "i-00000000000000001",
        "state": "running",
        "lifecycle": "spot",
        "platform": "Windows",
        "tenancy": "default",
        "availability_zone": "us-east-1a",
        "launch_time": "2026-11-24T10:00:30Z",
    }
    assert {name: resource.attributes[name] for name in expected} == expected


def test_prices_are_those_of_the_list_and_what_is_not_on_it_is_unknown(aws: LocalAws) -> None:
    add_instance(aws, 1)
    add_instance(aws, 2, platform="Windows")
    add_instance(aws, 3, platform="Red Hat Enterprise Linux")
    add_instance(aws, 4, platform="Windows with SQL Server Standard")
    add_instance(aws, 5, tenancy="dedicated")
    add_instance(aws, 6, state="stopped", stopped_at=NOW - timedelta(hours=1))
    add_instance(aws, 7, lifecycle="capacity-block")
    add_instance(aws, 8, instance_type="c7g.large")
    add_instance(aws, 9, instance_type="c7g.large")
    add_instance(aws, 10, tenancy="host")

    collected = collect(shared(aws), TARGET, WINDOW)

    found = {int(rate.resource.resource_id[-17:], 16): rate for rate in collected.rates()}
    assert {number: rate.amount for number, rate in found.items()} == {
        1: Decimal("0.096"),
        2: Decimal("0.188"),
        3: Decimal("0.1536"),
        4: Decimal("0.428"),
        5: Decimal("0.10176"),
        6: Decimal(0),
    }
    assert {rate.basis for number, rate in found.items() if number != 6} == {"on_demand_list"}
    assert found[6].basis == "stopped"
    assert {rate.currency for rate in found.values()} == {"USD"}
    assert collected.report.unknown_prices == 2, "c7g.large once, though there are two, and the one on a dedicated host"


def _listed(aws: LocalAws) -> Product:
    wanted = {"instanceType": "m5.large", "regionCode": REGION, "operatingSystem": "Linux", "tenancy": "Shared"}
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted.items()]
    (product,) = [one for one in aws.prices.find("AmazonEC2", filters) if one.attributes["capacitystatus"] == "Used"]
    return product


def _nothing(aws: LocalAws) -> None:
    aws.prices.add([replace(_listed(aws), tiers=(Tier(Decimal(0)),))])


def _two_tiers(aws: LocalAws) -> None:
    aws.prices.add([replace(_listed(aws), tiers=(Tier(Decimal("0.1"), "0", "10"), Tier(Decimal("0.09"), "10")))])


def _another_that_differs(aws: LocalAws) -> None:
    listed = _listed(aws)
    aws.prices.add([replace(listed, attributes={**listed.attributes, "storage": "1 x 75"}, tiers=(Tier(Decimal(1)),))])


def _no_more(aws: LocalAws) -> None:
    aws.prices.remove("AmazonEC2", instanceType="m5.large")


@pytest.mark.parametrize("change", [_nothing, _two_tiers, _another_that_differs, _no_more])
def test_a_price_that_is_not_plain_is_unknown(aws: LocalAws, change: Callable[[LocalAws], None]) -> None:
    add_instance(aws)
    change(aws)
    process = shared(aws)

    collected = collect(process, TARGET, WINDOW)

    assert (collected.error, collected.rates(), collected.report.unknown_prices) == (None, [], 1)
    assert collect(process, TARGET, WINDOW).report.unknown_prices == 1, "the next run says it again"
    assert aws.calls()["pricing.GetProducts"] == 1, "and asks nobody"


def test_memory_that_no_agent_publishes_is_missing(aws: LocalAws) -> None:
    for number in (1, 2):
        one = add_instance(aws, number)
        put_metric(aws, {"InstanceId": one.instance_id}, "CPUUtilization", [(WINDOW.start, 12.5)])
    put_metric(aws, {"InstanceId": f"i-{2:017x}"}, "mem_used_percent", [(WINDOW.start, 41.0)], "CWAgent")

    collected = collect(shared(aws), TARGET, WINDOW)

    assert [point.value for point in collected.points("cpu_utilization")] == [12.5, 12.5]
    (memory,) = collected.points("memory_utilization")
    assert (memory.value, memory.unit, memory.statistic, memory.source_metric) == (
        41.0,
        "percent",
        "average",
        "mem_used_percent",
    )
    assert memory.resource.attributes["instance_id"] == f"i-{2:017x}"


def test_memory_is_found_under_the_dimensions_that_the_agent_was_given(aws: LocalAws) -> None:
    one = add_instance(aws, tags={"aws:autoscaling:groupName": "web"})
    other = add_instance(aws, 2)
    pairs = {"InstanceId": one.instance_id, "ImageId": one.image_id, "AutoScalingGroupName": "web"}
    put_metric(aws, pairs, "mem_used_percent", [(WINDOW.start, 77.0)], "CWAgent")

    collected = collect(
        shared(aws, memory_dimensions=("InstanceId", "ImageId", "AutoScalingGroupName")), TARGET, WINDOW
    )

    assert [point.value for point in collected.points("memory_utilization")] == [77.0]
    assert collected.report.apis[0].cost_usd == Decimal("0.00007"), f"{other} is in no group: nothing to ask for"


def test_a_dimension_that_nobody_knows_is_named(aws: LocalAws) -> None:
    collected = collect(shared(aws, memory_dimensions=("Hostname",)), TARGET, WINDOW)
    assert isinstance(collected.error, CollectionFailed)
    assert "aws.memory_dimensions: 'Hostname'" in collected.report.error


def test_what_cannot_have_data_is_not_asked_for(aws: LocalAws) -> None:
    add_instance(aws, 1, state="stopped", stopped_at=WINDOW.start)
    add_instance(aws, 2, state="terminated", stopped_at=WINDOW.start - timedelta(minutes=30))
    assert "cloudwatch.GetMetricData" not in collect(shared(aws), TARGET, WINDOW).calls

    one = add_instance(aws, 3, state="stopped", stopped_at=WINDOW.start + timedelta(seconds=90))
    put_metric(aws, {"InstanceId": one.instance_id}, "CPUUtilization", [(WINDOW.start, 5.0)])
    collected = collect(shared(aws), TARGET, WINDOW)

    assert collected.calls["cloudwatch.GetMetricData"] == 1
    rates = {
        (rate.basis, rate.start, rate.period) for rate in collected.rates() if rate.resource.resource_id.endswith("3")
    }
    stopped = WINDOW.start + timedelta(seconds=90)
    assert rates == {("on_demand_list", WINDOW.start, 90), ("stopped", stopped, 210)}


def test_an_hour_has_twelve_values_of_a_metric_in_one_call(aws: LocalAws) -> None:
    seed_ec2(aws, 20, [REGION], hours_back=2, hours_ahead=0)
    hour = Window(WINDOW.end - timedelta(hours=1), WINDOW.end)

    collected = collect(shared(aws), TARGET, hour)

    assert collected.calls["cloudwatch.GetMetricData"] == 1
    by_instance = Counter(point.resource.resource_id for point in collected.points("network_in"))
    assert set(by_instance.values()) == {12}
    assert {point.period for point in collected.points()} == {300}


def test_more_values_than_a_call_holds_are_read_page_by_page(aws: LocalAws) -> None:
    seeded = seed_ec2(aws, 120, [REGION], hours_back=25, hours_ahead=0)
    day = Window(WINDOW.end - timedelta(hours=24), WINDOW.end)

    collected = collect(shared(aws), TARGET, day)

    expected = seeded.expected_points(day.start.timestamp(), day.end.timestamp(), now=NOW.timestamp())
    assert expected > 100_000 / 2
    assert len(collected.points()) == len(_found(collected)) == expected


def test_a_window_of_other_minutes_has_each_value_once_and_says_how_long_it_speaks_of(aws: LocalAws) -> None:
    one = add_instance(aws)
    grid = [WINDOW.start + timedelta(minutes=minutes) for minutes in (0, 5, 10)]
    put_metric(aws, {"InstanceId": one.instance_id}, "NetworkIn", [(time, 1000.0) for time in grid])
    odd = Window(WINDOW.start + timedelta(minutes=1), WINDOW.start + timedelta(minutes=8))

    (point,) = collect(shared(aws), TARGET, odd).points("network_in")

    assert (point.start, point.period, point.value) == (grid[1], 300, 1000.0)


@pytest.mark.parametrize(
    ("window", "said"),
    [
        (Window(WINDOW.start, NOW + timedelta(minutes=1)), "not over yet"),
        (Window(WINDOW.start, WINDOW.end - timedelta(seconds=30)), "whole minutes"),
    ],
)
def test_a_window_that_cloudwatch_cannot_answer_is_refused_before_any_call(
    aws: LocalAws, window: Window, said: str
) -> None:
    collected = collect(shared(aws), TARGET, window)
    assert isinstance(collected.error, CollectionFailed)
    assert said in str(collected.error)
    assert aws.calls() == {}


def test_the_estimate_is_what_a_collection_takes(aws: LocalAws) -> None:
    for number in range(1, 130):
        add_instance(aws, number)
    collected = collect(shared(aws), TARGET, WINDOW)

    estimate = find("aws", "ec2").estimate(WINDOW, 129)

    took = {api.replace(".", ":"): calls for api, calls in collected.calls.items() if api != "pricing.GetProducts"}
    assert dict(estimate.calls) == took == {"ec2:DescribeInstances": 1, "cloudwatch:GetMetricData": 2}
    assert estimate.cost_usd == sum(use.cost_usd or 0 for use in collected.report.apis)


def test_a_stopped_one_without_a_time_is_asked_about_until_it_was_seen_so_before_the_window(aws: LocalAws) -> None:
    add_instance(aws, state="stopped", stopped_at=None, launch_time=NOW - timedelta(days=30))
    clock = [WINDOW.start]
    process = replace(shared(aws), now=lambda: clock[0])
    before = Window(WINDOW.start - timedelta(minutes=10), WINDOW.start - timedelta(minutes=5))

    first = collect(process, TARGET, before)
    clock[0] = NOW
    second = collect(process, TARGET, WINDOW)

    assert first.rates() == [], "it may have run until a moment ago"
    assert first.calls["cloudwatch.GetMetricData"] == 1
    assert [(rate.basis, rate.amount, rate.start, rate.period) for rate in second.rates()] == [
        ("stopped", Decimal(0), WINDOW.start, 300)
    ]
    assert (second.calls, second.report.partial) == ({"ec2.DescribeInstances": 1}, ())


def test_one_that_ran_between_two_looks_was_not_stopped_throughout(aws: LocalAws) -> None:
    instance = add_instance(aws, state="stopped", stopped_at=None, launch_time=NOW - timedelta(days=30))
    clock = [WINDOW.start]
    process = replace(shared(aws), now=lambda: clock[0])
    collect(process, TARGET, Window(WINDOW.start - timedelta(minutes=10), WINDOW.start - timedelta(minutes=5)))
    instance.launch_time = WINDOW.start + timedelta(minutes=1)
    clock[0] = NOW
    collected = collect(process, TARGET, WINDOW)
    assert collected.rates() == []
    assert collected.calls["cloudwatch.GetMetricData"] == 1


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"tenancy": "host"}, "no price is known of the tenancy host"),
        ({"lifecycle": "capacity-block"}, "no price is known of the lifecycle capacity-block"),
        ({"instance_type": "c7g.large"}, "the price list has no single price for it"),
        ({"zone": "us-east-1-wl1-bos-wlz-1"}, "the price list has no single price for it"),
        ({"lifecycle": "spot", "tenancy": "host"}, "no price is known of the tenancy host"),
        ({}, None),
        ({"state": "stopped", "stopped_at": NOW - timedelta(hours=1), "tenancy": "host"}, None),
    ],
)
def test_an_instance_without_a_price_says_why(aws: LocalAws, fields: dict[str, Any], why: str | None) -> None:
    add_instance(aws, **fields)
    collected = collect(shared(aws), TARGET, WINDOW)
    assert collected.resources[0].attributes.get(PRICE_UNKNOWN) == why
    assert bool(collected.rates()) == (why is None)
