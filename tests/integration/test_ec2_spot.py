"""Spot instances against the local AWS: the price in force, change by change, in one call for all kinds."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from agents.aws.services import ec2
from emulators.aws import LocalAws
from emulators.aws.ec2.spot import spot_price
from telemetry.target import Window
from tests.support.collecting import Collected, check_refusal, collect
from tests.support.ec2 import NOW, REGION, TARGET, WINDOW, add_instance, shared, standing_aws


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with standing_aws() as running:
        yield running


def _covered(collected: Collected, window: Window) -> None:
    """The rates of the only instance fill the window without a gap, and no two that follow are the same."""
    rates = sorted(collected.rates(), key=lambda rate: rate.start)
    moment = window.start
    for rate in rates:
        assert rate.start == moment
        moment += timedelta(seconds=rate.period)
    assert moment == window.end
    assert {rate.basis for rate in rates} == {"spot"}


def test_every_second_of_a_window_has_the_price_in_force(aws: LocalAws) -> None:
    add_instance(aws, lifecycle="spot", launch_time=NOW - timedelta(days=3))
    window = Window(WINDOW.end - timedelta(hours=24), WINDOW.end)

    collected = collect(shared(aws), TARGET, window)

    _covered(collected, window)
    assert len(collected.rates()) == 5, "the price changes every six hours"
    for rate in collected.rates():
        for moment in (rate.start, rate.start + timedelta(seconds=rate.period - 1)):
            assert rate.amount == spot_price("m5.large", "Linux/UNIX", f"{REGION}a", moment.timestamp())
    assert collected.report.unknown_prices == 0


def test_all_kinds_of_a_page_are_asked_for_at_once_and_each_has_its_own_price(aws: LocalAws) -> None:
    kinds = [
        (kind, platform, zone)
        for kind in ("m5.large", "c5.xlarge", "g5.xlarge")
        for platform in ("Linux/UNIX", "Windows")
        for zone in "abc"
    ]
    for number, (kind, platform, zone) in enumerate(kinds, 1):
        add_instance(aws, number, lifecycle="spot", instance_type=kind, platform=platform, zone=f"{REGION}{zone}")

    collected = collect(shared(aws), TARGET, WINDOW)

    assert (
        aws.calls()
        == collected.calls
        == {
            "ec2.DescribeInstances": 1,
            "ec2.DescribeSpotPriceHistory": 1,
            "cloudwatch.GetMetricData": 1,
        }
    )
    found = {int(rate.resource.resource_id[-17:], 16): rate for rate in collected.rates()}
    for number, (kind, platform, zone) in enumerate(kinds, 1):
        at = found[number].start.timestamp()
        assert found[number].amount == spot_price(kind, platform, f"{REGION}{zone}", at)


@pytest.mark.parametrize(("held", "calls"), [(5_000, 1), (2, 3)])
def test_kinds_of_several_pages_are_asked_for_at_once_and_no_more_are_held_than_may_be(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch, held: int, calls: int
) -> None:
    monkeypatch.setattr(ec2, "_PAGE", 5)
    monkeypatch.setattr(ec2, "_WAITING", held)
    kinds = ("m5.large", "c5.xlarge", "g5.xlarge", "m5.xlarge", "c5.large", "m5.large")
    for number, kind in enumerate(kinds, 1):
        add_instance(aws, number, lifecycle="spot", instance_type=kind)

    collected = collect(shared(aws), TARGET, WINDOW)

    assert collected.calls["ec2.DescribeInstances"] == 2
    assert collected.calls["ec2.DescribeSpotPriceHistory"] == calls
    assert [(rate.resource.resource_id[-1:], rate.amount) for rate in collected.rates("spot")] == [
        (str(number), spot_price(kind, "Linux/UNIX", f"{REGION}a", WINDOW.start.timestamp()))
        for number, kind in enumerate(kinds, 1)
    ]


def test_pages_of_changes_are_all_read(aws: LocalAws) -> None:
    for number, zone in enumerate("abc", 1):
        add_instance(aws, number, lifecycle="spot", zone=f"{REGION}{zone}", launch_time=NOW - timedelta(days=60))
    month = Window(WINDOW.end - timedelta(days=31), WINDOW.end)
    add_instance(aws, 9, lifecycle="spot", instance_type="c5.xlarge", platform="Windows", launch_time=month.start)

    collected = collect(shared(aws), TARGET, Window(month.start, month.end))

    assert collected.calls["ec2.DescribeSpotPriceHistory"] > 1
    seconds: dict[str, int] = {}
    for rate in collected.rates("spot"):
        seconds[rate.resource.resource_id] = seconds.get(rate.resource.resource_id, 0) + rate.period
    assert set(seconds.values()) == {31 * 86_400}


def test_one_that_was_launched_in_the_window_costs_from_then_on(aws: LocalAws) -> None:
    launched = WINDOW.start + timedelta(seconds=100)
    add_instance(aws, lifecycle="spot", launch_time=launched)
    rates = collect(shared(aws), TARGET, WINDOW).rates()
    assert (rates[0].start, sum(rate.period for rate in rates)) == (launched, 200)


@pytest.mark.parametrize("fields", [{"instance_type": "c7g.large"}, {"platform": "Windows with SQL Server Standard"}])
def test_a_spot_price_that_is_not_published_is_unknown(aws: LocalAws, fields: dict[str, str]) -> None:
    for number in (1, 2):
        add_instance(aws, number, lifecycle="spot", **fields)
    collected = collect(shared(aws), TARGET, WINDOW)
    assert (collected.error, collected.rates(), collected.report.unknown_prices) == (None, [], 1)


def test_one_that_does_not_run_is_not_asked_about(aws: LocalAws) -> None:
    stopped: datetime = WINDOW.start - timedelta(hours=1)
    add_instance(aws, lifecycle="spot", state="stopped", stopped_at=stopped)
    (rate,) = collect(shared(aws), TARGET, WINDOW).rates()
    assert (rate.basis, rate.amount) == ("stopped", Decimal(0))
    assert "ec2.DescribeSpotPriceHistory" not in aws.calls()


def test_the_missing_permission_is_named(aws: LocalAws) -> None:
    add_instance(aws, lifecycle="spot")
    aws.inject("deny", service="ec2", action="DescribeSpotPriceHistory")
    collected = collect(shared(aws), TARGET, WINDOW)
    check_refusal(collected, "ec2:DescribeSpotPriceHistory", listing="ec2:DescribeInstances")
    assert collected.rates() == []
