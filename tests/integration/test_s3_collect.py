"""S3 against the local AWS: every class of every bucket, and a month's price of what it stores."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from moto.s3.models import s3_backends

from agents.aws.services.s3 import BASIS, month_hours
from agents.testing.collecting import check_estimate
from emulators.aws import LocalAws
from emulators.aws.pricing import Tier
from emulators.aws.seed import BucketSeed, seed_s3
from emulators.aws.server import DEFAULT_ACCOUNT
from telemetry.errors import CollectionFailed, Unavailable
from telemetry.target import Window
from tests.support.collecting import Collected, collect
from tests.support.ec2 import REGION, put_metric, shared, standing_aws

TARGET = "aws/default/us-east-1/s3"
MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
"""Of the newest figures of the seed."""
# The clock of these tests stands at noon, so the day before is the last that is over.
DAY = Window(MIDNIGHT - timedelta(days=1), MIDNIGHT)
NOVEMBER = 720
GB = 2**30
_FLAT = {
    "StandardIAStorage": "0.0125",
    "OneZoneIAStorage": "0.01",
    "GlacierStorage": "0.0036",
    "GlacierInstantRetrievalStorage": "0.004",
    "DeepArchiveStorage": "0.00099",
    "DeepArchiveObjectOverhead": "0.00099",
    "ReducedRedundancyStorage": "0.024",
    "IntelligentTieringIAStorage": "0.0125",
    "IntelligentTieringAIAStorage": "0.004",
}
_TIERED = {"StandardStorage", "IntelligentTieringFAStorage"}


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with standing_aws() as running:
        yield running


def _yesterday(bucket: BucketSeed) -> dict[str, int]:
    """The seed has 1 % less for each day back."""
    return {kind: int(size * 0.99) for kind, size in bucket.bytes_by_type.items()}


def _sizes(collected: Collected, name: str) -> dict[str, float]:
    points = [point for point in collected.points() if point.resource.name == name]
    assert {point.start for point in points} <= {DAY.start}
    assert {point.period for point in points} <= {86_400}
    return {point.metric: point.value for point in points}


def _tiered(size: Decimal) -> Decimal:
    """By hand: 50 TB, then 450 TB, then the rest."""
    first, second = min(size, Decimal(51_200)), min(max(size - 51_200, Decimal(0)), Decimal(460_800))
    rest = max(size - 512_000, Decimal(0))
    return first * Decimal("0.023") + second * Decimal("0.022") + rest * Decimal("0.021")


def _expected_month(seeded: list[BucketSeed]) -> Decimal:
    totals: defaultdict[str, int] = defaultdict(int)
    for bucket in seeded:
        for kind, size in _yesterday(bucket).items():
            totals[kind] += size
    return sum(
        (
            _tiered(Decimal(size) / GB) if kind in _TIERED else Decimal(size) / GB * Decimal(_FLAT[kind])
            for kind, size in totals.items()
        ),
        Decimal(0),
    )


@pytest.mark.parametrize("number", [1, 10, 300])
def test_every_class_of_every_bucket_of_the_region_in_the_least_calls(aws: LocalAws, number: int) -> None:
    every = seed_s3(aws, number, [REGION, "us-west-2"])
    seeded = [one for one in every if one.region == REGION]

    collected = collect(shared(aws), TARGET, DAY)

    assert collected.error is None
    assert {one.name for one in collected.resources} == {one.name for one in seeded}
    for bucket in seeded:
        sizes = _yesterday(bucket)
        expected: dict[str, float] = {f"size_bytes.{kind}": size for kind, size in sizes.items()}
        if sizes:
            expected |= {"size_bytes": sum(sizes.values()), "object_count": int((bucket.objects or 0) * 0.99)}
        assert _sizes(collected, bucket.name) == expected
    listed = sum(len(one.bytes_by_type) for one in seeded)
    queries = listed + sum(bool(one.bytes_by_type) for one in seeded)
    assert (
        aws.calls()
        == collected.calls
        == {
            "s3.ListBuckets": 1,
            "sts.GetCallerIdentity": 1,
            "cloudwatch.ListMetrics": -(-listed // 500),
            "cloudwatch.GetMetricData": -(-queries // 500),
            "pricing.GetProducts": 1,
        }
    )
    costs = {use.api: use.cost_usd for use in collected.report.apis}
    assert costs["cloudwatch:GetMetricData"] == Decimal("0.00001") * queries
    assert costs["s3:ListBuckets"] == Decimal("0.000005")


@pytest.mark.parametrize("number", [2, 30])
def test_the_prices_of_all_buckets_are_those_of_the_whole_region_by_its_tiers(aws: LocalAws, number: int) -> None:
    seeded = seed_s3(aws, number, [REGION])

    collected = collect(shared(aws), TARGET, DAY)

    rates = collected.rates()
    assert {rate.resource.name for rate in rates} == {one.name for one in seeded if one.bytes_by_type}
    assert {(rate.start, rate.period, rate.basis, rate.currency) for rate in rates} == {
        (DAY.start, 86_400, BASIS, "USD")
    }
    month = sum((rate.amount for rate in rates), Decimal(0)) * NOVEMBER
    assert abs(month - _expected_month(seeded)) < Decimal("1E-9")
    if number == 30:
        assert sum(_yesterday(one).get("StandardStorage", 0) for one in seeded) > 51_200 * GB, "beyond the first tier"
    assert collected.report.unknown_prices == 0


def test_a_price_of_one_class_is_restated_by_hand(aws: LocalAws) -> None:
    s3_backends[DEFAULT_ACCOUNT]["aws"].create_bucket("one", REGION)
    pairs = {"BucketName": "one", "StorageType": "StandardStorage"}
    put_metric(aws, pairs, "BucketSizeBytes", [(DAY.start, 100.0 * GB)], "AWS/S3")

    (rate,) = collect(shared(aws), TARGET, DAY).rates()

    assert rate.amount == (Decimal("2.3") / NOVEMBER).quantize(Decimal("1E-15"))
    assert abs(rate.amount * month_hours(DAY.start) - Decimal("2.3")) < Decimal("1E-12")


def test_a_bucket_is_described_whole(aws: LocalAws) -> None:
    (seeded, _) = seed_s3(aws, 2, [REGION])
    resource = {one.name: one for one in collect(shared(aws), TARGET, DAY).resources}[seeded.name]
    assert resource.resource_id == f"arn:aws:s3:::{seeded.name}"
    assert (resource.account, resource.region, resource.service) == (DEFAULT_ACCOUNT, REGION, "s3")
    assert resource.attributes["storage_classes"] == "GLACIER, STANDARD, STANDARD_IA"
    assert str(resource.attributes["creation_date"]).endswith("Z")


def test_a_new_bucket_has_no_size_and_no_price_rather_than_none_of_it(aws: LocalAws) -> None:
    *_, new = seed_s3(aws, 2, [REGION])
    collected = collect(shared(aws), TARGET, DAY)
    assert _sizes(collected, new.name) == {}
    assert new.name not in {rate.resource.name for rate in collected.rates()}
    assert new.name in {one.name for one in collected.resources}


def test_a_class_without_a_price_leaves_its_bucket_without_and_harms_no_other(aws: LocalAws) -> None:
    first, second, _ = seed_s3(aws, 3, [REGION])
    aws.prices.remove("AmazonS3", volumeType="Amazon Glacier")
    collected = collect(shared(aws), TARGET, DAY)
    assert "GlacierStorage" in first.bytes_by_type
    assert {rate.resource.name for rate in collected.rates()} == {second.name}
    assert collected.report.unknown_prices == 1


def test_a_storage_type_that_is_new_to_us_is_measured_and_its_price_unknown(aws: LocalAws) -> None:
    s3_backends[DEFAULT_ACCOUNT]["aws"].create_bucket("one", REGION)
    pairs = {"BucketName": "one", "StorageType": "HolographicStorage"}
    put_metric(aws, pairs, "BucketSizeBytes", [(DAY.start, 7.0)], "AWS/S3")
    collected = collect(shared(aws), TARGET, DAY)
    assert _sizes(collected, "one") == {"size_bytes": 7.0, "size_bytes.HolographicStorage": 7.0}
    assert (collected.rates(), collected.report.unknown_prices) == ([], 1)


def test_a_price_list_with_a_gap_between_tiers_is_no_price(aws: LocalAws) -> None:
    seed_s3(aws, 2, [REGION])
    filters = [
        {"Type": "TERM_MATCH", "Field": name, "Value": value}
        for name, value in {"volumeType": "Standard", "regionCode": REGION}.items()
    ]
    (listed,) = aws.prices.find("AmazonS3", filters)
    aws.prices.add([replace(listed, tiers=(Tier(Decimal("0.023"), "0", "100"), Tier(Decimal("0.02"), "200")))])
    collected = collect(shared(aws), TARGET, DAY)
    assert (collected.rates(), collected.report.unknown_prices) == ([], 1)


def test_a_day_of_which_a_class_may_be_forgotten_has_no_price(aws: LocalAws) -> None:
    seed_s3(aws, 2, [REGION], days=30)
    old = Window(MIDNIGHT - timedelta(days=20), MIDNIGHT - timedelta(days=19))
    collected = collect(shared(aws), TARGET, old)
    assert collected.points("size_bytes")
    assert collected.rates() == []


@pytest.mark.parametrize("start", [MIDNIGHT - timedelta(hours=30), MIDNIGHT - timedelta(days=1, minutes=5)])
def test_a_window_that_is_not_of_whole_days_is_refused_before_any_call(aws: LocalAws, start: datetime) -> None:
    for end in (start + timedelta(days=1), start + timedelta(hours=1)):
        collected = collect(shared(aws), TARGET, Window(start, end))
        assert isinstance(collected.error, CollectionFailed)
        assert "S3 has a value a day" in str(collected.error)
    assert aws.calls() == {}


def test_two_days_have_two_values_and_two_prices(aws: LocalAws) -> None:
    seed_s3(aws, 2, [REGION], days=5)
    days = Window(DAY.start - timedelta(days=1), DAY.end)
    collected = collect(shared(aws), TARGET, days)
    assert [point.start for point in collected.points("size_bytes")] == [days.start, DAY.start]
    assert [rate.start for rate in collected.rates()] == [days.start, DAY.start]


def test_a_page_token_that_fails_fails_the_run_as_one_to_try_again(aws: LocalAws) -> None:
    seed_s3(aws, 300, [REGION])
    aws.inject("bad_page_token", service="cloudwatch", action="ListMetrics")
    assert isinstance(collect(shared(aws), TARGET, DAY).error, Unavailable)


def test_the_estimate_is_what_a_second_window_takes(aws: LocalAws) -> None:
    s3_backends[DEFAULT_ACCOUNT]["aws"].create_bucket("one", REGION)
    pairs = {"BucketName": "one", "StorageType": "StandardStorage"}
    put_metric(aws, pairs, "BucketSizeBytes", [(DAY.start, 100.0 * GB)], "AWS/S3")
    process = shared(aws)
    collect(process, TARGET, DAY)
    collected = collect(process, TARGET, DAY)
    check_estimate(collected, 1, exactly=True)
