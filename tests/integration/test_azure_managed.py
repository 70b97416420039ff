"""Clusters, function apps, storage accounts and ML workspaces against the local Azure."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from emulators.azure import DEFAULT_SUBSCRIPTION, LocalAzure
from emulators.azure.ml_jobs import Job
from emulators.azure.resources import AzureResource
from emulators.azure.seed import ResourceSeed, seed_aks, seed_functions, seed_ml, seed_storage
from telemetry.batch import Outcome
from telemetry.target import Window
from tests.support.azure import WINDOW, forget, shared, standing_azure
from tests.support.collecting import Collected, collect

_PRICES = {"Standard_D2s_v5": Decimal("0.096"), "Standard_F8s_v2": Decimal("0.338") * Decimal("0.21")}
"""In eastus, as they are seeded: the second by spot."""
_FACTORS = {"eastus": Decimal(1), "westeurope": Decimal("1.15")}
_QUARTER = Window(datetime(2026, 11, 24, 11, 30, tzinfo=UTC), datetime(2026, 11, 24, 11, 45, tzinfo=UTC))
_HOUR = Window(datetime(2026, 11, 24, 10, tzinfo=UTC), datetime(2026, 11, 24, 11, tzinfo=UTC))
_ML = "azure/default/global/ml_workspace"


@pytest.fixture(scope="module")
def running() -> Iterator[LocalAzure]:
    with standing_azure() as azure:
        yield azure


@pytest.fixture
def azure(running: LocalAzure) -> LocalAzure:
    forget(running)
    return running


def _calls(azure: LocalAzure) -> dict[str, int]:
    return {api: calls for api, calls in azure.calls().items() if not api.startswith("login:")}


def _check(collected: Collected, seed: ResourceSeed, sources: dict[str, tuple[str, str, str]], window: Window) -> None:
    """``sources``: our name -> (what the id is followed by, Azure's name, aggregation)."""
    expected = {}
    for one in seed.resources:
        for ours, (suffix, source, aggregation) in sources.items():
            bucket = seed.expected(f"{one.id}{suffix}", source, window.start, window.end)
            if bucket is not None:
                expected[one.id.lower(), ours] = getattr(bucket, aggregation)
    found = {
        (point.resource.resource_id, point.metric): point.value
        for point in collected.points()
        if point.statistic != "gauge"
    }
    assert found == pytest.approx(expected)
    assert {metric for _, metric in found} == set(sources)


def test_clusters_have_nodes_figures_and_rates(azure: LocalAzure) -> None:
    seed = seed_aks(azure, 8)

    collected = collect(shared(azure), "azure/default/global/aks", WINDOW)

    assert collected.error is None
    sources = {
        "cpu_utilization": ("", "node_cpu_usage_percentage", "average"),
        "memory_utilization": ("", "node_memory_working_set_percentage", "average"),
        "network_in": ("", "node_network_in_bytes", "average"),
    }
    _check(collected, seed, sources, WINDOW)
    assert _calls(azure)["metrics:getBatch"] == 2, "one for each region"
    assert _calls(azure)["resourcegraph:resources"] == 1
    nodes = {point.resource.resource_id: point.value for point in collected.points("node_count")}
    rates = {rate.resource.resource_id: (rate.amount, rate.basis) for rate in collected.rates()}
    for cluster in seed.resources:
        stopped = cluster.id in seed.silent
        pools = cluster.properties["agentPoolProfiles"]
        assert nodes[cluster.id.lower()] == (0 if stopped else sum(pool["count"] for pool in pools))
        for pool in pools:
            amount = 0 if stopped else _PRICES[pool["vmSize"]] * _FACTORS[cluster.location] * pool["count"]
            rate, basis = rates[f"{cluster.id.lower()}/agentpools/{pool['name']}"]
            assert rate == pytest.approx(amount, abs=Decimal("0.00001"))
            assert (basis == "stopped") == (stopped or not pool["count"])


def test_function_apps_have_executions_errors_and_memory(azure: LocalAzure) -> None:
    seed = seed_functions(azure)

    collected = collect(shared(azure), "azure/default/global/functions", WINDOW)

    assert {one.name for one in collected.resources} == {one.name for one in seed.resources}, "and no plain web app"
    sources = {
        "invocations": ("", "FunctionExecutionCount", "total"),
        "errors": ("", "Http5xx", "total"),
        "memory_used": ("", "MemoryWorkingSet", "average"),
    }
    units = collected.points("execution_gb_seconds")
    rest = Collected(collected.batches, collected.report, None)
    found = {(point.resource.resource_id, point.metric): point.value for point in rest.points()}
    for one in seed.resources:
        for ours, (_, source, aggregation) in sources.items():
            bucket = seed.expected(one.id, source, WINDOW.start, WINDOW.end)
            if bucket is None:
                assert (one.id.lower(), ours) not in found
            else:
                assert found[one.id.lower(), ours] == pytest.approx(getattr(bucket, aggregation))
    for point in units:
        bucket = seed.expected(point.resource.resource_id, "FunctionExecutionUnits", WINDOW.start, WINDOW.end)
        assert bucket is not None
        assert point.value == pytest.approx(bucket.total / 1_024_000)
    assert len(units) == len(seed.resources) - len(seed.silent)
    assert _calls(azure) == {"resourcegraph:resources": 1, "metrics:getBatch": 4}


def test_storage_accounts_have_capacity_and_traffic(azure: LocalAzure) -> None:
    seed = seed_storage(azure, 4)

    collected = collect(shared(azure), "azure/default/global/storage", _HOUR)

    sources = {
        "used_capacity": ("", "UsedCapacity", "average"),
        "transactions": ("", "Transactions", "total"),
        "egress": ("", "Egress", "total"),
        "blob_capacity": ("/blobServices/default", "BlobCapacity", "average"),
        "blob_count": ("/blobServices/default", "BlobCount", "average"),
    }
    _check(collected, seed, sources, _HOUR)
    assert {point.period for point in collected.points()} == {3600}
    assert _calls(azure) == {"resourcegraph:resources": 1, "metrics:getBatch": 6}


def test_an_account_without_blobs_is_not_asked_for_them(azure: LocalAzure) -> None:
    account = AzureResource(
        DEFAULT_SUBSCRIPTION, "data", "Microsoft.Storage/storageAccounts", "files", "eastus", {}, kind="FileStorage"
    )
    azure.resources.add([account])
    collect(shared(azure), "azure/default/global/storage", _HOUR)
    assert _calls(azure)["metrics:getBatch"] == 2


def test_workspaces_have_jobs_runs_and_nodes(azure: LocalAzure) -> None:
    azure.jobs.page_size = 25
    seed = seed_ml(azure, 3)

    collected = collect(shared(azure), _ML, _QUARTER)

    assert collected.error is None
    for workspace in seed.workspaces:
        statuses = seed.statuses(workspace.id)
        found = {
            point.metric: point.value
            for point in collected.points()
            if point.resource.resource_id == workspace.id.lower()
        }
        assert found["active_jobs"] == statuses["Running"] + statuses["Queued"] + statuses["Preparing"]
        assert (found["completed_jobs"], found["failed_jobs"]) == (statuses["Completed"], statuses["Failed"])
        assert {"compute_hours", "completed_runs", "failed_runs", "active_nodes", "active_cores"} <= found.keys()
    assert _calls(azure) == {"resourcegraph:resources": 1, "metrics:getBatch": 4, "machinelearning:jobs": 6}


def test_hours_are_those_of_the_month_for_every_node(azure: LocalAzure) -> None:
    workspace = seed_ml(azure, 1, jobs=0, names=("hours",)).workspaces[0].id
    month, end = datetime(2026, 11, 1, tzinfo=UTC), _QUARTER.end
    hour = timedelta(hours=1)
    azure.jobs.put(
        workspace,
        Job("before", "Completed", month - 9 * hour, started=month - 8 * hour, ended=month - 7 * hour),
        Job("across", "Completed", month - 3 * hour, started=month - 2 * hour, ended=month + hour, instances=4),
        Job("within", "Failed", month + hour, started=month + 2 * hour, ended=month + 4 * hour, instances=2),
        Job("still", "Running", end - 4 * hour, started=end - 3 * hour, instances=3),
        Job("waits", "Queued", end - hour),
        Job("hidden", "Completed", month, started=month, ended=end, archived=True),
    )
    (point,) = collect(shared(azure), _ML, _QUARTER).points("compute_hours")
    assert point.value == pytest.approx(4 + 4 + 9)
    azure.jobs.put(workspace, Job("untold", "Completed", end - hour))
    assert collect(shared(azure), _ML, _QUARTER).points("compute_hours") == [], "missing is not zero"


def test_jobs_are_not_asked_for_of_the_past(azure: LocalAzure) -> None:
    seed_ml(azure, 1)
    week = timedelta(days=7)
    collected = collect(shared(azure), _ML, Window(_QUARTER.start - week, _QUARTER.end - week))
    assert "machinelearning.jobs" not in collected.calls
    assert collected.points("active_jobs") == []
    assert collected.points("active_nodes")


def test_a_list_of_jobs_that_breaks_off_costs_its_workspace_the_jobs_alone(azure: LocalAzure) -> None:
    azure.jobs.page_size = 10
    seed_ml(azure, 2, jobs=15)
    azure.faults.inject("bad_page", api="machinelearning:jobs", count=1)
    collected = collect(shared(azure), _ML, _QUARTER)
    assert collected.report.outcome is Outcome.COMPLETE
    (reason,) = collected.report.partial
    assert reason.startswith("jobs and node hours of 1 workspace: ")
    assert len(collected.points("active_jobs")) == 1, "a part of a list is no number"
    assert len({point.resource.key for point in collected.points("active_nodes")}) == 2


def test_reads_slow_down_before_they_are_refused(azure: LocalAzure) -> None:
    azure.jobs.page_size = 5
    azure.limits.reads, former = 5, azure.limits.reads
    try:
        seed_ml(azure, 2, jobs=20)
        collected = collect(shared(azure), _ML, _QUARTER)
    finally:
        azure.limits.reads = former
    assert collected.error is None
    assert collected.calls["machinelearning.jobs"] >= 8
    assert azure.calls(outcome="throttle") == {}


@pytest.mark.parametrize("service", ["aks", "functions", "ml_workspace"])
def test_nothing_there_takes_one_call(azure: LocalAzure, service: str) -> None:
    collected = collect(shared(azure), f"azure/default/global/{service}", _QUARTER)
    assert collected.report.outcome is Outcome.EMPTY
    assert _calls(azure) == {"resourcegraph:resources": 1}
