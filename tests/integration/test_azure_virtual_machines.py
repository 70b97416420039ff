"""Virtual machines against the local Azure: the least calls, and the numbers that were seeded."""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from agents.core.context import Shared
from emulators.azure import DEFAULT_SUBSCRIPTION, SECOND_SUBSCRIPTION, LocalAzure
from emulators.azure.metrics import NAMESPACES
from emulators.azure.seed import VmSeed, seed_vms
from emulators.azure.seed.vms import SeededVm
from telemetry.batch import Outcome
from telemetry.target import Window
from tests.support.azure import (
    CPU,
    MEMORY,
    NOW,
    VMS,
    WINDOW,
    add_vm,
    forget,
    put,
    settings,
    shared,
    standing_azure,
    steady,
)
from tests.support.collecting import Collected, collect

_SOURCES = {
    "cpu_utilization": CPU,
    "memory_utilization": MEMORY,
    "disk_read_iops": "Disk Read Operations/Sec",
    "disk_write_iops": "Disk Write Operations/Sec",
    "network_in": "Network In Total",
    "network_out": "Network Out Total",
}
_PRICE = Decimal("0.096")
"""Of a Standard_D2s_v5 with Linux in eastus; Windows adds 0.092."""


@pytest.fixture(scope="module")
def running() -> Iterator[LocalAzure]:
    with standing_azure() as azure:
        yield azure


@pytest.fixture
def azure(running: LocalAzure) -> LocalAzure:
    forget(running)
    return running


def test_a_thousand_machines_take_the_least_calls_and_bring_exactly_what_was_seeded(azure: LocalAzure) -> None:
    regions = ("eastus", "westeurope", "westus2", "uksouth")
    seed = seed_vms(azure, 1000, (DEFAULT_SUBSCRIPTION, SECOND_SUBSCRIPTION), regions)
    names = {"first": DEFAULT_SUBSCRIPTION, "second": SECOND_SUBSCRIPTION}
    process = shared(azure, accounts=[{"name": name, "subscription_id": one} for name, one in names.items()])

    collected = {name: collect(process, f"azure/{name}/global/virtual_machines", WINDOW) for name in names}

    # Those that do not run now may have run in the window.
    least = sum(math.ceil(n / 50) for n in seed.count("subscription", "region").values())
    sizes = {(vm.size, vm.region) for vm in seed.vms if vm.state != "deallocated"}
    calls = azure.calls()
    assert calls["resourcegraph:resources"] == 2
    assert calls["metrics:getBatch"] == least == seed.metric_calls()
    assert calls["retailprices:items"] == len(sizes)
    for name, subscription in names.items():
        one = collected[name]
        assert one.error is None
        assert one.report.outcome is Outcome.COMPLETE
        mine = [vm for vm in seed.vms if vm.subscription == subscription]
        assert {resource.resource_id for resource in one.resources} == {vm.id.lower() for vm in mine}
        found = {(point.resource.resource_id, point.metric): point.value for point in one.points()}
        assert len(found) == len(one.points()), "a value came twice"
        assert found == pytest.approx(_seeded(seed, mine))
    metered: dict[str, int] = {}
    for one in collected.values():
        for api, number in one.calls.items():
            metered[api.replace(".", ":", 1)] = metered.get(api.replace(".", ":", 1), 0) + number
    assert metered == calls


def _seeded(seed: VmSeed, vms: list[SeededVm]) -> dict[tuple[str, str], float]:
    values: dict[tuple[str, str], float] = {}
    for vm in vms:
        for ours, source in _SOURCES.items():
            bucket = seed.expected(vm, source, WINDOW.start, WINDOW.end)
            if bucket is None:
                continue
            value = bucket.total if ours.startswith("network") else bucket.average
            values[vm.id.lower(), ours] = 100 - value if ours == "memory_utilization" else value
    return values


def test_a_machine_is_described_whole(azure: LocalAzure) -> None:
    vm = add_vm(azure, group="ML-Resources", os="Windows", priority="Spot", tags={"team": "search"}, zones=["2"])

    (resource,) = collect(shared(azure), VMS, WINDOW).resources

    assert resource.resource_id == vm
    assert (resource.provider, resource.account, resource.region) == ("azure", DEFAULT_SUBSCRIPTION, "eastus")
    assert (resource.service, resource.type, resource.name) == ("virtual_machines", "Standard_D2s_v5", "vm-0001")
    assert resource.tags == {"team": "search"}
    assert resource.attributes == {
        "resource_group": "ml-resources",
        "vm_id": "00000000-0000-4000-8000-000000000001",
        "state": "running",
        "os": "Windows",
        "priority": "Spot",
        "zone": "2",
        "created": "2026-11-24T10:00:30Z",
    }


