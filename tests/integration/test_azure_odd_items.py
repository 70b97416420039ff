"""One odd item of any listing of any service: it is counted and named, and costs no neighbour."""

import copy
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple

import pytest

from emulators.azure import DEFAULT_SUBSCRIPTION, LocalAzure
from emulators.azure.cost import CostLine
from emulators.azure.resources import AzureResource
from emulators.azure.seed import seed_ml
from telemetry.batch import Outcome
from telemetry.target import Window
from tests.support.azure import CPU, VMS, WINDOW, add_vm, forget, put, shared, standing_azure, steady
from tests.support.collecting import Collected, collect, erased

_DAY = Window(datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC))
_QUARTER = Window(WINDOW.start.replace(minute=30), WINDOW.end)
_HOUR = Window(WINDOW.start.replace(hour=10, minute=0), WINDOW.start.replace(hour=11, minute=0))
_GRAPH, _BATCH, _PRICES = "resourcegraph:resources", "metrics:getBatch", "retailprices:items"
_COSTS, _JOBS = "costmanagement:query", "machinelearning:jobs"
_MUTANTS = int(os.environ.get("FINFLEET_AZURE_MUTANTS", "8"))
"""Of each listing; a thousand are all of them."""
_ODD = (None, 5, "x", ["x"], {"x": 1}, True)


class Listing(NamedTuple):
    """Where an answer has its items."""

    api: str
    service: str
    window: Window
    items: Callable[[Any], list[Any]]


_LISTINGS = {
    "machines": Listing(_GRAPH, "virtual_machines", WINDOW, lambda page: page["data"]),
    "clusters": Listing(_GRAPH, "aks", WINDOW, lambda page: page["data"]),
    "pools": Listing(_GRAPH, "aks", WINDOW, lambda page: page["data"][0]["pools"]),
    "apps": Listing(_GRAPH, "functions", WINDOW, lambda page: page["data"]),
    "accounts": Listing(_GRAPH, "storage", _HOUR, lambda page: page["data"]),
    "workspaces": Listing(_GRAPH, "ml_workspace", _QUARTER, lambda page: page["data"]),
    "resources of a batch": Listing(_BATCH, "virtual_machines", WINDOW, lambda page: page["values"]),
    "metrics of a resource": Listing(_BATCH, "virtual_machines", WINDOW, lambda page: page["values"][0]["value"]),
    "values of a metric": Listing(
        _BATCH, "virtual_machines", WINDOW, lambda page: page["values"][0]["value"][0]["timeseries"][0]["data"]
    ),
    "jobs": Listing(_JOBS, "ml_workspace", _QUARTER, lambda page: page["value"]),
    "prices": Listing(_PRICES, "virtual_machines", WINDOW, lambda page: page["Items"]),
    "rows of a bill": Listing(_COSTS, "cost", _DAY, lambda page: page["properties"]["rows"]),
}


@pytest.fixture(scope="module")
def running() -> Iterator[LocalAzure]:
    with standing_azure() as azure:
        lines = [CostLine(service_name=f"S{n}", cost=Decimal(n)) for n in (1, 2, 4)]
        azure.costs.load(DEFAULT_SUBSCRIPTION, _DAY.start.date(), lines)
        yield azure


def _resource(kind: str, name: str, *, app: str = "", **properties: Any) -> AzureResource:
    return AzureResource(DEFAULT_SUBSCRIPTION, "web", kind, name, "eastus", properties, {"team": "a"}, kind=app)


@pytest.fixture
def azure(running: LocalAzure, monkeypatch: pytest.MonkeyPatch) -> LocalAzure:
    monkeypatch.setattr("agents.core.calls._FIRST_PAUSE", 0.001)
    monkeypatch.setattr("agents.azure.calls.AzureCalls.attempts", 1)
    forget(running)
    for number in (1, 2):
        put(running, add_vm(running, number), CPU, steady(10 * number))
        pools = [
            {"name": name, "count": number, "vmSize": "Standard_D2s_v5", "type": "VirtualMachineScaleSets"}
            | {"osType": "Linux", "mode": "System", "powerState": {"code": "Running"}}
            for name in ("one", "two")
        ]
        running.resources.add(
            [
                _resource(
                    "Microsoft.ContainerService/managedClusters",
                    f"c{number}",
                    powerState={"code": "Running"},
                    agentPoolProfiles=pools,
                ),
                _resource("Microsoft.Web/sites", f"a{number}", app="functionapp", state="Running", sku="Dynamic"),
                _resource("Microsoft.Storage/storageAccounts", f"s{number}", app="StorageV2", accessTier="Hot"),
            ]
        )
    seed_ml(running, 2, jobs=3)
    return running


def _collect(azure: LocalAzure, listing: Listing) -> Collected:
    return collect(shared(azure), f"azure/default/global/{listing.service}", listing.window)


def _keys(collected: Collected) -> set[str]:
    """What was found, each thing with its numbers."""
    found = {one.resource_id for one in collected.resources}
    found |= {f"{one.resource.resource_id} {one.metric} {one.start} {one.value}" for one in collected.points()}
    found |= {f"{one.resource.resource_id} {one.amount}" for one in collected.rates()}
    return found | {f"{one.service_name} {one.amounts}" for one in collected.costs()}


