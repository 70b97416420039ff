"""Batches and reports for tests."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from telemetry.batch import Batch, Outcome, Report, Run
from telemetry.builder import build_batches
from telemetry.records import CostRate, MetricPoint, Record, Resource
from telemetry.target import Target, Window
from tests.support.granting import granted

TARGET = Target("aws", "prod", "us-east-1", "ec2")
WINDOW = Window(datetime(2026, 11, 24, 5, tzinfo=UTC), datetime(2026, 11, 24, 5, 5, tzinfo=UTC))
NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)


def make_run(target: Target = TARGET, window: Window = WINDOW, attempt: int = 1) -> Run:
    return Run.start(target, window, attempt, NOW, granted(target, window, attempt))


def plain(message: object) -> Any:
    """Its values, points in lists."""
    return msgspec.to_builtins(message, enc_hook=list)


def instance(number: int) -> Resource:
    return Resource(
        provider="aws",
        account="123456789012",
        region="us-east-1",
        service="ec2",
        resource_id=f"arn:aws:ec2:us-east-1:123456789012:instance/i-{number:017x}",
        type="m5.large",
        name=f"web-{number}",
        tags={"team": "search"},
        attributes={"state": "running", "cores": 2, "spot": False},
    )


def point(resource: Resource, value: float = 1.5, metric: str = "cpu_utilization") -> MetricPoint:
    return MetricPoint(
        resource=resource,
        metric=metric,
        source_metric="CPUUtilization",
        unit="percent",
        statistic="average",
        start=WINDOW.start,
        period=300,
        value=value,
    )


def rate(resource: Resource, amount: str = "0.0960000000") -> CostRate:
    return CostRate(
        resource=resource,
        start=WINDOW.start,
        period=300,
        amount=Decimal(amount),
        currency="USD",
        basis="on_demand_list",
    )


def records(instances: int) -> Iterator[Record]:
    for number in range(instances):
        resource = instance(number)
        yield resource
        yield point(resource, number / 7)
        yield point(resource, number * 1e6, "network_in")
        yield rate(resource)


def make_batch(instances: int = 2) -> Batch:
    return next(build_batches(make_run(), records(instances), NOW))


def make_report(run: Run | None = None, outcome: Outcome = Outcome.COMPLETE, batches: int = 1) -> Report:
    return Report(run or make_run(), outcome, batches=batches, records=8, finished_at=NOW, apis=[])
