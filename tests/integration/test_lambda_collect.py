"""Lambda against the local AWS: the least calls, and the numbers that are there."""

from collections.abc import Iterator

import pytest
from moto.awslambda.models import lambda_backends

from agents.testing.collecting import check_estimate
from emulators.aws import LocalAws
from emulators.aws.cloudwatch.store import MetricName, dimensions
from emulators.aws.seed import seed_lambda
from emulators.aws.server import DEFAULT_ACCOUNT
from telemetry.errors import Unavailable
from tests.support.collecting import collect
from tests.support.ec2 import REGION, WINDOW, shared, standing_aws

TARGET = "aws/default/us-east-1/lambda"
_SOURCES = {"invocations": "Invocations", "errors": "Errors", "throttles": "Throttles", "duration": "Duration"}


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with standing_aws() as running:
        yield running


def _values(aws: LocalAws, name: str, metric: str) -> list[float]:
    wanted = MetricName("AWS/Lambda", metric, dimensions({"FunctionName": name}))
    first, last = WINDOW.start.timestamp(), WINDOW.end.timestamp()
    return [
        value
        for series in aws.metrics.series(DEFAULT_ACCOUNT, REGION, wanted)
        for time, value in zip(series.times, series.values, strict=True)
        if first <= time < last
    ]


@pytest.mark.parametrize("number", [1, 4, 130])
def test_the_least_calls_bring_what_is_there(aws: LocalAws, number: int) -> None:
    names = seed_lambda(aws, number)

    collected = collect(shared(aws), TARGET, WINDOW)

    assert collected.error is None
    assert {one.name for one in collected.resources} == set(names)
    assert (
        aws.calls()
        == collected.calls
        == {
            "lambda.ListFunctions": -(-number // 50),
            "cloudwatch.GetMetricData": -(-number * 4 // 500),
        }
    )
    expected: dict[tuple[str, str], float] = {}
    for name in names:
        for ours, source in _SOURCES.items():
            if values := _values(aws, name, source):
                expected[name, ours] = sum(values) / (len(values) if ours == "duration" else 1)
    found = {(point.resource.name, point.metric): point.value for point in collected.points()}
    assert len(found) == len(collected.points())
    assert found == pytest.approx(expected)
    assert collected.rates() == []
    assert collected.report.unknown_prices == 0, "there is no price an hour to know"


def test_a_function_that_was_never_invoked_has_no_figures(aws: LocalAws) -> None:
    *_, idle = seed_lambda(aws, 4)
    assert idle not in {point.resource.name for point in collect(shared(aws), TARGET, WINDOW).points()}


def test_a_function_is_described_whole_and_its_environment_not_at_all(aws: LocalAws) -> None:
    seed_lambda(aws, 1)
    lambda_backends[DEFAULT_ACCOUNT][REGION].get_function("function-000").environment_vars = {"TOKEN": "canary-token"}
    collected = collect(shared(aws), TARGET, WINDOW)
    (resource,) = collected.resources
    assert resource.resource_id == f"arn:aws:lambda:us-east-1:{DEFAULT_ACCOUNT}:function:function-000"
    assert (resource.service, resource.type) == ("lambda", "python3.12")
    assert (resource.attributes["memory_mb"], resource.attributes["architecture"]) == (128, "x86_64")
    assert "canary-token" not in str(collected.batches)


def test_a_page_token_that_fails_fails_the_run_as_one_to_try_again(aws: LocalAws) -> None:
    seed_lambda(aws, 60)
    aws.inject("bad_page_token", service="lambda")
    assert isinstance(collect(shared(aws), TARGET, WINDOW).error, Unavailable)


def test_the_estimate_is_what_a_window_takes(aws: LocalAws) -> None:
    seed_lambda(aws, 60)
    collected = collect(shared(aws), TARGET, WINDOW)
    check_estimate(collected, 60, exactly=True)
