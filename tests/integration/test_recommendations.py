"""Recommendations of the Cost Optimization Hub, from the manifests in the local S3 to what is told of them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from agents.core.permissions import permission_of
from agents.core.service import find
from agents.testing.collecting import check_collection, check_denied, check_estimate
from emulators.aws import LocalAws
from emulators.aws.deliveries import Deliveries, map_of, parquet
from telemetry.batch import Outcome
from telemetry.codec import decode, encode
from telemetry.deliveries import DeliveryState
from telemetry.recommendations import Recommendation
from telemetry.target import Window
from tests.support import aws_bills
from tests.support.aws_bills import LOOK, deliveries
from tests.support.aws_recommendations import (
    COLUMNS,
    DAY,
    LOOKING,
    NAME,
    READING,
    TODAY,
    WRITTEN,
    chunk,
    deliver,
    proposal,
    recommended,
    shared_with_recommendations,
)
from tests.support.collecting import collect
from tests.support.ec2 import standing_aws

SEEN, MISSING, READ = DeliveryState.SEEN, DeliveryState.MISSING, DeliveryState.READ
_NUMBERS = [name for name in COLUMNS if name.startswith("estimated_")]


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with standing_aws() as running:
        yield running


def _parquet(*rows: dict[str, str]) -> bytes:
    kinds: dict[str, Any] = {name: (pa.string(), str) for name in COLUMNS} | {
        name: (pa.float64(), float) for name in _NUMBERS
    }
    kinds |= {name: (pa.bool_(), "true".__eq__) for name in ("restart_needed", "rollback_possible")}
    kinds["recommendation_lookback_period_in_days"] = (pa.int32(), int)
    kinds["tags"] = (pa.map_(pa.string(), pa.string()), map_of)
    return parquet(rows, kinds)


@pytest.mark.parametrize("create_new", [False, True])
def test_each_day_is_told_by_its_newest_manifest(aws: LocalAws, create_new: bool) -> None:
    deliver(chunk(proposal()), day=TODAY - timedelta(days=1), at=WRITTEN - timedelta(days=1), create_new=create_new)
    for hours in (2, 0):
        deliver(chunk(proposal()), at=WRITTEN - timedelta(hours=hours), create_new=create_new)
    found = collect(shared_with_recommendations(aws), LOOKING, LOOK)
    check_collection(found)
    before, today = deliveries(found)
    assert (before.state, today.state) == (SEEN, SEEN)
    assert (today.period_start, today.period_end, today.submitted_at) == (DAY.start, DAY.end, WRITTEN)
    assert (today.service, found.calls) == (
        "recommendation_files",
        {"s3.ListObjectsV2": 1, "s3.GetObject": 2},
    )
    check_estimate(found, 0)


def test_nothing_new_is_a_gap_with_its_reason(aws: LocalAws) -> None:
    deliver(chunk(proposal()), at=WRITTEN - timedelta(days=4), day=TODAY - timedelta(days=4))
    found = collect(shared_with_recommendations(aws), LOOKING, LOOK)
    gone = deliveries(found)[-1]
    assert (gone.state, gone.period_start) == (MISSING, DAY.start)
    assert "nothing new has come" in gone.reason
    assert "AWS knows no export 'hub'" in gone.reason
    assert found.report.partial
    Deliveries().delete(f"exports/{NAME}/metadata/date={TODAY - timedelta(days=4):%Y-%m-%d}/{NAME}-Manifest.json")
    assert "is the url right" in deliveries(collect(shared_with_recommendations(aws), LOOKING, LOOK))[0].reason


@pytest.mark.parametrize(("ending", "create_new"), [(".csv.gz", True), (".snappy.parquet", False)])
def test_every_column_is_what_aws_says(aws: LocalAws, ending: str, create_new: bool) -> None:
    rows = [
        proposal("one", estimated_monthly_cost_after_discount="0.1"),
        proposal("two", **dict.fromkeys([*_NUMBERS, "restart_needed", "rollback_possible"], "")),
    ]
    files = [chunk(*rows), chunk()] if ending == ".csv.gz" else [_parquet(*rows)]
    deliver(*files, ending=ending, create_new=create_new)
    found = collect(shared_with_recommendations(aws), READING, DAY)
    check_collection(found)
    check_estimate(found, 0)
    one, two = recommended(found)
    assert one == Recommendation(
        recommendation_id="recommendation-one",
        source="ComputeOptimizer",
        sub_account_id="210987654321",
        sub_account_name="shop",
        region_id="us-east-1",
        resource_id="arn:aws:ec2:us-east-1:210987654321:instance/i-0123456789abcdef0",
        resource_type="Ec2Instance",
        resource_summary="m5.large",
        action="Rightsize",
        recommended_type="Ec2Instance",
        recommended_summary="t3.medium",
        currency="USD",
        monthly_cost=Decimal("70.08"),
        monthly_cost_after_discount=Decimal("0.1"),
        monthly_savings=Decimal("35.04"),
        savings_percentage=Decimal("50.0"),
        effort="Medium",
        restart_needed=True,
        rollback_possible=False,
        lookback_days=14,
        refreshed_at=datetime(2026, 11, 28, 3, 4, 5, tzinfo=UTC),
        tags={"team": "search"},
        resource_details=rows[0]["current_resource_details"],
        recommended_details=rows[0]["recommended_resource_details"],
    )
    assert (two.monthly_cost, two.monthly_savings, two.savings_percentage) == (None, None, None)
    assert (two.restart_needed, two.rollback_possible) == (None, None)
    (proof,) = deliveries(found)
    assert (proof.state, proof.rows_read, proof.totals) == (READ, 2, {})
    assert [decode(encode(batch)) for batch in found.batches] == found.batches


def test_no_recommendation_is_a_whole_and_empty_delivery(aws: LocalAws) -> None:
    deliver(chunk())
    found = collect(shared_with_recommendations(aws), READING, DAY)
    (proof,) = deliveries(found)
    assert (found.report.outcome, recommended(found), proof.rows_read) == (Outcome.COMPLETE, [], 0)


def test_what_is_odd_of_one_stays_among_its_details(aws: LocalAws) -> None:
    row = proposal(
        last_refresh_timestamp="yesterday",
        tags="none",
        current_resource_details='{"n": NaN}',
        recommended_resource_details="x" * 70_000,
        x_new="later",
        current_resource_summary="y" * 3000,
    )
    deliver(chunk(row, columns=[*COLUMNS, "x_new"]))
    found = collect(shared_with_recommendations(aws), READING, DAY)
    (one,) = recommended(found)
    assert one.details == {"last_refresh_timestamp": "yesterday", "tags": "none", "x_new": "later"}
    assert (one.refreshed_at, one.tags, one.resource_details) == (None, {}, '"{\\"n\\": NaN}"')
    assert "left_out" in one.recommended_details
    assert one.resource_summary == "y" * 2048
    assert found.report.partial == ("details of 1 recommendation: longer than a message can hold",)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"estimated_monthly_savings_before_discount": "1_000"}, "estimated_monthly_savings_before_discount: '1_000'"),
        ({"recommendation_id": ""}, "a recommendation has no recommendation_id"),
        ({"currency_code": ""}, "has amounts and no currency_code"),
        ({"currency_code": "US"}, "no message can hold a record"),
    ],
)
def test_what_cannot_be_is_no_recommendation_and_the_former_version_stands(
    aws: LocalAws, row: dict[str, str], says: str
) -> None:
    deliver(chunk(proposal("one"), proposal("two", **row)))
    found = collect(shared_with_recommendations(aws), READING, DAY)
    assert found.report.outcome is Outcome.FAILED
    assert says in found.report.error
    assert not [one for one in deliveries(found) if one.state is READ]


def test_a_file_that_is_replaced_while_it_is_read_is_read_anew(aws: LocalAws) -> None:
    deliver(chunk(proposal("old")))
    key = Deliveries().keys(f"exports/{NAME}/data/")[0]
    aws.before_get[f"bills/{key}"] = lambda: Deliveries().put(key, chunk(proposal("new"), proposal("x")), WRITTEN)
    found = collect(shared_with_recommendations(aws), READING, DAY)
    assert found.report.outcome is Outcome.FAILED
    assert "replaced while it was read" in found.report.error
    again = collect(shared_with_recommendations(aws), READING, DAY)
    assert [one.recommendation_id for one in recommended(again)] == ["recommendation-new", "recommendation-x"]


def test_an_export_of_bills_says_where_it_belongs(aws: LocalAws) -> None:
    aws_bills.deliver(aws_bills.chunk(aws_bills.line("1")))
    deliver(aws_bills.chunk(aws_bills.line("1")))
    found = collect(shared_with_recommendations(aws), READING, DAY)
    assert "export the table COST_OPTIMIZATION_RECOMMENDATIONS" in found.report.error
    elsewhere = [{"name": NAME, "url": aws_bills.URL}]
    looked = collect(shared_with_recommendations(aws, recommendation_exports=elsewhere), LOOKING, LOOK)
    assert "that of an export of recommendations" in deliveries(looked)[0].reason


@pytest.mark.parametrize(("target", "window"), [(LOOKING, LOOK), (READING, DAY)])
def test_a_refusal_names_the_permission_and_no_other_is_asked_for(aws: LocalAws, target: str, window: Window) -> None:
    deliver(chunk(proposal()))
    found = collect(shared_with_recommendations(aws), target, window)
    service = find("aws", target.rpartition("/")[2])
    assert {permission_of("aws", api.replace(".", ":")) for api in found.calls} <= set(service.permissions)
    aws.inject("deny", service="s3", action="ListObjectsV2")
    refused = collect(shared_with_recommendations(aws), target, window)
    check_denied(refused)
    assert refused.report.permission == "s3:ListBucket"
