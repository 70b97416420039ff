"""RDS against the local AWS: the least calls, the numbers that are there, and prices by engine and deployment."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from moto.rds.models import rds_backends

from agents.testing.collecting import check_estimate
from emulators.aws import LocalAws
from emulators.aws.cloudwatch.store import MetricName, dimensions
from emulators.aws.seed import seed_rds
from emulators.aws.server import DEFAULT_ACCOUNT
from telemetry.errors import Unavailable
from telemetry.target import Window
from tests.support.collecting import collect
from tests.support.ec2 import NOW, REGION, WINDOW, shared, standing_aws

TARGET = "aws/default/us-east-1/rds"
_SOURCES = {
    "cpu_utilization": "CPUUtilization",
    "database_connections": "DatabaseConnections",
    "free_storage": "FreeStorageSpace",
    "freeable_memory": "FreeableMemory",
}


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with standing_aws() as running:
        yield running


def _database(name: str = "db-000") -> Any:
    return rds_backends[DEFAULT_ACCOUNT][REGION].databases[name]


def _mean(aws: LocalAws, name: str, metric: str) -> float:
    (series,) = aws.metrics.series(
        DEFAULT_ACCOUNT, REGION, MetricName("AWS/RDS", metric, dimensions({"DBInstanceIdentifier": name}))
    )
    first, last = WINDOW.start.timestamp(), WINDOW.end.timestamp()
    found = [value for time, value in zip(series.times, series.values, strict=True) if first <= time < last]
    assert len(found) == 5
    return sum(found) / len(found)


@pytest.mark.parametrize("number", [1, 3, 130])
def test_the_least_calls_bring_what_is_there(aws: LocalAws, number: int) -> None:
    names = seed_rds(aws, number)

    collected = collect(shared(aws), TARGET, WINDOW)

    assert collected.error is None
    assert (
        aws.calls()
        == collected.calls
        == {
            "rds.DescribeDBInstances": -(-number // 100),
            "cloudwatch.GetMetricData": -(-number * 4 // 500),
            "pricing.GetProducts": min(number, 3),
        }
    )
    found = {(point.resource.name, point.metric): point.value for point in collected.points()}
    assert len(found) == len(collected.points()) == number * 4
    expected = {(name, ours): _mean(aws, name, source) for name in names for ours, source in _SOURCES.items()}
    assert found == pytest.approx(expected)


def test_prices_are_those_of_engine_class_and_deployment(aws: LocalAws) -> None:
    seed_rds(aws)
    rates = collect(shared(aws), TARGET, WINDOW).rates("on_demand_list")
    assert {rate.resource.name: rate.amount for rate in rates} == {
        "db-000": Decimal("0.096") * Decimal("1.85"),
        "db-001": Decimal("0.252") * Decimal("1.85") * 2,
        "db-002": Decimal("0.0416") * Decimal("1.85"),
    }
    assert {(rate.start, rate.period, rate.currency) for rate in rates} == {(WINDOW.start, 300, "USD")}


def test_an_instance_is_described_whole(aws: LocalAws) -> None:
    seed_rds(aws, 1)
    (resource,) = collect(shared(aws), TARGET, WINDOW).resources
    assert resource.resource_id == f"arn:aws:rds:us-east-1:{DEFAULT_ACCOUNT}:db:db-000"
    assert (resource.account, resource.region, resource.service) == (DEFAULT_ACCOUNT, REGION, "rds")
    assert (resource.type, resource.name, set(resource.tags)) == ("db.m5.large", "db-000", {"team"})
    assert resource.attributes["engine"] == "postgres"
    assert resource.attributes["allocated_storage_gb"] == 100
    assert "sample-data" not in str(resource)


@pytest.mark.parametrize("engine", ["aurora-postgresql", "oracle-ee", "sqlserver-se"])
def test_an_engine_without_one_price_is_unknown(aws: LocalAws, engine: str) -> None:
    seed_rds(aws, 1)
    _database().engine = engine
    collected = collect(shared(aws), TARGET, WINDOW)
    assert (collected.error, collected.rates(), collected.report.unknown_prices) == (None, [], 1)
    assert bool(collected.points("free_storage")) != engine.startswith("aurora")


@pytest.mark.parametrize("status", ["modifying", "failed", "something-new"])
def test_one_that_changes_or_whose_status_is_not_known_has_no_rate(aws: LocalAws, status: str) -> None:
    seed_rds(aws, 1)
    _database().status = status
    collected = collect(shared(aws), TARGET, WINDOW)
    assert collected.rates() == []
    assert collected.points("cpu_utilization"), "it may have run"
    assert any(f"their status is {status}" in reason for reason in collected.report.partial)


def test_a_stopped_one_costs_no_compute_and_is_not_asked_about_once_that_is_known_of_the_whole_window(
    aws: LocalAws,
) -> None:
    seed_rds(aws, 1)
    _database().status = "stopped"
    clock = [WINDOW.start]
    process = replace(shared(aws), now=lambda: clock[0])
    before = Window(WINDOW.start - timedelta(minutes=10), WINDOW.start - timedelta(minutes=5))

    first = collect(process, TARGET, before)
    clock[0] = NOW
    second = collect(process, TARGET, WINDOW)

    assert first.rates() == [], "it may have run until a moment ago"
    assert any("RDS does not tell since when" in reason for reason in first.report.partial)
    assert first.calls["cloudwatch.GetMetricData"] == 1
    assert [(rate.basis, rate.amount, rate.start, rate.period) for rate in second.rates()] == [
        ("stopped", Decimal(0), WINDOW.start, 300)
    ]
    assert (second.calls, second.report.partial) == ({"rds.DescribeDBInstances": 1}, ())


def test_one_that_was_started_and_stopped_between_two_looks_was_not_stopped_throughout(aws: LocalAws) -> None:
    seed_rds(aws, 1)
    _database().status = "stopped"
    _database().automatic_restart_time = WINDOW.start + timedelta(days=6)
    clock = [WINDOW.start]
    process = replace(shared(aws), now=lambda: clock[0])
    collect(process, TARGET, Window(WINDOW.start - timedelta(minutes=10), WINDOW.start - timedelta(minutes=5)))
    _database().automatic_restart_time = WINDOW.start + timedelta(days=7)
    clock[0] = NOW
    assert collect(process, TARGET, WINDOW).rates() == []


def test_of_a_window_that_is_long_past_no_price_is_said(aws: LocalAws) -> None:
    seed_rds(aws, 1)
    window = Window(
        NOW.replace(minute=0, second=0) - timedelta(hours=2), NOW.replace(minute=0, second=0) - timedelta(hours=1)
    )
    collected = collect(shared(aws), TARGET, window)
    assert collected.points("cpu_utilization")
    assert collected.rates() == []


def test_one_that_was_made_in_the_window_has_its_price_since_then(aws: LocalAws) -> None:
    seed_rds(aws, 1)
    _database().instance_create_time = (WINDOW.start + timedelta(seconds=100)).replace(tzinfo=None)
    (rate,) = collect(shared(aws), TARGET, WINDOW).rates()
    assert (rate.start, rate.period) == (WINDOW.start + timedelta(seconds=100), 200)
    _database().instance_create_time = WINDOW.end.replace(tzinfo=None)
    collected = collect(shared(aws), TARGET, WINDOW)
    assert (collected.rates(), collected.points(), len(collected.resources)) == ([], [], 1)


def test_a_page_token_that_fails_fails_the_run_as_one_to_try_again(aws: LocalAws) -> None:
    seed_rds(aws, 130)
    aws.inject("bad_page_token", service="rds")
    assert isinstance(collect(shared(aws), TARGET, WINDOW).error, Unavailable)


def test_the_estimate_is_what_a_second_window_takes(aws: LocalAws) -> None:
    seed_rds(aws, 3)
    process = shared(aws)
    collect(process, TARGET, WINDOW)
    collected = collect(process, TARGET, WINDOW)
    check_estimate(collected, 3, exactly=True)