def test_prices_are_those_of_the_right_meter_and_what_has_none_is_unknown(azure: LocalAzure) -> None:
    expected = {
        add_vm(azure, 1): (_PRICE, "on_demand_list"),
        add_vm(azure, 2, os="Windows"): (Decimal("0.188"), "on_demand_list"),
        add_vm(azure, 3, priority="Spot"): (_PRICE * Decimal("0.21"), "spot"),
        add_vm(azure, 4, os="Windows", priority="Spot"): (Decimal("0.188") * Decimal("0.21"), "spot"),
        add_vm(azure, 5, priority="Low"): (_PRICE * Decimal("0.20"), "spot"),
        add_vm(azure, 6, os="Windows", license="Windows_Server"): (_PRICE, "on_demand_list"),
        add_vm(azure, 7, region="westeurope"): (_PRICE * Decimal("1.15"), "on_demand_list"),
        add_vm(azure, 8, state="stopped"): (_PRICE, "on_demand_list"),
        add_vm(azure, 9, state="deallocated"): (Decimal(0), "stopped"),
        add_vm(azure, 10, publisher="RedHat", license="RHEL_BYOS"): (_PRICE, "on_demand_list"),
        add_vm(azure, 12, size="STANDARD_D2S_V5"): (_PRICE, "on_demand_list"),
        add_vm(azure, 11, created=WINDOW.start + timedelta(minutes=2)): (_PRICE, "on_demand_list"),
    }
    unknown: list[dict[str, Any]] = [
        {"size": "Standard_D2als_v6"},
        {"publisher": "RedHat"},
        {"host": {"id": "/subscriptions/x/host"}},
    ]
    without: list[dict[str, Any]] = [{"state": "hibernated"}, {"created": WINDOW.end}]
    for number, fields in enumerate(unknown + without, start=20):
        add_vm(azure, number, **fields)

    collected = collect(shared(azure), VMS, WINDOW)

    rates = {rate.resource.resource_id: rate for rate in collected.rates()}
    assert {vm: (rate.amount, rate.basis) for vm, rate in rates.items()} == expected
    assert {rate.currency for rate in rates.values()} == {"USD"}
    periods = {rate.resource.name: rate.period for rate in rates.values()}
    assert periods.pop("vm-0011") == 180
    assert set(periods.values()) == {300}
    assert collected.report.unknown_prices == len(unknown)


def test_prices_come_in_the_currency_that_is_asked_for(azure: LocalAzure) -> None:
    add_vm(azure)
    (rate,) = collect(shared(azure, currency="EUR"), VMS, WINDOW).rates()
    assert rate.currency == "EUR"
    assert 0 < rate.amount != _PRICE


def test_a_second_window_looks_up_no_price_again(azure: LocalAzure) -> None:
    add_vm(azure)
    process = shared(azure)
    before = Window(WINDOW.start - timedelta(minutes=5), WINDOW.start)
    assert collect(process, VMS, before).calls["retailprices.items"] == 1
    assert collect(process, VMS, WINDOW).calls == {"resourcegraph.resources": 1, "metrics.getBatch": 1}


def test_what_a_machine_is_now_is_not_said_of_last_week(azure: LocalAzure) -> None:
    add_vm(azure, created=NOW - timedelta(days=30))
    week = timedelta(days=7)
    collected = collect(shared(azure), VMS, Window(WINDOW.start - week, WINDOW.end - week))
    assert collected.rates() == []
    assert len(collected.resources) == 1


def test_missing_stays_missing(azure: LocalAzure) -> None:
    put(azure, add_vm(azure, 1), CPU, steady(12.5))
    add_vm(azure, 2)
    add_vm(azure, 3, state="deallocated")
    collected = collect(shared(azure), VMS, WINDOW)
    assert [(one.resource.name, one.metric, one.value) for one in collected.points()] == [
        ("vm-0001", "cpu_utilization", 12.5)
    ]
    assert azure.calls()["metrics:getBatch"] == 1


