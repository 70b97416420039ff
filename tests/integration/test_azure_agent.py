"""The Azure agent of OpenFinOps's API against the local Azure: every documented call, key and printed field."""

import logging
import math
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agents.azure_telemetry_agent import AzureTelemetryAgent
from emulators.azure import DEFAULT_SUBSCRIPTION, LocalAzure
from emulators.azure.cost import CostLine
from emulators.azure.seed import MlSeed, VmSeed, seed_ml, seed_vms
from telemetry.errors import CollectionFailed, ConfigError, Denied
from tests.support.azure import NOW, standing_azure
from tests.support.clocks import agents_at
from tests.support.waiting import until

_CLUSTER_COST = Decimal("42.5")
_SAMPLES = """
metrics = agent.collect_vm_metrics(resource_group="ml-resources")

for vm in metrics:
    print(f"VM: {vm['name']}")
    print(f"  CPU: {vm['cpu_utilization']:.1f}%")
    print(f"  Memory: {vm['memory_utilization']:.1f}%")
    print(f"  Disk IOPS: {vm['disk_iops']}")
    print(f"  Cost (hourly): ${vm['cost_per_hour']:.4f}")

metrics = agent.collect_ml_workspace_metrics(workspace_name="my-ml-workspace")

for workspace in metrics:
    print(f"Workspace: {workspace['name']}")
    print(f"  Active Jobs: {workspace['active_jobs']}")
    print(f"  Completed Jobs: {workspace['completed_jobs']}")
    print(f"  Failed Jobs: {workspace['failed_jobs']}")
    print(f"  Compute Hours: {workspace['compute_hours']}")
    print(f"  Monthly Cost: ${workspace['monthly_cost']:.2f}")

costs = agent.get_cost_management_data(start_date, end_date)

for service, cost in costs['by_service'].items():
    print(f"{service}: ${cost:.2f}")
"""
"""Those of the reference, as they are."""


@pytest.fixture(autouse=True)
def _prices_of_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.fixture(autouse=True)
def _clock_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    agents_at(monkeypatch, NOW)


@pytest.fixture(scope="module")
def seeded() -> Iterator[tuple[LocalAzure, VmSeed, MlSeed]]:
    with standing_azure() as azure:
        vms = seed_vms(azure, 24, [DEFAULT_SUBSCRIPTION], groups=("ml-resources", "web"))
        ml = seed_ml(azure)
        line = CostLine(resource_id=ml.workspaces[0].id, service_name="Azure Machine Learning", cost=_CLUSTER_COST)
        azure.costs.load(DEFAULT_SUBSCRIPTION, NOW.date(), [line])
        yield azure, vms, ml


@pytest.fixture
def azure(seeded: tuple[LocalAzure, VmSeed, MlSeed]) -> Iterator[LocalAzure]:
    seeded[0].faults.clear()
    seeded[0].reset_calls()
    yield seeded[0]
    seeded[0].faults.clear()


def _agent(azure: LocalAzure, **more: Any) -> AzureTelemetryAgent:
    given = {"subscription_id": DEFAULT_SUBSCRIPTION, **azure.credentials(), **more}
    return AzureTelemetryAgent(
        **given, endpoints=azure.endpoints, ca_file=azure.ca_file, settings={"quotas": {"*": 1000}}
    )


def test_machines_have_every_documented_key_and_print(
    azure: LocalAzure, seeded: tuple[LocalAzure, VmSeed, MlSeed]
) -> None:
    found = _agent(azure).collect_vm_metrics()

    assert isinstance(found, list)
    assert {one["name"] for one in found} == {vm.name for vm in seeded[1].vms}
    for one in found:
        line = (
            f"{one['name']} {one['cpu_utilization']:.1f}% {one['memory_utilization']:.1f}% {one['disk_iops']} "
            f"${one['cost_per_hour']:.4f}"
        )
        assert one["name"] in line
    by_name = {one["name"]: one for one in found}
    for vm in seeded[1].vms:
        one = by_name[vm.name]
        assert (0 < one["cpu_utilization"] <= 100) == vm.measured
        assert math.isnan(one["cpu_utilization"]) == (not vm.measured)
        assert math.isnan(one["memory_utilization"]) == (not vm.memory)
        assert (one["disk_iops"] > 0) == vm.measured
        if vm.state == "deallocated":
            assert (one["cost_per_hour"], one["price_basis"]) == (0.0, "stopped")


