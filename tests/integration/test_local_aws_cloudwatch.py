"""CloudWatch of the local AWS: what was put comes back, by CloudWatch's own rules."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulators.aws import LocalAws
from emulators.aws.cloudwatch.store import MetricName, dimensions
from tests.support.local_aws import aws_client, error_of

NOW = datetime(2026, 3, 10, 12, 7, 30, tzinfo=UTC)
NOON = NOW.replace(minute=0, second=0)


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with LocalAws(clock=NOW.timestamp) as running:
        yield running


@pytest.fixture
def cloudwatch(aws: LocalAws) -> Any:
    return aws_client(aws, "cloudwatch")


def query(name: str, *, stat: str = "Average", period: int = 300, **metric: Any) -> dict[str, Any]:
    named = {"Namespace": "Shop", "MetricName": "Latency", **metric}
    return {"Id": name, "MetricStat": {"Metric": named, "Period": period, "Stat": stat}}


def put(cloudwatch: Any, at: datetime, *values: float, **more: Any) -> None:
    data = [{"MetricName": "Latency", "Timestamp": at, "Value": value, **more} for value in values]
    cloudwatch.put_metric_data(Namespace="Shop", MetricData=data)


def read(cloudwatch: Any, *queries: dict[str, Any], back: int = 60, end: datetime = NOW, **more: Any) -> dict[str, Any]:
    answer = cloudwatch.get_metric_data(
        StartTime=NOON - timedelta(minutes=back), EndTime=end, MetricDataQueries=list(queries), **more
    )
    return {
        result["Id"]: list(zip(result["Timestamps"], result["Values"], strict=True))
        for result in answer["MetricDataResults"]
    }


def test_statistics_are_computed_from_what_was_put(cloudwatch: Any) -> None:
    put(cloudwatch, NOON - timedelta(minutes=5), *range(1, 101))
    stats = ["Average", "Sum", "Minimum", "Maximum", "SampleCount", "p0", "p50", "p95", "p99.9", "p100"]
    found = read(cloudwatch, *(query(f"q{number}", stat=stat) for number, stat in enumerate(stats)))
    expected = [50.5, 5050, 1, 100, 100, 1, 50.5, 95.05, 99.901, 100]
    for number, value in enumerate(expected):
        assert found[f"q{number}"] == [(NOON - timedelta(minutes=5), pytest.approx(value))]


def test_counts_and_statistic_sets_weigh_in(cloudwatch: Any) -> None:
    at = NOON - timedelta(minutes=5)
    cloudwatch.put_metric_data(
        Namespace="Shop",
        MetricData=[
            {"MetricName": "Latency", "Timestamp": at, "Values": [1.0, 5.0], "Counts": [3.0, 1.0]},
            {
                "MetricName": "Latency",
                "Timestamp": at,
                "StatisticValues": {"SampleCount": 4, "Sum": 20, "Minimum": 0.5, "Maximum": 9},
            },
        ],
    )
    stats = ["SampleCount", "Sum", "Average", "Minimum", "Maximum", "p50"]
    found = read(cloudwatch, *(query(f"q{number}", stat=stat) for number, stat in enumerate(stats)))
    assert [found[f"q{number}"][0][1] for number in range(5)] == [8, 28, 3.5, 0.5, 9]
    assert found["q5"] == [], "the values inside a statistic set are not known, so neither is a percentile"


def test_periods_are_half_open_and_only_those_with_data_are_there(cloudwatch: Any) -> None:
    put(cloudwatch, NOON - timedelta(minutes=10), 1)
    put(cloudwatch, NOON - timedelta(minutes=6), 3)
    put(cloudwatch, NOON, 7)
    found = read(cloudwatch, query("a"), back=10, end=NOON, ScanBy="TimestampAscending")
    assert found["a"] == [(NOON - timedelta(minutes=10), 2.0)]
    later = read(cloudwatch, query("a"), back=5, end=NOON + timedelta(minutes=5))
    assert later["a"] == [(NOON, 7.0)]


def test_the_newest_comes_first_unless_asked_otherwise(cloudwatch: Any) -> None:
    for minutes in (20, 15, 10):
        put(cloudwatch, NOON - timedelta(minutes=minutes), minutes)
    assert [value for _, value in read(cloudwatch, query("a"))["a"]] == [10, 15, 20]
    assert [value for _, value in read(cloudwatch, query("a"), ScanBy="TimestampAscending")["a"]] == [20, 15, 10]


def test_dimensions_match_as_a_whole_set_in_any_order(cloudwatch: Any) -> None:
    a, b = {"Name": "A", "Value": "1"}, {"Name": "B", "Value": "2"}
    put(cloudwatch, NOON, 5, Dimensions=[a, b])
    found = read(
        cloudwatch,
        query("same", Dimensions=[a, b]),
        query("turned", Dimensions=[b, a]),
        query("fewer", Dimensions=[a]),
        query("none"),
        query("elsewhere", Namespace="Other", Dimensions=[a, b]),
    )
    assert {name for name, points in found.items() if points} == {"same", "turned"}


def test_units_are_apart_when_one_is_asked_for(cloudwatch: Any) -> None:
    put(cloudwatch, NOON, 1, Unit="Seconds")
    put(cloudwatch, NOON, 3, Unit="Count")
    seconds = query("seconds")
    seconds["MetricStat"]["Unit"] = "Seconds"
    found = read(cloudwatch, seconds, query("all"))
    assert [found["seconds"][0][1], found["all"][0][1]] == [1, 2]


def test_a_datapoint_of_the_future_is_not_seen_before_its_time() -> None:
    now = NOW.timestamp()
    with LocalAws(clock=lambda: now) as aws:
        cloudwatch = aws_client(aws, "cloudwatch")
        put(cloudwatch, NOW + timedelta(minutes=10), 4)
        window: dict[str, Any] = {"back": 5, "end": NOW + timedelta(hours=1)}
        assert read(cloudwatch, query("a"), **window)["a"] == []
        now += 660
        assert read(cloudwatch, query("a"), **window)["a"] == [(NOON + timedelta(minutes=15), 4.0)]


def test_regions_and_accounts_are_apart(aws: LocalAws, cloudwatch: Any) -> None:
    put(cloudwatch, NOON, 1)
    metric = MetricName("Shop", "Latency", dimensions({}))
    aws.metrics.load(("210987654321", "us-east-1"), metric, ([int(NOON.timestamp())], [9.0]))
    assert read(aws_client(aws, "cloudwatch", "eu-west-1"), query("a"))["a"] == []
    assert read(cloudwatch, query("a"))["a"] == [(NOON, 1.0)]


def test_pages_carry_every_point_once(aws: LocalAws, cloudwatch: Any) -> None:
    for number in range(3):
        put(cloudwatch, NOON - timedelta(minutes=10 * number), *range(number + 1), Dimensions=[])
    queries = [query("a", period=60), query("b", period=60, stat="Sum"), query("c", MetricName="None")]
    whole = read(cloudwatch, *queries)
    pages = list(
        cloudwatch.get_paginator("get_metric_data").paginate(
            StartTime=NOON - timedelta(hours=1), EndTime=NOW, MetricDataQueries=queries, MaxDatapoints=2
        )
    )
    results = [result for page in pages for result in page["MetricDataResults"]]
    merged: dict[str, list[Any]] = {"a": [], "b": [], "c": []}
    for result in results:
        merged[result["Id"]] += zip(result["Timestamps"], result["Values"], strict=True)
    assert merged == whole
    assert [sum(len(result["Values"]) for result in page["MetricDataResults"]) for page in pages] == [2, 2, 2, 0]
    assert {r["StatusCode"] for r in results} == {"Complete", "PartialData"}
    assert aws.calls() == {"cloudwatch.PutMetricData": 3, "cloudwatch.GetMetricData": 5}


def test_a_full_page_holds_100800_points(aws: LocalAws, cloudwatch: Any) -> None:
    start = int((NOON - timedelta(hours=2)).timestamp())
    times = list(range(start, start + 7200, 10))
    for number in range(141):
        metric = MetricName("Shop", f"m{number}", dimensions({}))
        aws.metrics.load(("123456789012", "us-east-1"), metric, (times, [1.0] * 720))
    queries = [query(f"m{number}", period=10, MetricName=f"m{number}") for number in range(141)]
    pages = list(
        cloudwatch.get_paginator("get_metric_data").paginate(
            StartTime=NOON - timedelta(hours=2), EndTime=NOON, MetricDataQueries=queries
        )
    )
    assert [sum(len(r["Values"]) for r in page["MetricDataResults"]) for page in pages] == [100_800, 720]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"MetricDataQueries": [query(f"q{n}") for n in range(501)]}, "ValidationError"),
        ({"MetricDataQueries": []}, "ValidationError"),
        ({"MetricDataQueries": [query("a"), query("a")]}, "ValidationError"),
        ({"MetricDataQueries": [query("Big")]}, "ValidationError"),
        ({"MetricDataQueries": [query("1a")]}, "ValidationError"),
        ({"MetricDataQueries": [{"Id": "a", "Expression": "SUM(METRICS())"}]}, "ValidationError"),
        ({"MetricDataQueries": [query("a", period=90)]}, "InvalidParameterValue"),
        ({"MetricDataQueries": [query("a", stat="p101")]}, "InvalidParameterValue"),
        ({"MetricDataQueries": [query("a", stat="Median")]}, "InvalidParameterValue"),
        ({"EndTime": NOON - timedelta(hours=1)}, "ValidationError"),
        ({"NextToken": "made-up"}, "InvalidNextToken"),
        ({"MaxDatapoints": 100_801}, "InvalidParameterValue"),
    ],
)
def test_what_cloudwatch_refuses_is_refused(cloudwatch: Any, change: dict[str, Any], code: str) -> None:
    good = {"StartTime": NOON - timedelta(hours=1), "EndTime": NOON, "MetricDataQueries": [query("a")]}
    cloudwatch.get_metric_data(**good)
    with pytest.raises(ClientError) as refused:
        cloudwatch.get_metric_data(**{**good, **change})
    assert error_of(refused.value) == (code, 400)


def test_500_queries_are_taken(cloudwatch: Any) -> None:
    put(cloudwatch, NOON, 2)
    found = read(cloudwatch, *(query(f"q{n}") for n in range(500)))
    assert list(found.values()) == [[(NOON, 2.0)]] * 500


def test_a_token_serves_only_the_request_that_it_was_given_for(cloudwatch: Any) -> None:
    put(cloudwatch, NOON, 1)
    put(cloudwatch, NOON - timedelta(minutes=5), 1)
    window = {"StartTime": NOON - timedelta(hours=1), "EndTime": NOW}
    first = cloudwatch.get_metric_data(**window, MetricDataQueries=[query("a")], MaxDatapoints=1)
    with pytest.raises(ClientError, match="InvalidNextToken"):
        cloudwatch.get_metric_data(**window, MetricDataQueries=[query("b")], NextToken=first["NextToken"])


def test_old_data_is_read_only_by_coarse_periods(aws: LocalAws, cloudwatch: Any) -> None:
    at = int((NOON - timedelta(days=20)).timestamp())
    aws.metrics.load(("123456789012", "us-east-1"), MetricName("Shop", "Latency", dimensions({})), ([at], [3.0]))
    found = read(cloudwatch, query("fine", period=60), query("coarse", period=300), back=21 * 1440)
    assert (found["fine"], [value for _, value in found["coarse"]]) == ([], [3.0])


@pytest.mark.parametrize(
    "data",
    [
        [{"MetricName": "m", "Value": 1.0}] * 1001,
        [{"MetricName": "m", "Value": 1.0, "Timestamp": NOW - timedelta(days=15)}],
        [{"MetricName": "m", "Value": 1.0, "Timestamp": NOW + timedelta(hours=3)}],
        [{"MetricName": "m"}],
        [{"MetricName": "m", "Values": [1.0] * 151}],
        [{"MetricName": "m", "Values": [1.0], "Counts": [1.0, 2.0]}],
        [{"MetricName": "m", "Value": 1.0, "Dimensions": [{"Name": f"d{n}", "Value": "v"} for n in range(31)]}],
    ],
)
def test_a_put_is_refused_whole(cloudwatch: Any, data: list[dict[str, Any]]) -> None:
    with pytest.raises(ClientError):
        cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "good", "Value": 1.0}, *data])
    assert cloudwatch.list_metrics()["Metrics"] == []


def test_the_namespaces_of_aws_are_closed_to_callers(cloudwatch: Any) -> None:
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        cloudwatch.put_metric_data(Namespace="AWS/EC2", MetricData=[{"MetricName": "m", "Value": 1.0}])


def test_get_metric_statistics(cloudwatch: Any) -> None:
    for minutes in range(30, 0, -5):
        put(cloudwatch, NOON - timedelta(minutes=minutes), minutes, minutes + 2, Unit="Seconds")
    asked = {"Namespace": "Shop", "MetricName": "Latency", "StartTime": NOON - timedelta(minutes=30), "EndTime": NOON}
    answer = cloudwatch.get_metric_statistics(**asked, Period=300, Statistics=["Average"], ExtendedStatistics=["p50"])
    points = {point["Timestamp"]: point for point in answer["Datapoints"]}
    assert len(points) == 6
    assert points[NOON - timedelta(minutes=5)]["Average"] == 6
    assert points[NOON - timedelta(minutes=5)]["ExtendedStatistics"] == {"p50": 6.0}
    assert {point["Unit"] for point in answer["Datapoints"]} == {"Seconds"}
    with pytest.raises(ClientError, match=r"1,440"):
        cloudwatch.get_metric_statistics(
            **{**asked, "StartTime": NOON - timedelta(days=2)}, Period=60, Statistics=["Sum"]
        )


def test_list_metrics_filters_and_pages(aws: LocalAws, cloudwatch: Any) -> None:
    for number in range(750):
        metric = MetricName("Shop", "m", dimensions({"N": str(number), "Even": str(number % 2 == 0)}))
        aws.metrics.load(("123456789012", "us-east-1"), metric, ([int(NOON.timestamp())], [1.0]))
    old = MetricName("Shop", "old", dimensions({}))
    aws.metrics.load(("123456789012", "us-east-1"), old, ([int((NOON - timedelta(days=15)).timestamp())], [1.0]))
    pages = list(cloudwatch.get_paginator("list_metrics").paginate(Namespace="Shop"))
    assert [len(page["Metrics"]) for page in pages] == [500, 250], "a metric without data for two weeks is not listed"
    even = cloudwatch.list_metrics(Dimensions=[{"Name": "Even", "Value": "True"}])["Metrics"]
    assert len(even) == 375
    assert cloudwatch.list_metrics(Namespace="Other")["Metrics"] == []
