"""What CloudWatch is asked for, and what it must have answered."""

import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from agents.aws.calls import AwsCalls
from agents.aws.metrics import Metric, MetricReader, Query, check_interval, estimate, period_of
from agents.core.context import Context, Shared
from agents.core.meter import Meter
from telemetry.errors import CollectionFailed, Denied, Unavailable
from telemetry.records import MetricPoint, Resource
from telemetry.settings import Settings
from telemetry.target import Window

START = datetime(2026, 11, 24, 11, 40, tzinfo=UTC)
CPU = Metric("AWS/EC2", "CPUUtilization", "Average", "cpu_utilization", "percent")
HOST = Resource(provider="aws", account="1", region="us-east-1", service="ec2", resource_id="i-1")


def _window(seconds: int, offset: int = 0) -> Window:
    start = START + timedelta(seconds=offset)
    return Window(start, start + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("window", "period"),
    [
        (_window(300), 300),
        (_window(3600), 300),
        (_window(60), 60),
        (_window(420), 60),
        (_window(300, offset=60), 60),
    ],
)
def test_the_period_is_five_minutes_where_the_window_consists_of_such(window: Window, period: int) -> None:
    assert period_of(window) == period


@pytest.mark.parametrize("window", [_window(90), _window(300, offset=30)])
def test_a_window_of_parts_of_minutes_is_refused(window: Window) -> None:
    with pytest.raises(CollectionFailed, match="whole minutes"):
        period_of(window)


@pytest.mark.parametrize(("seconds", "good"), [(60, True), (300, True), (420, True), (90, False), (10, False)])
def test_an_interval_is_of_whole_minutes(seconds: int, good: bool) -> None:
    assert (check_interval(timedelta(seconds=seconds)) == "") is good


@pytest.mark.parametrize(
    ("seconds", "queries", "calls"),
    [(300, 0, 0), (300, 1, 1), (300, 500, 1), (300, 501, 2), (300, 40_000, 80), (86_400, 500, 2), (86_400, 350, 1)],
)
def test_the_estimate_keeps_to_both_limits_of_a_call(seconds: int, queries: int, calls: int) -> None:
    found = estimate(_window(seconds), queries)
    assert dict(found.calls) == {"cloudwatch:GetMetricData": calls}
    assert found.cost_usd == Decimal("0.00001") * queries


class _Answers:
    """CloudWatch as no emulator answers: with results that it could not finish."""

    def __init__(self, *pages: dict[str, Any]) -> None:
        settings = Settings.model_validate({"aws": {}})
        (account,) = settings.aws.accounts_of("aws")
        shared = Shared(settings, now=lambda: START + timedelta(hours=1))
        self.context = Context(shared, account, Meter(), time.monotonic() + 60)
        self._pages = pages
        self.asked: list[dict[str, Any]] = []

    def pages(self, *names: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        self.asked.append({"names": names, **parameters})
        yield from self._pages


def _result(status: str, values: tuple[float, ...] = (), name: str = "m0") -> dict[str, Any]:
    times = [START + timedelta(seconds=60 * number) for number in range(len(values))]
    return {"Id": name, "Timestamps": times, "Values": list(values), "StatusCode": status}


def _read(answers: _Answers, window: Window | None = None) -> list[MetricPoint]:
    reader = MetricReader(cast("AwsCalls", answers), window or _window(420))
    query = Query(HOST, CPU, (("InstanceId", "i-1"),))
    return [*reader.add(query), *reader.finish()]


@pytest.mark.parametrize(
    ("pages", "error", "text"),
    [
        ([[_result("InternalError")]], Unavailable, "InternalError"),
        ([[_result("PartialData", (1.0,))]], Unavailable, "PartialData"),
        ([[]], Unavailable, "no answer"),
    ],
)
def test_a_part_does_not_pass_for_the_whole(pages: list[Any], error: type[Exception], text: str) -> None:
    answers = _Answers(*({"MetricDataResults": results} for results in pages))
    with pytest.raises(error, match=text) as caught:
        _read(answers)
    assert "CPUUtilization of i-1" in str(caught.value)


_TWO = [Query(HOST, CPU, (("InstanceId", f"i-{number}"),)) for number in range(2)]


@pytest.mark.parametrize(
    ("odd", "permission", "says"),
    [
        (_result("Forbidden"), "cloudwatch:GetMetricData", "belongs to an account that does not share it"),
        (_result("InternalError"), None, "came as InternalError"),
        (_result("PartialData", (1.0,)), None, "came as PartialData"),
        ({"Id": "m7"}, None, "came as (no answer)"),
        ({"Timestamps": [], "Values": []}, None, "came as (no answer)"),
        (None, None, "came as (no answer)"),
        ({**_result("Complete"), "Values": [1.0]}, "", "not told, or not readable"),
        ({**_result("Complete"), "Values": None}, "", "not told, or not readable"),
        ({**_result("Complete", (1.0,)), "Timestamps": ["soon"]}, "", "not told, or not readable"),
        ({**_result("Complete", (1.0,)), "Values": ["many"]}, "", "not told, or not readable"),
    ],
)
def test_one_metric_that_is_odd_costs_the_others_nothing_and_is_named(
    odd: Any, permission: str | None, says: str
) -> None:
    answers = _Answers({"MetricDataResults": [odd, _result("Complete", (5.0,), "m1")]})
    reader = MetricReader(cast("AwsCalls", answers), _window(420), of="ec2 instances")
    points = [*reader.add(*_TWO), *reader.finish()]
    assert points[-1].value == 5.0
    assert any(says in reason for reason in answers.context.meter.missing()), answers.context.meter.missing()
    assert HOST.key in reader.broken
    refused = [one.permission for one in answers.context.meter.refusals if isinstance(one, Denied)]
    assert refused == ([permission] if permission else [])


def test_a_value_that_is_answered_twice_counts_once() -> None:
    twice = _result("Complete", (1.0, 2.0))
    answers = _Answers({"MetricDataResults": [twice, twice]}, {"MetricDataResults": [twice]})
    assert [point.value for point in _read(answers)] == [1.0, 2.0]


def test_a_result_that_a_later_page_completes_is_whole() -> None:
    answers = _Answers(
        {"MetricDataResults": [_result("PartialData", (1.0,))]},
        {"MetricDataResults": [{**_result("Complete", (2.0,)), "Timestamps": [START + timedelta(minutes=1)]}]},
    )
    assert [point.value for point in _read(answers)] == [1.0, 2.0]


def test_what_is_no_number_or_not_of_the_window_is_left_out() -> None:
    answers = _Answers({"MetricDataResults": [_result("Complete", (1.0, math.nan, 3.0, math.inf, 5.0))]})
    points = _read(answers, _window(180))
    assert [(point.start, point.value) for point in points] == [(START, 1.0), (START + timedelta(minutes=2), 3.0)]
    (asked,) = answers.asked
    assert asked["names"] == ("cloudwatch", "GetMetricData")
    assert (asked["units"], asked["StartTime"], asked["EndTime"]) == (1, START, START + timedelta(minutes=3))


def test_a_reader_holds_no_more_than_a_call() -> None:
    answers = _Answers()
    reader = MetricReader(cast("AwsCalls", answers), _window(300))
    queries = [Query(HOST, CPU, (("InstanceId", f"i-{number}"),)) for number in range(1203)]
    with pytest.raises(Unavailable):  # nothing was answered
        list(reader.add(*queries[:500]))
    assert len(answers.asked[0]["MetricDataQueries"]) == 500
    assert list(reader.add(*queries[:499])) == []
    assert len(answers.asked) == 1
