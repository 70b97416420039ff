"""Cost Explorer of the local AWS: sums over a table of lines, by its own rules."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from emulators.aws import LocalAws
from emulators.aws.cost import CostLine
from emulators.aws.seed import seed_costs
from tests.support.local_aws import aws_client, error_of

NOW = datetime(2026, 3, 10, 12, 7, 30, tzinfo=UTC)
EC2, S3 = "Amazon Elastic Compute Cloud - Compute", "Amazon Simple Storage Service"
OTHER = "210987654321"


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with LocalAws(clock=NOW.timestamp) as running:
        yield running


@pytest.fixture
def costs(aws: LocalAws) -> Any:
    return aws_client(aws, "ce")


def line(day: int | datetime, usd: str, service: str = EC2, **more: Any) -> CostLine:
    start = datetime(2026, 3, day, tzinfo=UTC) if isinstance(day, int) else day
    return CostLine(start=start, service=service, unblended=Decimal(usd), **more)


def ask(costs: Any, start: str, end: str, granularity: str = "DAILY", **more: Any) -> list[dict[str, Any]]:
    more.setdefault("Metrics", ["UnblendedCost"])
    answer = costs.get_cost_and_usage(TimePeriod={"Start": start, "End": end}, Granularity=granularity, **more)
    results: list[dict[str, Any]] = answer["ResultsByTime"]
    return results


def by(*keys: str) -> list[dict[str, str]]:
    return [{"Type": "TAG" if key.islower() else "DIMENSION", "Key": key} for key in keys]


def totals(results: list[dict[str, Any]], metric: str = "UnblendedCost") -> list[str]:
    return [result["Total"][metric]["Amount"] for result in results]


def groups(result: dict[str, Any], metric: str = "UnblendedCost") -> dict[tuple[str, ...], str]:
    return {tuple(group["Keys"]): group["Metrics"][metric]["Amount"] for group in result["Groups"]}


def test_days_are_summed_and_the_end_is_exclusive(aws: LocalAws, costs: Any) -> None:
    aws.costs.load([line(1, "1.25"), line(1, "0.05", S3), line(3, "7")])
    results = ask(costs, "2026-03-01", "2026-03-03")
    assert [result["TimePeriod"] for result in results] == [
        {"Start": "2026-03-01", "End": "2026-03-02"},
        {"Start": "2026-03-02", "End": "2026-03-03"},
    ]
    assert totals(results) == ["1.3", "0"]
    assert results[0]["Total"]["UnblendedCost"]["Unit"] == "USD"
    assert results[0]["Groups"] == []


def test_groups_leave_the_total_empty(aws: LocalAws, costs: Any) -> None:
    aws.costs.load(
        [
            line(1, "1", tags={"team": "a"}, region="us-east-1"),
            line(1, "2", tags={"team": "a"}, region="us-east-1"),
            line(1, "4", S3),
            line(1, "8", account=OTHER),
        ]
    )
    (result,) = ask(costs, "2026-03-01", "2026-03-02", GroupBy=by("SERVICE", "team"))
    assert result["Total"] == {}
    assert groups(result) == {(EC2, "team$a"): "3", (EC2, "team$"): "8", (S3, "team$"): "4"}
    (result,) = ask(costs, "2026-03-01", "2026-03-02", GroupBy=by("REGION", "LINKED_ACCOUNT"))
    assert groups(result)["NoRegion", OTHER] == "8"
    empty = ask(costs, "2026-03-02", "2026-03-03", GroupBy=by("SERVICE"))
    assert (empty[0]["Total"], empty[0]["Groups"]) == ({}, [])


def test_months_may_be_parts_of_one(aws: LocalAws, costs: Any) -> None:
    january, february = (datetime(2026, month, 20, tzinfo=UTC) for month in (1, 2))
    aws.costs.load([line(january, "1"), line(february, "2"), line(1, "4"), line(9, "8")])
    results = ask(costs, "2026-01-15", "2026-03-09", "MONTHLY")
    assert [tuple(result["TimePeriod"].values()) for result in results] == [
        ("2026-01-15", "2026-02-01"),
        ("2026-02-01", "2026-03-01"),
        ("2026-03-01", "2026-03-09"),
    ]
    assert totals(results) == ["1", "2", "4"]


def test_hours(aws: LocalAws, costs: Any) -> None:
    noon = datetime(2026, 3, 9, 12, tzinfo=UTC)
    aws.costs.load([line(noon, "0.5", hourly=True), line(9, "100")])
    results = ask(costs, "2026-03-09T11:00:00Z", "2026-03-09T13:00:00Z", "HOURLY")
    assert results[1]["TimePeriod"] == {"Start": "2026-03-09T12:00:00Z", "End": "2026-03-09T13:00:00Z"}
    assert totals(results) == ["0", "0.5"]
    assert totals(ask(costs, "2026-03-09", "2026-03-10")) == ["100.5"]
    aws.costs.hourly = False
    with pytest.raises(ClientError, match="not enabled"):
        ask(costs, "2026-03-09T11:00:00Z", "2026-03-09T13:00:00Z", "HOURLY")


def test_every_metric(aws: LocalAws, costs: Any) -> None:
    more: dict[str, Any] = {
        "amortized": Decimal(6),
        "net_unblended": Decimal(9),
        "usage_quantity": Decimal("2.5"),
        "usage_unit": "Hrs",
    }
    aws.costs.load([line(1, "10", **more), line(1, "1", usage_unit="Hrs")])
    metrics = ["UnblendedCost", "AmortizedCost", "NetUnblendedCost", "NetAmortizedCost", "UsageQuantity"]
    (result,) = ask(costs, "2026-03-01", "2026-03-02", Metrics=metrics)
    assert [result["Total"][metric]["Amount"] for metric in metrics] == ["11", "7", "10", "7", "2.5"]
    assert result["Total"]["UsageQuantity"]["Unit"] == "Hrs"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ({"Dimensions": {"Key": "SERVICE", "Values": [S3]}}, 2),
        ({"Not": {"Dimensions": {"Key": "SERVICE", "Values": [S3]}}}, 13),
        ({"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Credit", "Tax"]}}, 12),
        ({"Tags": {"Key": "team", "Values": ["a"]}}, 1),
        ({"Tags": {"Key": "team", "Values": ["b", "a"]}}, 3),
        ({"Tags": {"Key": "team", "MatchOptions": ["ABSENT"]}}, 12),
        ({"Dimensions": {"Key": "SERVICE", "Values": ["Amazon S"], "MatchOptions": ["STARTS_WITH"]}}, 2),
        (
            {
                "And": [
                    {"Dimensions": {"Key": "SERVICE", "Values": [EC2]}},
                    {"Not": {"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Credit"]}}},
                ]
            },
            9,
        ),
        (
            {"Or": [{"Tags": {"Key": "team", "Values": ["a"]}}, {"Dimensions": {"Key": "SERVICE", "Values": [S3]}}]},
            3,
        ),
        (None, 15),
    ],
)
def test_filters_are_evaluated(aws: LocalAws, costs: Any, expression: dict[str, Any] | None, expected: int) -> None:
    aws.costs.load(
        [
            line(1, "1", tags={"team": "a"}),
            line(1, "2", S3, tags={"team": "b"}),
            line(1, "4", record_type="Credit"),
            line(1, "8", record_type="Tax"),
        ]
    )
    more: dict[str, Any] = {} if expression is None else {"Filter": expression}
    assert totals(ask(costs, "2026-03-01", "2026-03-02", **more)) == [str(expected)]


def test_the_running_month_and_lines_said_to_be_are_estimated(aws: LocalAws, costs: Any) -> None:
    settled, open_ = datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 2, 2, tzinfo=UTC)
    aws.costs.load([line(settled, "1"), line(open_, "1", estimated=True)])
    assert [result["Estimated"] for result in ask(costs, "2026-02-01", "2026-02-03")] == [False, True]
    assert [result["Estimated"] for result in ask(costs, "2026-02-28", "2026-03-02")] == [False, True]


def test_a_restated_day_has_the_new_amounts_alone(aws: LocalAws, costs: Any) -> None:
    seen = []
    for amount in ("10", "12.5", "11"):
        aws.costs.restate(date(2026, 3, 1), [line(1, amount), line(1, "1", S3)])
        seen += totals(ask(costs, "2026-03-01", "2026-03-02"))
    assert seen == ["11", "13.5", "12"]
    with pytest.raises(ValueError, match="2026-03-02"):
        aws.costs.restate(date(2026, 3, 1), [line(2, "1")])


def test_pages_hold_every_group_once_and_a_restatement_ends_them(aws: LocalAws, costs: Any) -> None:
    aws.costs.page_size = 4
    aws.costs.load(line(day, "1", service=f"s{number}") for day in (1, 2) for number in range(5))
    asked = {
        "TimePeriod": {"Start": "2026-03-01", "End": "2026-03-03"},
        "Granularity": "DAILY",
        "Metrics": ["UnblendedCost"],
        "GroupBy": by("SERVICE"),
    }
    found: defaultdict[str, list[tuple[str, ...]]] = defaultdict(list)
    token: dict[str, str] = {}
    pages = 0
    while pages == 0 or token:
        answer = costs.get_cost_and_usage(**asked, **token)
        for result in answer["ResultsByTime"]:
            found[result["TimePeriod"]["Start"]] += list(groups(result))
        token = {"NextPageToken": answer["NextPageToken"]} if "NextPageToken" in answer else {}
        pages += 1
    assert pages == 3
    assert found == {day: [(f"s{number}",) for number in range(5)] for day in ("2026-03-01", "2026-03-02")}
    token = {"NextPageToken": costs.get_cost_and_usage(**asked)["NextPageToken"]}
    with pytest.raises(ClientError, match="RequestChangedException"):
        costs.get_cost_and_usage(**{**asked, "Granularity": "MONTHLY"}, **token)
    aws.costs.restate(date(2026, 3, 1), [line(1, "1")])
    with pytest.raises(ClientError) as refused:
        costs.get_cost_and_usage(**asked, **token)
    assert error_of(refused.value) == ("BillExpirationException", 400)


@pytest.mark.parametrize(
    "change",
    [
        {"GroupBy": by("SERVICE", "REGION", "OPERATION")},
        {"GroupBy": by("RESOURCE_ID")},
        {"GroupBy": by("COLOUR")},
        {"Metrics": ["Cost"]},
        {"Metrics": []},
        {"Granularity": "WEEKLY"},
        {"TimePeriod": {"Start": "2026-03-02", "End": "2026-03-02"}},
        {"TimePeriod": {"Start": "2026-03-02T00:00:00Z", "End": "2026-03-03T00:00:00Z"}},
        {"TimePeriod": {"Start": "2026-03-09", "End": "2026-03-10"}, "Granularity": "HOURLY"},
        {"TimePeriod": {"Start": "2026-02-20T00:00:00Z", "End": "2026-03-10T00:00:00Z"}, "Granularity": "HOURLY"},
        {"TimePeriod": {"Start": "2024-12-31", "End": "2026-03-10"}},
        {"TimePeriod": {"Start": "2026-03-01", "End": "2026-06-01"}},
        {"Filter": {}},
        {"Filter": {"And": [{"Tags": {"Key": "team", "Values": ["a"]}}]}},
        {"Filter": {"Dimensions": {"Key": "SERVICE", "Values": []}}},
    ],
)
def test_what_cost_explorer_refuses(aws: LocalAws, costs: Any, change: dict[str, Any]) -> None:
    aws.costs.history_months = 14
    good: dict[str, Any] = {
        "TimePeriod": {"Start": "2026-03-01", "End": "2026-03-02"},
        "Granularity": "DAILY",
        "Metrics": ["UnblendedCost"],
    }
    costs.get_cost_and_usage(**good)
    with pytest.raises(ClientError) as refused:
        costs.get_cost_and_usage(**{**good, **change})
    assert error_of(refused.value) == ("ValidationException", 400)


def test_an_account_without_cost_explorer(aws: LocalAws, costs: Any) -> None:
    aws.costs.available = False
    with pytest.raises(ClientError) as refused:
        ask(costs, "2026-03-01", "2026-03-02")
    assert error_of(refused.value) == ("DataUnavailableException", 400)


def test_a_linked_account_sees_its_own_costs(aws: LocalAws, costs: Any) -> None:
    aws.costs.load([line(1, "1"), line(1, "2", account=OTHER)])
    role = f"arn:aws:iam::{OTHER}:role/reader"
    keys = aws_client(aws, "sts").assume_role(RoleArn=role, RoleSessionName="costs")["Credentials"]
    linked = aws_client(aws, "ce", key=keys["AccessKeyId"], secret=keys["SecretAccessKey"], token=keys["SessionToken"])
    assert totals(ask(linked, "2026-03-01", "2026-03-02")) == ["2"]
    assert totals(ask(costs, "2026-03-01", "2026-03-02")) == ["3"]


def test_resources_dimension_values_and_tags(aws: LocalAws, costs: Any) -> None:
    aws.costs.load([line(8, "1", resource_id="i-1", tags={"team": "a"}), line(8, "2", S3, resource_id="data")])
    period = {"Start": "2026-03-08", "End": "2026-03-09"}
    asked = {"TimePeriod": period, "Granularity": "DAILY", "Metrics": ["UnblendedCost"], "GroupBy": by("RESOURCE_ID")}
    only = {"Dimensions": {"Key": "SERVICE", "Values": [EC2]}}
    answer = costs.get_cost_and_usage_with_resources(**asked, Filter=only)
    assert groups(answer["ResultsByTime"][0]) == {("i-1",): "1"}
    values = costs.get_dimension_values(TimePeriod=period, Dimension="SERVICE")["DimensionValues"]
    assert [value["Value"] for value in values] == [EC2, S3]
    assert costs.get_tags(TimePeriod=period)["Tags"] == ["team"]
    assert costs.get_tags(TimePeriod=period, TagKey="team")["Tags"] == ["", "a"]


def test_the_seed_adds_up(aws: LocalAws, costs: Any) -> None:
    lines = seed_costs(aws, 40)
    results = ask(costs, "2026-01-29", "2026-03-10", Metrics=["UnblendedCost", "NetAmortizedCost"])
    for metric in ("UnblendedCost", "NetAmortizedCost"):
        whole = sum((one.amount(metric) for one in lines), Decimal(0))
        assert sum(map(Decimal, totals(results, metric)), Decimal(0)) == whole
    hours = ask(costs, "2026-03-09T00:00:00Z", "2026-03-10T00:00:00Z", "HOURLY")
    assert sum(map(Decimal, totals(hours)), Decimal(0)) == Decimal(totals(results)[-1])
    assert {one.record_type for one in lines} == {"Usage", "SavingsPlanCoveredUsage", "Tax", "Credit"}
    grouped = costs.get_cost_and_usage(
        TimePeriod={"Start": "2026-03-09", "End": "2026-03-10"},
        Granularity="DAILY",
        Metrics=["UnblendedCost"],
        GroupBy=by("LINKED_ACCOUNT"),
    )
    names = {one["Value"]: one["Attributes"]["description"] for one in grouped["DimensionValueAttributes"]}
    assert names == {"123456789012": "account-1", OTHER: "account-2"}


def test_costs_over_http(aws: LocalAws, costs: Any) -> None:
    page = f"{aws.url}/_local/costs"
    body = [{"start": "2026-03-01T00:00:00Z", "service": EC2, "unblended": "1.10"}]
    assert httpx.post(page, json=body).json() == {"lines": 1}
    assert httpx.put(page, params={"day": "2026-03-01"}, json=body * 2).json() == {"lines": 2}
    assert totals(ask(costs, "2026-03-01", "2026-03-02")) == ["2.2"]
    assert httpx.put(page, json=body).status_code == 400
    assert httpx.post(page, json=[{"service": EC2}]).status_code == 400
    httpx.delete(page)
    assert totals(ask(costs, "2026-03-01", "2026-03-02")) == ["0"]