def test_no_machines_take_one_call_and_are_empty(azure: LocalAzure) -> None:
    collected = collect(shared(azure), VMS, WINDOW)
    assert collected.report.outcome is Outcome.EMPTY
    assert {api for api in collected.calls if not api.startswith("login")} == {"resourcegraph.resources"}


def test_more_machines_than_a_page_holds_come_whole(azure: LocalAzure) -> None:
    for number in range(1001):
        add_vm(azure, number, state="deallocated")
    collected = collect(shared(azure), VMS, WINDOW)
    assert len({one.resource_id for one in collected.resources}) == 1001
    assert collected.calls["resourcegraph.resources"] == 2


def test_windows_of_other_lengths_have_the_values_of_their_minutes(azure: LocalAzure) -> None:
    vm = add_vm(azure)
    window = Window(WINDOW.start + timedelta(minutes=1), WINDOW.start + timedelta(minutes=4))
    put(azure, vm, CPU, {WINDOW.start + timedelta(minutes=minute): float(minute) for minute in range(5)})
    points = collect(shared(azure), VMS, window).points("cpu_utilization")
    assert [(one.start, one.period, one.value) for one in points] == [
        (window.start + timedelta(minutes=minute), 60, minute + 1.0) for minute in range(3)
    ]


def test_memory_that_the_platform_does_not_tell_is_read_from_the_workspace(azure: LocalAzure) -> None:
    workspace = azure.logs.workspace("99999999-9999-4999-8999-999999999999", DEFAULT_SUBSCRIPTION)
    put(azure, add_vm(azure, 1), MEMORY, steady(75))
    told = add_vm(azure, 2)
    add_vm(azure, 3)
    for vm, available in ((told, 2048), (told, 1024)):
        workspace.put(
            "InsightsMetrics",
            {
                "TimeGenerated": WINDOW.start + timedelta(minutes=1),
                "Namespace": "Memory",
                "Name": "AvailableMB",
                "Val": available,
                "Tags": '{"vm.azm.ms/memorySizeMB": 8192}',
                "_ResourceId": vm.lower(),
            },
        )

    collected = collect(shared(azure, logs_workspace_id=workspace.id), VMS, WINDOW)

    assert collected.error is None
    found = {one.resource.name: (one.value, one.source_metric) for one in collected.points("memory_utilization")}
    assert found == {
        "vm-0001": (25.0, "100 - Available Memory Percentage"),
        "vm-0002": (81.25, "InsightsMetrics Memory/AvailableMB"),
    }
    assert azure.calls()["logs:query"] == 1


def test_a_metric_that_the_cloud_does_not_have_does_not_hide_the_others(
    azure: LocalAzure, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(azure, add_vm(azure), CPU, steady(5))
    monkeypatch.delitem(NAMESPACES["microsoft.compute/virtualmachines"], MEMORY.lower())
    process = shared(azure)
    first = collect(process, VMS, WINDOW)
    assert first.error is None
    assert [one.metric for one in first.points()] == ["cpu_utilization"]
    assert first.calls["metrics.getBatch"] == 2
    assert collect(process, VMS, WINDOW).calls["metrics.getBatch"] == 1, "it is known by now"


def test_a_group_may_be_named_like_a_part_of_an_id(azure: LocalAzure) -> None:
    for number, group in enumerate(("subscriptions", "web"), start=1):
        put(azure, add_vm(azure, number, group=group), CPU, steady(5))
    collected = collect(shared(azure), VMS, WINDOW)
    assert collected.error is None
    assert len(collected.points()) == 2


def test_one_connection_serves_threads_side_by_side(azure: LocalAzure) -> None:
    seed_vms(azure, 60)
    process: Shared = Shared(settings(azure), now=lambda: NOW)
    with ThreadPoolExecutor(8) as pool:
        runs: list[Collected] = list(pool.map(lambda _: collect(process, VMS, WINDOW), range(8)))
    assert {run.report.outcome for run in runs} == {Outcome.COMPLETE}
    assert len({len(run.points()) for run in runs}) == 1
    assert sum(run.calls["resourcegraph.resources"] for run in runs) == azure.calls()["resourcegraph:resources"] == 8
    assert azure.calls()["login:token"] == 2, "one for the Resource Manager, one for metrics"
