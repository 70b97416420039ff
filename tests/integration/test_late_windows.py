"""Windows that are collected hours late: what is certain is there, and what nobody can know any more is said.

The walk over the registry holds every service to it; the others look at what the answer depends on.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from moto.eks.models import eks_backends
from moto.rds.models import rds_backends

from agents.core.context import Shared
from agents.core.rates import LATE
from agents.core.service import find, services
from emulators.aws import LocalAws
from emulators.aws.seed import seed_ec2, seed_eks, seed_lambda, seed_rds, seed_s3, seed_sagemaker
from emulators.aws.server import DEFAULT_ACCOUNT
from emulators.azure import LocalAzure
from emulators.azure.resources import Change
from emulators.azure.seed import seed_aks, seed_functions, seed_ml, seed_storage
from emulators.gcp import LocalGcp
from emulators.gcp.seed import seed_compute
from telemetry.batch import MAX_REASON, MAX_REASONS, Outcome
from telemetry.target import Target, Window, floor_time
from tests.support import azure as on_azure
from tests.support import ec2 as on_aws
from tests.support import gcp as on_gcp
from tests.support.azure import CPU, VM, VMS, add_vm, put, steady
from tests.support.collecting import Collected, collect
from tests.support.ec2 import REGION, WINDOW, add_instance, standing_aws

_LATE = timedelta(hours=3)
_DELETED = "what was deleted since: collected late, and {} lists only what there is now"
_BILLS = {"cost", "billing"}
"""Their days are asked for by their dates, at any time."""


@pytest.fixture
def aws() -> Iterator[LocalAws]:
    with standing_aws() as running:
        yield running


@pytest.fixture(scope="module")
def azure_server() -> Iterator[LocalAzure]:
    with on_azure.standing_azure() as running:
        yield running


@pytest.fixture
def azure(azure_server: LocalAzure) -> LocalAzure:
    on_azure.forget(azure_server)
    return azure_server


@pytest.fixture(scope="module")
def gcp() -> Iterator[LocalGcp]:
    with on_gcp.standing_gcp() as running:
        seed_compute(running, 8, [on_gcp.PROJECT])
        yield running


def _later(process: Shared, by: timedelta = _LATE) -> Shared:
    now = process.now() + by
    return Shared(process.settings, now=lambda: now)


def _whole(aws: LocalAws) -> None:
    """Something of every service that has a price."""
    seed_ec2(aws, 12)
    seed_rds(aws)
    seed_eks(aws, 2)
    seed_lambda(aws, 1)
    seed_s3(aws)
    seed_sagemaker(aws)


def _last(target: Target, now: datetime) -> Window:
    service = find(target.provider, target.service)
    end = floor_time(now - service.delay, service.interval)
    return Window(end - service.interval, end)


def _rates(collected: Collected) -> set[tuple[Any, ...]]:
    return {(one.resource.resource_id, one.start, one.period, one.amount, one.basis) for one in collected.rates()}


def _points(collected: Collected) -> set[tuple[Any, ...]]:
    return {(one.resource.resource_id, one.metric, one.start, one.value) for one in collected.points()}


def _hold(service: str, process: Shared, regions: dict[str, str]) -> None:
    provider, name = service.split("/")
    target = Target(provider, "default", regions.get(provider, "global"), name)
    window = _last(target, process.now())
    in_time = collect(process, target, window)
    assert in_time.error is None
    assert in_time.resources, "there is something of it"
    due = max(find(provider, name).delay, *find(provider, name).refresh, timedelta(0))
    late = collect(_later(process, due + _LATE), target, window)
    assert late.error is None
    assert late.report.outcome in {Outcome.COMPLETE, Outcome.EMPTY}
    same = _rates(late) == _rates(in_time) and _points(late) == _points(in_time)
    assert same or late.report.partial, "it lacks something and does not say so"
    assert _rates(late) <= _rates(in_time), "what is there is what was there in time"
    assert not in_time.report.partial or name == "compute", in_time.report.partial


def _of(provider: str) -> list[str]:
    about_bills = {name for (p, name), one in services().items() if p == provider and (one.delivers or one.delivered)}
    names = [f"{p}/{name}" for p, name in services() if p == provider and name not in _BILLS | about_bills]
    return [
        name for name in names if services()[provider, name.split("/")[1]].__class__.__module__.startswith("agents.")
    ]


def test_every_service_of_aws_gives_the_same_late_or_says_that_it_is_partial(aws: LocalAws) -> None:
    _whole(aws)
    for service in _of("aws"):
        if service != "aws/regions":
            region = REGION if find(*service.split("/")).regional else "global"
            _hold(service, on_aws.shared(aws), {"aws": region})


def test_every_service_of_azure_gives_the_same_late_or_says_that_it_is_partial(azure: LocalAzure) -> None:
    for number in range(3):
        put(azure, add_vm(azure, number), CPU, steady(40))
    seed_aks(azure, 3)
    seed_functions(azure)
    seed_storage(azure, 2)
    seed_ml(azure, 1)
    for service in _of("azure"):
        _hold(service, on_azure.shared(azure), {})


def test_instances_of_google_have_the_same_rates_late(gcp: LocalGcp) -> None:
    _hold("gcp/compute", on_gcp.shared(gcp), {})


def test_databases_have_no_rate_late_and_the_reason_names_their_number(aws: LocalAws) -> None:
    seed_rds(aws)
    late = collect(_later(on_aws.shared(aws)), "aws/default/us-east-1/rds", WINDOW)
    assert (late.report.outcome, late.rates()) == (Outcome.COMPLETE, [])
    assert late.points("cpu_utilization")
    assert late.report.partial == (
        _DELETED.format("RDS"),
        f"rates of 3 rds instances: {LATE}, and RDS tells their class and state of now only",
    )


def test_nothing_is_missing_of_a_database_that_was_made_after_the_window(aws: LocalAws) -> None:
    seed_rds(aws, 1)
    database = rds_backends[DEFAULT_ACCOUNT][REGION].databases["db-000"]
    database.instance_create_time = WINDOW.end.replace(tzinfo=None)
    late = collect(_later(on_aws.shared(aws)), "aws/default/us-east-1/rds", WINDOW)
    assert late.report.partial == (_DELETED.format("RDS"),)


def test_in_time_a_status_without_a_price_is_said_and_else_nothing(aws: LocalAws) -> None:
    seed_rds(aws, 2)
    process = on_aws.shared(aws)
    assert collect(process, "aws/default/us-east-1/rds", WINDOW).report.partial == ()
    rds_backends[DEFAULT_ACCOUNT][REGION].databases["db-000"].status = "modifying"
    assert collect(process, "aws/default/us-east-1/rds", WINDOW).report.partial == (
        "rates of 1 rds instance: their status is modifying, which does not tell what they cost",
    )


def test_clusters_of_eks_have_no_rate_late(aws: LocalAws) -> None:
    seed_eks(aws, 2)
    late = collect(_later(on_aws.shared(aws)), "aws/default/us-east-1/eks", WINDOW)
    assert late.rates() == []
    assert late.report.partial == (
        _DELETED.format("EKS"),
        f"rates of 2 eks clusters: {LATE}, and EKS tells their version and tier of now only",
    )
    eks_backends[DEFAULT_ACCOUNT][REGION].clusters["cluster-000"].status = "DELETING"
    reasons = collect(on_aws.shared(aws), "aws/default/us-east-1/eks", WINDOW).report.partial
    assert reasons == ("rates of 1 eks cluster: their status is DELETING, which does not tell what they cost",)


def test_an_instance_that_has_run_ever_since_has_its_rate_late_and_one_started_since_has_none(aws: LocalAws) -> None:
    add_instance(aws, 1, launch_time=WINDOW.start - timedelta(hours=2))
    add_instance(aws, 2, launch_time=WINDOW.end + timedelta(minutes=5))
    late = collect(_later(on_aws.shared(aws)), on_aws.TARGET, WINDOW)
    assert [(one.resource.attributes["instance_id"], one.start, one.period) for one in late.rates()] == [
        (f"i-{1:017x}", WINDOW.start, 300)
    ]
    assert late.report.partial[0] == _DELETED.format("EC2")
    assert all("1 ec2 instance:" in reason for reason in late.report.partial[1:])


@pytest.mark.parametrize(("state", "rates"), [("stopped", 0), ("terminated", 1)])
def test_an_instance_that_is_stopped_may_have_been_given_another_type_since_it_ran(
    aws: LocalAws, state: str, rates: int
) -> None:
    add_instance(aws, 1, state=state, stopped_at=WINDOW.end + timedelta(minutes=5))
    assert len(collect(on_aws.shared(aws), on_aws.TARGET, WINDOW).rates()) == 1
    late = collect(_later(on_aws.shared(aws)), on_aws.TARGET, WINDOW)
    assert len(late.rates()) == rates
    assert any(reason.startswith("rates of 1 ec2 instance:") for reason in late.report.partial) is not bool(rates)


def test_clusters_of_azure_lack_their_nodes_late_and_keep_their_metrics(azure: LocalAzure) -> None:
    seed_aks(azure, 3)
    in_time = collect(on_azure.shared(azure), "azure/default/global/aks", WINDOW)
    late = collect(_later(on_azure.shared(azure)), "azure/default/global/aks", WINDOW)
    assert in_time.rates()
    assert (late.rates(), late.points("node_count")) == ([], [])
    assert set(map(str, _points(in_time))) - set(map(str, _points(late))) == {
        str(one) for one in _points(in_time) if one[1] == "node_count"
    }
    assert late.report.partial == (
        f"node_count, and the rates of the pools, of 3 aks clusters: {LATE}, and Azure tells the nodes of now only",
    )


def _change(what: str, resource: str, minutes: int, **changes: str) -> Change:
    changed = {path.replace("__", "."): value for path, value in changes.items()}
    return Change(resource, VM, what, WINDOW.start + timedelta(minutes=minutes), changed)


def test_machines_that_told_of_their_cpu_have_the_rate_of_a_size_that_did_not_change(azure: LocalAzure) -> None:
    known = [add_vm(azure, number) for number in range(5)]
    known.append(add_vm(azure, 5, state="deallocated"))
    for machine in known[:4] + known[5:]:
        put(azure, machine, CPU, steady(40))
    azure.resources.changes += [
        _change("Update", known[1], -20, properties__hardwareProfile__vmSize="Standard_D2s_v5"),  # before the window
        _change("Update", known[2], 100, properties__hardwareProfile__vmSize="Standard_D2s_v5"),
        _change("Update", known[3], 100, tags__team="search"),
        _change("Delete", f"{known[0]}-gone", 100),
    ]
    late = collect(_later(on_azure.shared(azure)), VMS, WINDOW)
    assert {one.resource.resource_id for one in late.rates()} == {known[0], known[1], known[3], known[5]}
    assert {(one.start, one.period, one.basis) for one in late.rates()} == {(WINDOW.start, 300, "on_demand_list")}
    silent = "they did not tell of their CPU all the time: whether they ran is not known"
    assert late.report.partial == (
        "all of 1 virtual machine: deleted after the window began, and Azure lists only what there is now",
        f"rates of 1 virtual machine: {LATE}, and what their price depends on has changed since",
        f"rates of 1 virtual machine: {LATE}, and {silent}",
    )


def test_longer_than_azure_remembers_machines_have_no_rate(azure: LocalAzure) -> None:
    put(azure, add_vm(azure), CPU, steady(40))
    late = collect(_later(on_azure.shared(azure), timedelta(days=8)), VMS, WINDOW)
    assert (late.rates(), len(late.points("cpu_utilization"))) == ([], 1)
    assert [reason.partition(":")[0] for reason in late.report.partial] == [
        "what was deleted since",
        "rates of 1 virtual machine",
    ]


@pytest.mark.parametrize(("days", "said"), [(1, False), (64, True)])
def test_values_that_a_provider_keeps_no_longer_are_said(aws: LocalAws, days: int, said: bool) -> None:
    seed_rds(aws, 1)
    late = collect(_later(on_aws.shared(aws), timedelta(days=days)), "aws/default/us-east-1/rds", WINDOW)
    reason = "metrics: CloudWatch keeps values of 300 s for 63 days, and these are older"
    assert (reason in late.report.partial) is said


def test_a_run_that_ends_badly_says_why_and_nothing_else(aws: LocalAws) -> None:
    seed_rds(aws, 1)
    aws.inject("deny", service="rds", action="DescribeDBInstances")
    report = collect(_later(on_aws.shared(aws)), "aws/default/us-east-1/rds", WINDOW).report
    assert (report.outcome, report.partial) == (Outcome.DENIED, ())


def test_reasons_have_an_end(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    def talkative(self: object, context: Any, window: Window, source: str) -> None:
        del self, window, source
        for number in range(100):
            context.partial("rates", f"{number}" + "x" * 1000)

    monkeypatch.setattr(type(find("aws", "rds")), "say_late", talkative)
    reasons = collect(on_aws.shared(aws), "aws/default/us-east-1/rds", WINDOW).report.partial
    assert (len(reasons), max(map(len, reasons))) == (MAX_REASONS, MAX_REASON)
    assert reasons[-1] == "and 81 further reasons"
