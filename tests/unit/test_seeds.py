"""What is put into the local clouds is what tests say of it at whatever time it is put there."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emulators.aws import LocalAws
from emulators.aws import seed as aws_seed
from emulators.aws.server import DEFAULT_ACCOUNT
from emulators.azure import DEFAULT_SUBSCRIPTION, LocalAzure
from emulators.azure import seed as azure_seed
from emulators.gcp import LocalGcp
from emulators.gcp import seed as gcp_seed
from emulators.gcp.seed.compute import CPU, GPU, MEMORY, RECEIVED, SENT
from emulators.gcp.seed.vertex import PREDICTIONS

FIVE = timedelta(minutes=5)
REGION = "us-east-1"
PROJECT = "shop-prod"
MOMENTS = [
    *(datetime(2026, 11, 24, hour, 7, 30, tzinfo=UTC) for hour in range(24)),
    datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC),
    datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(2027, 1, 1, tzinfo=UTC),
    datetime(2028, 2, 29, tzinfo=UTC),
    datetime(2028, 3, 1, 12, tzinfo=UTC),
]

at_every_hour = pytest.mark.parametrize("now", MOMENTS, ids=str)
at_some_hours = pytest.mark.parametrize("now", [*MOMENTS[:24:6], *MOMENTS[24:]], ids=str)
"""For what takes its time, or looks at days alone."""


def _windows(now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The five minutes that an agent may be asked for about now."""
    for back in range(1, 13):
        end = now.replace(minute=now.minute // 5 * 5, second=0, microsecond=0) - back * FIVE
        yield end - FIVE, end


@at_every_hour
def test_machines_of_azure_that_are_measured_are_never_idle(now: datetime) -> None:
    azure = LocalAzure(clock=now.timestamp)
    seeded = azure_seed.seed_vms(azure, 60)
    assert {vm.state for vm in seeded.vms} == {"running", "deallocated", "stopped"}
    assert all(vm.created < now for vm in seeded.vms)
    for vm in seeded.vms:
        for start, end in _windows(now):
            cpu = seeded.expected(vm, "Percentage CPU", start, end)
            reads = seeded.expected(vm, "Disk Read Operations/Sec", start, end)
            memory = seeded.expected(vm, azure_seed.vms.MEMORY, start, end)
            assert (cpu is not None) == (reads is not None) == vm.measured
            assert (memory is not None) == (vm.measured and vm.memory)
            assert cpu is None or 0 < cpu.minimum <= cpu.maximum <= 100
            assert reads is None or reads.minimum > 0
            assert memory is None or 0 < memory.minimum <= memory.maximum <= 100


@at_every_hour
def test_what_else_azure_holds_is_at_work_and_not_of_the_future(now: datetime) -> None:
    azure = LocalAzure(clock=now.timestamp)
    seeds = {
        "node_cpu_usage_percentage": azure_seed.seed_aks(azure, 4),
        "FunctionExecutionCount": azure_seed.seed_functions(azure, 4),
        "Transactions": azure_seed.seed_storage(azure, 4),
    }
    for metric, seeded in seeds.items():
        for resource in seeded.resources:
            found = [seeded.expected(resource.id, metric, *window) for window in _windows(now)]
            for one in found:
                assert (one is None) == (resource.id in seeded.silent)
                assert one is None or one.minimum > 0
    ml = azure_seed.seed_ml(azure)
    for workspace in ml.workspaces:
        assert {"Completed", "Failed", "Running"} <= set(ml.statuses(workspace.id))
        for job in ml.jobs[workspace.id]:
            assert job.created <= (job.started or job.created) <= (job.ended or now) <= now


@at_some_hours
def test_forty_days_of_azures_bill_hold_every_kind_of_charge_and_end_yesterday(now: datetime) -> None:
    azure = LocalAzure(clock=now.timestamp)
    seeded = azure_seed.seed_costs(azure, 40, [DEFAULT_SUBSCRIPTION])
    assert max(day for _, day in seeded.days) == now.date() - timedelta(days=1)
    kinds = {line.charge_type for lines in seeded.days.values() for line in lines}
    assert kinds == {"Usage", "Purchase", "UnusedReservation", "Refund"}


@at_every_hour
def test_instances_of_aws_are_never_idle_nor_of_the_future(now: datetime) -> None:
    aws = LocalAws(clock=now.timestamp)
    instances = aws_seed.seed_ec2(aws, 60, [REGION]).instances[REGION]
    assert {one.state for one in instances} == {"running", "stopped"}
    assert all(one.launch_time <= (one.stopped_at or now) <= now for one in instances)
    lowest, highest = _lowest(aws), _highest(aws)
    assert min(lowest["CPUUtilization"], lowest["mem_used_percent"], lowest["NetworkIn"], lowest["NetworkOut"]) > 0
    assert max(highest["CPUUtilization"], highest["mem_used_percent"]) < 100


@at_some_hours
def test_what_else_aws_measures_is_there(now: datetime) -> None:
    aws = LocalAws(clock=now.timestamp)
    aws_seed.seed_rds(aws)
    aws_seed.seed_s3(aws, 3, [REGION])
    aws_seed.seed_sagemaker(aws, 2)
    lowest = _lowest(aws)
    for metric in ("CPUUtilization", "BucketSizeBytes", "Invocations", "ModelLatency"):
        assert lowest[metric] > 0
    first, last = _times(aws)["BucketSizeBytes"]
    assert first <= now.timestamp() - 86_400 < last <= now.timestamp()


@at_some_hours
def test_the_bill_of_aws_ends_yesterday(now: datetime) -> None:
    charges = aws_seed.seed_costs(LocalAws(clock=now.timestamp), 35)
    days = {one.start.date() for one in charges}
    assert days == {now.date() - timedelta(days=back) for back in range(1, 36)}
    estimated = {one.start.date() for one in charges if one.estimated}
    assert estimated == {day for day in days if day >= now.date().replace(day=1)}
    assert {"Usage", "Tax", "Credit"} <= {one.record_type for one in charges}


@at_every_hour
def test_instances_of_google_are_never_idle(now: datetime) -> None:
    gcp = LocalGcp(clock=now.timestamp)
    seeded = gcp_seed.seed_compute(gcp, 60, [PROJECT])
    assert all(one.created <= (one.stopped or now) <= now for one in seeded.instances)
    for metric, most in ((CPU, 1), (MEMORY, 100), (GPU, 100), (RECEIVED, 10**10), (SENT, 10**10)):
        values = _numbers(gcp.metrics.points(PROJECT, metric, now - timedelta(hours=1), now))
        assert 0 < min(values) <= max(values) <= most


@at_every_hour
def test_endpoints_of_google_have_predictions(now: datetime) -> None:
    gcp = LocalGcp(clock=now.timestamp)
    seeded = gcp_seed.seed_vertex(gcp, 4, [PROJECT], hours_ahead=0)
    for endpoint in seeded.endpoints:
        for window in _windows(now):
            found = gcp.metrics.points(PROJECT, PREDICTIONS, *window, endpoint_id=endpoint.endpoint_id)
            assert len(found) == (5 * len(endpoint.models) if endpoint.traffic else 0)
            assert (sum(_numbers(found)) > 0) == endpoint.traffic


def _numbers(points: Iterable[tuple[Any, float, Any]]) -> list[float]:
    return [float(value) for _, _, value in points]


def _lowest(aws: LocalAws) -> dict[str, float]:
    return {name: min(values) for name, values in _values(aws).items()}


def _highest(aws: LocalAws) -> dict[str, float]:
    return {name: max(values) for name, values in _values(aws).items()}


def _values(aws: LocalAws) -> dict[str, list[float]]:
    found: defaultdict[str, list[float]] = defaultdict(list)
    for metric, series in aws.metrics.metrics(DEFAULT_ACCOUNT, REGION):
        for one in series:
            found[metric.name] += one.values
    return found


def _times(aws: LocalAws) -> dict[str, tuple[int, int]]:
    return {
        metric.name: (series[0].times[0], series[0].times[-1])
        for metric, series in aws.metrics.metrics(DEFAULT_ACCOUNT, REGION)
    }
