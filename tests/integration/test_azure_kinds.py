"""Machines and clusters of every kind, as Azure describes them: what is priced, by whom, and what is unknown and why.

In the files of tests/data, ``price`` is what an hour costs, empty where it is unknown, null where another service has
it; ``nodes`` is null where Azure does not tell how many there are.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agents.core.pricing.unknown import PRICE_UNKNOWN, REFUSED
from emulators.azure import DEFAULT_SUBSCRIPTION, LocalAzure
from emulators.azure.resources import AzureResource
from telemetry.batch import Outcome
from telemetry.target import Window
from tests.support.azure import CPU, NOW, VMS, WINDOW, add_vm, forget, put, shared, standing_azure, steady
from tests.support.collecting import Collected, collect

_DATA = Path(__file__).parents[1] / "data" / "azure"
_AKS = "azure/default/global/aks"
_NODE_CPU = "node_cpu_usage_percentage"
_BEFORE = Window(WINDOW.start - timedelta(days=2), WINDOW.end - timedelta(days=2))


def _described(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((_DATA / f"{name}.json").read_text(encoding="utf-8"))
    return found


_MACHINES, _CLUSTERS = _described("machines"), _described("clusters")


@pytest.fixture(scope="module")
def running() -> Iterator[LocalAzure]:
    with standing_azure() as azure:
        yield azure


@pytest.fixture
def azure(running: LocalAzure) -> LocalAzure:
    forget(running)
    return running


def _add(azure: LocalAzure, *described: dict[str, Any]) -> list[str]:
    """Their ids, in lower case."""
    found = [
        AzureResource(
            DEFAULT_SUBSCRIPTION,
            "web",
            one["type"],
            one["name"],
            "eastus",
            one["properties"],
            sku=one.get("sku"),
            plan=one.get("plan"),
            extended_location=one.get("extended_location"),
        )
        for one in described
    ]
    azure.resources.add(found)
    return [one.id.lower() for one in found]


@pytest.fixture(scope="module")
def machines(running: LocalAzure) -> Collected:
    forget(running)
    for one in _add(running, *_MACHINES):
        put(running, one, CPU, steady(5))
    collected = collect(shared(running), VMS, WINDOW)
    assert collected.report.outcome is Outcome.COMPLETE
    return collected


@pytest.mark.parametrize("machine", _MACHINES, ids=[one["name"] for one in _MACHINES])
def test_a_machine_has_a_price_where_all_that_it_names_has_one(machines: Collected, machine: dict[str, Any]) -> None:
    (resource,) = [one for one in machines.resources if one.name == machine["name"]]
    rates = [one.amount for one in machines.rates() if one.resource.name == machine["name"]]
    assert rates == ([Decimal(machine["price"])] if machine["price"] else [])
    assert bool(resource.attributes.get("price_unknown")) == (not machine["price"] and _has_state(machine))
    assert [one.value for one in machines.points("cpu_utilization") if one.resource.key == resource.key] == [5]


def _has_state(machine: dict[str, Any]) -> bool:
    return "extended" in machine["properties"]


def test_a_state_that_is_not_told_is_unknown_and_said(machines: Collected) -> None:
    (resource,) = [one for one in machines.resources if one.name == "without-instance-view"]
    assert resource.attributes["state"] == "unknown"
    (reason,) = machines.report.partial
    assert reason.startswith("rates of 1 virtual machine: their state is not told")


@pytest.fixture(scope="module")
def clusters(running: LocalAzure) -> Collected:
    forget(running)
    _add(running, *_CLUSTERS)
    collected = collect(shared(running), _AKS, WINDOW)
    assert collected.report.outcome is Outcome.COMPLETE
    return collected


@pytest.mark.parametrize("cluster", _CLUSTERS, ids=[one["name"] for one in _CLUSTERS])
def test_a_pool_has_the_nodes_and_the_price_that_its_cluster_tells(
    clusters: Collected, cluster: dict[str, Any]
) -> None:
    name = cluster["name"]
    (pool,) = [one for one in clusters.resources if one.attributes.get("cluster") == name]
    nodes = [one.value for one in clusters.points("node_count") if one.resource.name == name]
    assert nodes == ([] if cluster["nodes"] is None else [cluster["nodes"]])
    assert pool.attributes.get("nodes") == cluster["nodes"]
    rates = [one.amount for one in clusters.rates() if one.resource.key == pool.key]
    assert rates == ([Decimal(cluster["price"])] if cluster["price"] else [])
    assert bool(pool.attributes.get("price_unknown")) == (cluster["price"] == "")


def test_what_nobody_tells_of_pools_is_said(clusters: Collected) -> None:
    partial = "\n".join(clusters.report.partial)
    assert "node_count of 3 aks clusters: " in partial
    assert "rates of 1 node pool: their state is not told, or is not one that is known" in partial
    assert "rates of 1 node pool: Azure does not tell how many nodes they have" in partial


@pytest.mark.parametrize("name", ["availability-set", "virtual-machines-now"])
def test_a_node_that_is_a_machine_is_priced_once(azure: LocalAzure, name: str) -> None:
    _add(azure, *(one for one in _CLUSTERS if one["name"] == name))
    put(azure, add_vm(azure, 1, group=f"MC_web_{name}_eastus", publisher="microsoft-aks"), CPU, steady(20))
    process = shared(azure)
    rates = [*collect(process, _AKS, WINDOW).rates(), *collect(process, VMS, WINDOW).rates()]
    assert sum(rate.amount for rate in rates) == Decimal("0.096")


def test_a_machine_that_was_deallocated_after_the_window_has_its_metrics_and_no_rate(azure: LocalAzure) -> None:
    put(azure, add_vm(azure, 1, state="deallocated"), CPU, steady(30))
    add_vm(azure, 2, state="deallocated")
    collected = collect(shared(azure), VMS, WINDOW)
    assert [point.value for point in collected.points("cpu_utilization")] == [30]
    assert [(rate.resource.name, rate.amount, rate.basis) for rate in collected.rates()] == [
        ("vm-0002", Decimal(0), "stopped")
    ]
    (reason,) = collected.report.partial
    assert reason.startswith("rates of 1 virtual machine: they told of their CPU in the window")


def test_silence_that_was_not_answered_is_no_evidence(azure: LocalAzure) -> None:
    add_vm(azure, 1, state="deallocated")
    azure.faults.deny(action="Microsoft.Insights/Metrics/Read")
    collected = collect(shared(azure), VMS, WINDOW)
    assert collected.rates() == []
    assert any("whether they ran in the window was not answered" in line for line in collected.report.partial)


def test_a_cluster_that_was_stopped_after_the_window_has_its_metrics_and_no_rate(azure: LocalAzure) -> None:
    (cluster,) = _add(azure, *(one for one in _CLUSTERS if one["name"] == "stopped"))
    put(azure, cluster, _NODE_CPU, steady(40))
    collected = collect(shared(azure), _AKS, WINDOW)
    assert [point.value for point in collected.points("cpu_utilization")] == [40]
    assert collected.rates() == []
    assert any("their cluster told of its CPU in the window" in line for line in collected.report.partial)


def test_a_price_list_that_refuses_costs_the_prices_alone(azure: LocalAzure) -> None:
    for number, size in enumerate(("Standard_D2s_v5", "Standard_D4s_v5"), start=1):
        put(azure, add_vm(azure, number, size=size), CPU, steady(5))
    azure.faults.inject("raw", api="retailprices:items", status=403)
    collected = collect(shared(azure), VMS, WINDOW)
    assert collected.report.outcome is Outcome.COMPLETE
    assert len(collected.points("cpu_utilization")) == 2
    assert {one.attributes[PRICE_UNKNOWN] for one in collected.resources} == {REFUSED}
    assert azure.calls()["retailprices:items"] == 1, "it is not asked again for each size"
    (reason,) = collected.report.partial
    assert reason.startswith("prices of 2 sizes of virtual machines: ")


def test_a_region_that_refuses_costs_its_own_metrics_alone(azure: LocalAzure) -> None:
    for number, region in enumerate(("eastus", "westeurope"), start=1):
        put(azure, add_vm(azure, number, region=region), CPU, steady(5))
    azure.faults.inject("raw", api="metrics:getBatch", region="eastus", status=403)
    collected = collect(shared(azure), VMS, WINDOW)
    assert [point.resource.region for point in collected.points("cpu_utilization")] == ["westeurope"]
    (reason,) = collected.report.partial
    assert reason.startswith("metrics of 1 virtual machine in eastus: ")
    assert collected.report.permission == "Microsoft.Insights/Metrics/Read"


def test_a_late_window_without_its_changes_has_metrics_and_no_rates(azure: LocalAzure) -> None:
    put(azure, add_vm(azure, 1, created=NOW - timedelta(days=30)), CPU, steady(5, _BEFORE))

    def odd(page: dict[str, Any]) -> dict[str, Any]:
        return page if any("power" in row for row in page["data"]) else {**page, "data": None}

    azure.rewrites["resourcegraph:resources"] = odd
    collected = collect(shared(azure), VMS, _BEFORE)
    assert collected.report.outcome is Outcome.COMPLETE
    assert len(collected.points("cpu_utilization")) == 1
    assert collected.rates() == []
    assert any(line.startswith("what was deleted since: ") for line in collected.report.partial)


@pytest.mark.parametrize(
    "change",
    [7, {"id": "x", "target": 7, "what": "Delete"}, {"id": "x", "target": "y", "what": "Update", "changes": [7]}],
    ids=str,
)
def test_a_change_that_cannot_be_read_may_be_any(azure: LocalAzure, change: Any) -> None:
    put(azure, add_vm(azure, 1, created=NOW - timedelta(days=30)), CPU, steady(5, _BEFORE))
    assert collect(shared(azure), VMS, _BEFORE).rates()

    def odd(page: dict[str, Any]) -> dict[str, Any]:
        return page if any("power" in row for row in page["data"]) else {**page, "data": [change]}

    azure.rewrites["resourcegraph:resources"] = odd
    collected = collect(shared(azure), VMS, _BEFORE)
    assert collected.report.outcome is Outcome.COMPLETE
    assert collected.rates() == []
    assert any(" of 1 change: " in line for line in collected.report.partial)