@pytest.mark.parametrize("odd", _ODD, ids=map(repr, _ODD))
@pytest.mark.parametrize("name", list(_LISTINGS))
def test_something_that_is_no_item_costs_no_neighbour(azure: LocalAzure, name: str, odd: Any) -> None:
    listing = _LISTINGS[name]
    whole = _keys(_collect(azure, listing))

    def more(page: Any) -> Any:
        listing.items(page).append(odd)
        return page

    azure.rewrites[listing.api] = more
    collected = _collect(azure, listing)
    assert collected.error is None, collected.error
    assert collected.report.outcome is Outcome.COMPLETE
    assert collected.report.partial
    assert name != "rows of a bill" or collected.report.not_before is not None, "too low, it is read again"
    unsure = _keys(collected) ^ whole
    if name == "jobs":
        assert all("_jobs" in one or "compute_hours" in one for one in unsure), "who knows in which state it is"
    elif name == "pools":
        assert all("node_count" in one for one in unsure), "who knows how many nodes it has"
    else:
        assert not unsure


@pytest.mark.parametrize("odd", [None, 5, {}, {"id": None}])
@pytest.mark.parametrize("name", [name for name, one in _LISTINGS.items() if one.api == _GRAPH and name != "pools"])
def test_where_nothing_can_be_read_nothing_is_empty(azure: LocalAzure, name: str, odd: Any) -> None:
    azure.rewrites[_GRAPH] = lambda page: {**page, "data": [odd], "totalRecords": 1}
    assert _collect(azure, _LISTINGS[name]).report.outcome is Outcome.FAILED


def _fields(item: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """The paths of all fields of an item, and what they hold."""
    inner = item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ()
    for key, value in inner:
        yield (*path, key), value
        yield from _fields(value, (*path, key))


def _changed(item: Any, path: tuple[Any, ...], value: Any, *, drop: bool = False) -> Any:
    item = copy.deepcopy(item)
    place = item
    for key in path[:-1]:
        place = place[key]
    if drop:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return item


def _mutants(item: Any, seed: str) -> list[tuple[str, Any]]:
    """Some of the ways in which one field can be odd: gone, empty, or of another kind than it was."""
    found = []
    for path, former in _fields(item):
        for value in (*_ODD, ...):
            # That one of a list is gone, nobody can know; and that a job has one node is Azure's own default.
            if (value is ... or value is None) and (
                isinstance(path[-1], int) or path[-1] in {"resources", "instanceCount"}
            ):
                continue
            if value is ... or (type(value) is not type(former) and not {type(value), type(former)} <= {int, float}):
                text = f"{'.'.join(map(str, path))}: {value!r}"
                found.append((text, _changed(item, path, value, drop=value is ...)))
    return Random(seed).sample(found, min(_MUTANTS, len(found)))


@pytest.mark.parametrize("name", list(_LISTINGS))
def test_an_odd_field_costs_no_neighbour_and_makes_no_number(azure: LocalAzure, name: str) -> None:
    listing = _LISTINGS[name]
    last: list[Any] = []

    def keep(page: Any) -> Any:
        last[:] = [copy.deepcopy(listing.items(page)[-1])]
        return page

    azure.rewrites[listing.api] = keep
    whole = _collect(azure, listing)
    named, numbers = {one.resource_id for one in whole.resources}, _numbers(whole)
    for text, odd in _mutants(last[0], name):

        def change(page: Any, odd: Any = odd) -> Any:
            items = listing.items(page)
            items[-1:] = [odd if items[-1] == last[0] else items[-1]]
            return page

        azure.rewrites[listing.api] = change
        collected = _collect(azure, listing)
        assert collected.error is None, (text, collected.error)
        lost = named - {one.resource_id for one in collected.resources}
        # A cluster takes its two pools along.
        assert len(lost) <= 1 + 2 * (name == "clusters"), (text, lost)
        assert _numbers(collected) <= numbers, (text, _numbers(collected) - numbers)
        # What is None may be not there; what cannot be read is not gone.
        assert text.endswith(": None") or not erased(whole, collected), (text, erased(whole, collected))


def _numbers(collected: Collected) -> set[tuple[str, str, float]]:
    points = {(one.resource.name, one.metric, one.value) for one in collected.points()}
    return points | {(one.resource.name, one.basis, float(one.amount)) for one in collected.rates()}


@pytest.mark.parametrize("name", sorted(set(_LISTINGS) - {"prices"}))
def test_what_is_listed_twice_is_taken_once(azure: LocalAzure, name: str) -> None:
    listing = _LISTINGS[name]
    whole = _collect(azure, listing)
    if name == "rows of a bill":
        # Within one page there is no overlap: rows are told apart by what they are grouped by.
        azure.costs.page_size, former = 2, azure.costs.page_size
        pages: list[Any] = []

        def overlap(page: Any) -> Any:
            rows = listing.items(page)
            rows[:0] = pages[-1:]
            pages[:] = rows[-1:] if page["properties"]["nextLink"] else []
            return page

        azure.rewrites[listing.api] = overlap
        try:
            twice = _collect(azure, listing)
        finally:
            azure.costs.page_size = former
    else:

        def double(page: Any) -> Any:
            items = listing.items(page)
            items.extend(copy.deepcopy(items))
            return page

        azure.rewrites[listing.api] = double
        twice = _collect(azure, listing)
    assert twice.error is None, twice.error
    assert _keys(twice) == _keys(whole)
    assert len(twice.points()) == len(whole.points())
    assert len(twice.rates()) == len(whole.rates())
    assert len(twice.costs()) == len(whole.costs())


def test_two_values_of_one_interval_are_no_value(azure: LocalAzure) -> None:
    def double(page: Any) -> Any:
        data = page["values"][0]["value"][0]["timeseries"][0]["data"]
        data.append({**data[0], "average": 99.0})
        return page

    azure.rewrites[_BATCH] = double
    collected = collect(shared(azure), VMS, WINDOW)
    assert [point.value for point in collected.points("cpu_utilization")] == [20.0]
    assert any("two values" in line for line in collected.report.partial)