def test_the_samples_of_the_reference_print_numbers_by_variables_alone(
    bills: LocalAzure,
    seeded: tuple[LocalAzure, VmSeed, MlSeed],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, address in bills.endpoints.items():
        monkeypatch.setenv(f"AZURE_ENDPOINT_{name.upper()}", address)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bills.ca_file))
    given: dict[str, Any] = bills.credentials()
    agent = AzureTelemetryAgent(subscription_id=DEFAULT_SUBSCRIPTION, **given)

    exec(_SAMPLES, {"agent": agent, "start_date": date(2025, 1, 31), "end_date": date(2025, 2, 1)})  # noqa: S102 - a script

    said = capsys.readouterr().out
    assert said.count("VM: ") == sum(vm.group == "ml-resources" for vm in seeded[1].vms)
    assert len(re.findall(r"(?m)^  CPU: \d+\.\d%$", said)) == sum(
        vm.group == "ml-resources" and vm.measured for vm in seeded[1].vms
    )
    assert "Workspace: my-ml-workspace\n" in said
    assert re.search(r"Completed Jobs: \d+\n  Failed Jobs: \d+\n  Compute Hours: \d+\.\d+\n", said)
    assert said.endswith("Storage: $8.00\nVirtual Machines: $0.20\n")


def test_machines_can_be_asked_for_by_group_and_name(
    azure: LocalAzure, seeded: tuple[LocalAzure, VmSeed, MlSeed]
) -> None:
    agent, vms = _agent(azure), seeded[1].vms
    group = {vm.name for vm in vms if vm.group == "ml-resources"}
    assert {one["name"] for one in agent.collect_vm_metrics(resource_group="ML-Resources")} == group
    some = [vms[0].name, vms[1].name, "no-such-machine"]
    assert {one["name"] for one in agent.collect_vm_metrics(vm_names=some)} == set(some[:2])
    both = agent.collect_vm_metrics(resource_group="ml-resources", vm_names=[vm.name for vm in vms])
    assert {one["name"] for one in both} == group
    assert agent.collect_vm_metrics(vm_names=[]) == []
    assert agent.collect_vm_metrics(vm_names=["it's | project id"]) == []


def test_workspaces_have_every_documented_key_and_print(
    azure: LocalAzure, seeded: tuple[LocalAzure, VmSeed, MlSeed]
) -> None:
    agent, ml = _agent(azure), seeded[2]

    found = agent.collect_ml_workspace_metrics()

    assert {one["name"] for one in found} == {one.name for one in ml.workspaces}
    for one in found:
        line = (
            f"{one['name']} {one['active_jobs']} {one['completed_jobs']} {one['failed_jobs']} {one['compute_hours']} "
            f"${one['monthly_cost']:.2f}"
        )
        assert one["name"] in line
        (workspace,) = (each for each in ml.workspaces if each.name == one["name"])
        statuses = ml.statuses(workspace.id)
        assert one["active_jobs"] == statuses["Running"] + statuses["Queued"] + statuses["Preparing"]
        assert one["completed_jobs"] == statuses["Completed"]
        assert one["failed_jobs"] == statuses["Failed"]
        assert one["compute_hours"] == pytest.approx(_hours(ml, workspace.id, one["period_start"]))
    costs = {one["name"]: (one["monthly_cost"], one["currency"]) for one in found}
    assert costs[ml.workspaces[0].name] == (float(_CLUSTER_COST), "USD")
    assert costs[ml.workspaces[1].name] == (0.0, None)
    agent.collect_ml_workspace_metrics("my-ml-workspace")
    assert azure.calls()["costmanagement:query"] == 1, "what the month costs is asked for once an hour"


