"""The Resource Manager's lists of the local Azure, and the jobs of workspaces."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from emulators.azure import DEFAULT_SUBSCRIPTION, SECOND_SUBSCRIPTION, LocalAzure
from emulators.azure.seed import MlSeed, VmSeed, seed_aks, seed_functions, seed_ml, seed_storage, seed_vms
from tests.support.azure import NOW
from tests.support.local_azure import graph, graph_client, measure, metrics_client, plain_client

_VMS = f"/subscriptions/{DEFAULT_SUBSCRIPTION}/providers/Microsoft.Compute/virtualMachines"
_VM_VERSION = {"api-version": "2024-07-01"}
_JOBS_VERSION = {"api-version": "2024-10-01"}


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[LocalAzure, VmSeed, MlSeed]]:
    with LocalAzure(clock=NOW.timestamp) as azure:
        yield azure, seed_vms(azure, 240), seed_ml(azure, 2, jobs=60)


@pytest.fixture
def azure(running: tuple[LocalAzure, VmSeed, MlSeed]) -> Iterator[LocalAzure]:
    running[0].reset_calls()
    yield running[0]
    running[0].faults.clear()


@pytest.fixture
def client(azure: LocalAzure) -> Iterator[httpx.Client]:
    with plain_client(azure) as client:
        azure.reset_calls()
        yield client


def pages(client: httpx.Client, path: str, **query: str) -> list[dict[str, Any]]:
    page = client.get(path, params=query).raise_for_status().json()
    found: list[dict[str, Any]] = page["value"]
    while "nextLink" in page:
        page = client.get(page["nextLink"]).raise_for_status().json()
        found += page["value"]
    return found


def test_subscriptions_and_their_states(azure: LocalAzure, client: httpx.Client) -> None:
    azure.faults.disable_subscription(SECOND_SUBSCRIPTION)
    found = pages(client, "/subscriptions", **{"api-version": "2022-12-01"})
    assert {one["subscriptionId"]: one["state"] for one in found} == {
        DEFAULT_SUBSCRIPTION: "Enabled",
        SECOND_SUBSCRIPTION: "Disabled",
    }
    assert azure.calls() == {"resource_manager:subscriptions": 1}


def test_machines_are_listed_by_pages_with_their_power_states(
    azure: LocalAzure, client: httpx.Client, running: tuple[LocalAzure, VmSeed, MlSeed]
) -> None:
    mine = [vm for vm in running[1].vms if vm.subscription == DEFAULT_SUBSCRIPTION]
    found = pages(client, _VMS, statusOnly="true", **_VM_VERSION)
    assert azure.calls() == {"resource_manager:virtualMachines": 3}
    assert {one["id"] for one in found} == {vm.id for vm in mine}
    assert {one["type"] for one in found} == {"Microsoft.Compute/virtualMachines"}
    states = Counter(one["properties"]["instanceView"]["statuses"][1]["code"] for one in found)
    assert states == {f"PowerState/{state}": n for state, n in Counter(vm.state for vm in mine).items()}
    group = f"/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/WEB/providers/Microsoft.Compute/virtualMachines"
    assert len(pages(client, group, **_VM_VERSION)) == sum(vm.group == "web" for vm in mine)


def test_reads_are_counted_down_and_then_refused() -> None:
    with LocalAzure(clock=NOW.timestamp) as azure:
        azure.limits.reads, azure.limits.reads_per_second = 3, 0.001
        seed_vms(azure, 4)
        with plain_client(azure) as client:
            answers = [client.get(_VMS, params=_VM_VERSION) for _ in range(4)]
            left = [answer.headers["x-ms-ratelimit-remaining-subscription-reads"] for answer in answers]
            assert left == ["2", "1", "0", "0"]
            refused = answers[-1]
            assert (refused.status_code, refused.json()["error"]["code"]) == (429, "SubscriptionRequestsThrottled")
            assert int(refused.headers["retry-after"]) > 60
            other = _VMS.replace(DEFAULT_SUBSCRIPTION, SECOND_SUBSCRIPTION)
            assert client.get(other, params=_VM_VERSION).status_code == 200
            assert (
                "x-ms-ratelimit-remaining-tenant-reads"
                in client.get("/subscriptions", params={"api-version": "2022-12-01"}).headers
            )


def test_refusals_have_azures_shape(azure: LocalAzure, client: httpx.Client) -> None:
    nowhere = "99999999-9999-4999-8999-999999999999"
    for path, query, status, code in (
        (_VMS, {}, 400, "MissingApiVersionParameter"),
        (_VMS, {"api-version": "1999-01-01"}, 400, "InvalidApiVersionParameter"),
        (_VMS.replace(DEFAULT_SUBSCRIPTION, nowhere), _VM_VERSION, 404, "SubscriptionNotFound"),
        (f"/subscriptions/{DEFAULT_SUBSCRIPTION}/unknown", _VM_VERSION, 404, "NotFound"),
        (_VMS.replace("/providers", "/resourceGroups/none/providers"), _VM_VERSION, 404, "ResourceGroupNotFound"),
        (_VMS, {**_VM_VERSION, "$skiptoken": "?"}, 400, "BadRequest"),
    ):
        answer = client.get(path, params=query)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        assert answer.json()["error"]["message"]
    graph_path = "/providers/Microsoft.ResourceGraph/resources"
    version = {"api-version": "2022-10-01"}
    for body, code in ((b"{", "InvalidRequestContent"), (b"[]", "InvalidRequestContent"), (b"{}", "BadRequest")):
        answer = client.post(graph_path, params=version, content=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert client.get(graph_path, params=version).status_code == 405


def test_a_body_of_other_kinds_is_refused_too(azure: LocalAzure, client: httpx.Client) -> None:
    scope = f"/subscriptions/{DEFAULT_SUBSCRIPTION}"
    costs, graphs = f"{scope}/providers/Microsoft.CostManagement/query", "/providers/Microsoft.ResourceGraph/resources"
    period = {"from": "2026-10-01", "to": "2026-10-01"}
    query: dict[str, Any] = {"type": "Usage", "timeframe": "Custom", "timePeriod": period}
    amount = {"c": {"name": "Cost", "function": "Sum"}}
    for path, version, body in (
        (graphs, "2022-10-01", {"query": "Resources", "options": {"$skip": "x"}}),
        (graphs, "2022-10-01", {"query": ["Resources"]}),
        (graphs, "2022-10-01", {"query": "Resources", "options": {"$skipToken": 7}}),
        (costs, "2025-03-01", {**query, "dataset": {"aggregation": {"c": "Cost"}}}),
        (costs, "2025-03-01", {**query, "dataset": {"aggregation": amount, "grouping": ["ServiceName"]}}),
        (costs, "2025-03-01", {**query, "dataset": {"aggregation": amount, "filter": {"and": 7}}}),
        (costs, "2025-03-01", {**query, "dataset": {"aggregation": amount, "filter": {"dimensions": []}}}),
    ):
        answer = client.post(path, params={"api-version": version}, json=body)
        assert (answer.status_code, bool(answer.json()["error"]["code"])) == (400, True), body


def test_the_permissions_that_were_needed(azure: LocalAzure, client: httpx.Client) -> None:
    graph(graph_client(azure), "Resources | count")
    client.get(_VMS, params=_VM_VERSION)
    assert azure.permissions() == {"Microsoft.ResourceGraph/resources/read", "Microsoft.Compute/virtualMachines/read"}


def test_a_denial_names_the_action_and_the_scope(azure: LocalAzure, client: httpx.Client) -> None:
    scope = f"/subscriptions/{DEFAULT_SUBSCRIPTION}"
    azure.faults.deny(scope=scope, action="Microsoft.Compute/virtualMachines/read")
    answer = client.get(_VMS, params=_VM_VERSION)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "AuthorizationFailed")
    text = answer.json()["error"]["message"]
    assert f"perform action 'Microsoft.Compute/virtualMachines/read' over scope '{scope}'" in text
    assert azure.credentials()["client_id"] in text
    assert client.get(f"{scope}/resourceGroups", params={"api-version": "2021-04-01"}).status_code == 200


def test_jobs_of_a_workspace(
    azure: LocalAzure, client: httpx.Client, running: tuple[LocalAzure, VmSeed, MlSeed]
) -> None:
    azure.jobs.page_size = 20
    for workspace in running[2].workspaces:
        azure.reset_calls()
        found = pages(client, f"{workspace.id}/jobs", **_JOBS_VERSION)
        assert Counter(job["properties"]["status"] for job in found) == running[2].statuses(workspace.id)
        assert azure.calls() == {"machinelearning:jobs": 3}
        now = NOW
        hours = 0.0
        for job in found:
            times = job["properties"]["properties"]
            if "StartTimeUtc" in times:
                ended = datetime.fromisoformat(f"{times['EndTimeUtc']}+00:00") if "EndTimeUtc" in times else now
                ran = ended - datetime.fromisoformat(f"{times['StartTimeUtc']}+00:00")
                hours += ran / timedelta(hours=1) * job["properties"]["resources"]["instanceCount"]
        assert hours == pytest.approx(running[2].compute_hours(workspace.id, now), rel=1e-6)
    everything = pages(client, f"{workspace.id}/jobs", listViewType="All", **_JOBS_VERSION)
    assert len(everything) == 60 > len(found)
    sweeps = pages(client, f"{workspace.id}/jobs", jobType="Sweep", **_JOBS_VERSION)
    assert {job["properties"]["jobType"] for job in sweeps} == {"Sweep"}
    answer = client.get(f"{workspace.id}x/jobs", params=_JOBS_VERSION)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ResourceNotFound")


def test_what_the_other_services_need_is_found_and_measured(azure: LocalAzure) -> None:
    seeds = {
        "microsoft.containerservice/managedclusters": (seed_aks(azure, 4), "node_cpu_usage_percentage", "Average"),
        "microsoft.web/sites": (seed_functions(azure, 4), "FunctionExecutionCount", "Total"),
        "microsoft.storage/storageaccounts": (seed_storage(azure, 4), "Transactions", "Total"),
    }
    client = graph_client(azure)
    end = NOW.replace(second=0) - timedelta(minutes=2)
    span = (end - timedelta(minutes=30), end)
    for kind, (seeded, metric, aggregation) in seeds.items():
        plain = " and kind contains 'functionapp'" if kind.endswith("sites") else ""
        found = graph(client, f"resources | where type == '{kind}'{plain} | project id, location").data
        assert {row["id"] for row in found} == {one.id for one in seeded.resources}
        for region in ("eastus", "westeurope"):
            ids = [row["id"] for row in found if row["location"] == region]
            answer = measure(
                metrics_client(azure, region),
                ids,
                metric,
                metric_namespace=kind,
                timespan=span,
                aggregations=[aggregation],
            )
            for resource_id, result in zip(ids, answer, strict=True):
                expected = seeded.expected(resource_id, metric, *span)
                series = result.metrics[0].timeseries
                assert (series == []) == (resource_id in seeded.silent) == (expected is None)
                if expected is not None:
                    total = sum(getattr(point, aggregation.lower()) for point in series[0].data)
                    assert total == pytest.approx(expected.total)