def _hours(ml: MlSeed, workspace: str, start: str) -> float:
    """Node hours of the month until the end of the window."""
    end = datetime.fromisoformat(start) + timedelta(minutes=15)
    month = (end - timedelta(microseconds=1)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    total = timedelta()
    for job in ml.jobs[workspace]:
        if job.started and not job.archived:
            total += max(timedelta(), min(job.ended or end, end) - max(job.started, month)) * job.instances
    return total / timedelta(hours=1)


def test_one_workspace_can_be_asked_for(azure: LocalAzure) -> None:
    agent = _agent(azure)
    (one,) = agent.collect_ml_workspace_metrics(workspace_name="my-ml-workspace")
    assert one["name"] == "my-ml-workspace"
    assert agent.collect_ml_workspace_metrics("no-such-workspace") == []


def test_a_cost_that_cannot_be_read_is_missing_and_explained(
    azure: LocalAzure, caplog: pytest.LogCaptureFixture
) -> None:
    azure.faults.deny(action="Microsoft.CostManagement/query/read")
    with caplog.at_level(logging.WARNING):
        found = _agent(azure).collect_ml_workspace_metrics()
    assert all(math.isnan(one["monthly_cost"]) for one in found)
    assert all(one["completed_jobs"] > 0 for one in found)
    assert "allow Microsoft.CostManagement/query/read" in caplog.text


@pytest.fixture
def bills(azure: LocalAzure) -> Iterator[LocalAzure]:
    amounts = {date(2025, 1, 31): 3, date(2025, 2, 1): 5, date(2025, 2, 2): 7}
    for day, amount in amounts.items():
        lines = [
            CostLine(service_name="Storage", cost=Decimal(amount)),
            CostLine(service_name="Virtual Machines", cost=Decimal("0.1")),
        ]
        azure.costs.load(DEFAULT_SUBSCRIPTION, day, lines)
    yield azure
    for day in amounts:
        azure.costs.restate(DEFAULT_SUBSCRIPTION, day, [])


def test_costs_are_by_service_with_both_days_included(bills: LocalAzure) -> None:
    costs = _agent(bills).get_cost_management_data(date(2025, 1, 31), date(2025, 2, 1))
    for service, cost in costs["by_service"].items():
        assert service in f"{service}: ${cost:.2f}"
    assert costs["by_service"] == {"Storage": 8.0, "Virtual Machines": 0.2}
    assert (costs["total"], costs["currency"]) == (8.2, "USD")
    assert (costs["start"], costs["end"]) == ("2025-01-31T00:00:00Z", "2025-02-02T00:00:00Z")
    assert bills.calls()["costmanagement:query"] == 2, "one for each month"


def test_instants_are_half_open(bills: LocalAzure) -> None:
    start, end = datetime(2025, 2, 1, tzinfo=UTC), datetime(2025, 2, 2, tzinfo=UTC)
    assert _agent(bills).get_cost_management_data(start, end)["total"] == 5.1


def test_currencies_are_never_added_up(bills: LocalAzure) -> None:
    bills.costs.load(
        DEFAULT_SUBSCRIPTION, date(2025, 2, 2), [CostLine(service_name="S", cost=Decimal(2), currency="EUR")]
    )
    costs = _agent(bills).get_cost_management_data(date(2025, 2, 2), date(2025, 2, 2))
    assert math.isnan(costs["total"])
    assert (costs["currency"], costs["by_service"]) == (None, {})
    assert {currency: one["total"] for currency, one in costs["by_currency"].items()} == {"EUR": 2.0, "USD": 7.1}


def test_a_time_without_costs_is_zero(azure: LocalAzure) -> None:
    costs = _agent(azure).get_cost_management_data(date(2024, 5, 1), date(2024, 5, 2))
    assert (costs["total"], costs["by_service"], costs["currency"]) == (0.0, {}, None)


@pytest.mark.parametrize(
    ("start", "end", "fault"),
    [
        (date(2025, 2, 2), date(2025, 2, 1), "end_date"),
        (datetime(2025, 2, 2, tzinfo=UTC), date(2025, 2, 3), "use two dates"),
        (datetime(2025, 2, 2), datetime(2025, 2, 3), "add a time zone"),  # noqa: DTZ001 - that is the fault
        (datetime(2025, 2, 2, 1, tzinfo=UTC), datetime(2025, 2, 3, tzinfo=UTC), "midnight of UTC"),
    ],
)
def test_a_span_that_makes_no_sense_is_refused(azure: LocalAzure, start: date, end: date, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        _agent(azure).get_cost_management_data(start, end)
    with pytest.raises(TypeError, match=r"start_date: '2025'"):
        _agent(azure).get_cost_management_data("2025", end)  # type: ignore[arg-type] # that is the fault
    assert azure.calls() == {}


def test_it_collects_in_the_background_until_it_is_stopped(azure: LocalAzure) -> None:
    agent = _agent(azure)
    seen: list[str] = []
    agent.start_collection(interval_seconds=3600, on_collected=lambda service, _: seen.append(service))
    with pytest.raises(RuntimeError, match="collecting already"):
        agent.start_collection()
    until(lambda: len(seen) == 2, within=60)
    agent.stop_collection()
    agent.stop_collection()
    assert seen == ["virtual_machines", "ml_workspace"]
    assert set(agent.latest) == set(seen)
    assert len(agent.latest["virtual_machines"]) == 24


def test_a_bill_with_a_row_that_cannot_be_read_has_no_total(bills: LocalAzure) -> None:
    def odd(page: dict[str, Any]) -> dict[str, Any]:
        page["properties"]["rows"][0][0] = "many"
        return page

    bills.rewrites["costmanagement:query"] = odd
    try:
        with pytest.raises(CollectionFailed, match=r"the bill cannot be read whole: .* 'many' is no number"):
            _agent(bills).get_cost_management_data(date(2025, 1, 31), date(2025, 2, 1))
    finally:
        bills.rewrites.clear()


def test_a_refused_part_is_nan_and_the_log_names_the_permission(
    azure: LocalAzure, caplog: pytest.LogCaptureFixture
) -> None:
    azure.faults.deny(action="Microsoft.Insights/Metrics/Read")
    found = _agent(azure).collect_vm_metrics()
    assert found
    assert all(math.isnan(one["cpu_utilization"]) for one in found)
    assert "allow Microsoft.Insights/Metrics/Read on /subscriptions/" in caplog.text
    assert azure.credentials()["client_secret"] not in caplog.text


def test_a_refusal_names_the_permission_and_no_secret(azure: LocalAzure) -> None:
    azure.faults.deny(action="Microsoft.ResourceGraph/resources/read")
    with pytest.raises(Denied) as raised:
        _agent(azure).collect_vm_metrics()
    assert raised.value.permission == "Microsoft.ResourceGraph/resources/read"
    assert azure.credentials()["client_secret"] not in repr(raised.value)


def test_arguments_are_expanded_and_half_credentials_refused(
    azure: LocalAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in azure.credentials().items():
        monkeypatch.setenv(f"AZURE_{name.upper()}", value)
    names = ("client_id", "client_secret", "tenant_id")
    agent = _agent(azure, **{name: f"${{AZURE_{name.upper()}}}" for name in names})
    assert len(agent.collect_vm_metrics()) == 24
    with pytest.raises(ConfigError, match="client_id is there and client_secret is missing") as raised:
        _agent(azure, client_secret=None)
    assert azure.credentials()["client_secret"] not in str(raised.value)
    with pytest.raises(ConfigError, match="AZURE_NOT_THERE is not set"):
        _agent(azure, client_id="${AZURE_NOT_THERE}")
