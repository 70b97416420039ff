"""Resource Graph of the local Azure, by the SDK's client."""

from collections.abc import Iterator

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.resourcegraph.models import QueryRequest

from emulators.azure import DEFAULT_SUBSCRIPTION, SECOND_SUBSCRIPTION, LocalAzure
from emulators.azure.seed import VmSeed, seed_vms
from tests.support.local_azure import Headers, graph, graph_client, refusal

_VMS = "Resources | where type =~ 'Microsoft.Compute/virtualMachines'"


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[LocalAzure, VmSeed]]:
    with LocalAzure() as azure:
        azure.limits.graph = (100_000, 1)
        yield azure, seed_vms(azure, 120)


@pytest.fixture
def azure(running: tuple[LocalAzure, VmSeed]) -> Iterator[LocalAzure]:
    azure, _ = running
    azure.reset_calls()
    yield azure
    azure.faults.clear()


@pytest.fixture
def vms(running: tuple[LocalAzure, VmSeed]) -> VmSeed:
    return running[1]


def test_every_machine_is_found_over_all_subscriptions_by_pages(azure: LocalAzure, vms: VmSeed) -> None:
    client = graph_client(azure)
    query = f"{_VMS} | project id, name, subscriptionId, location | order by id asc"
    found, token = [], None
    while True:
        page = graph(client, query, top=50, skip_token=token)
        assert page.total_records == 120
        found += page.data
        token = page.skip_token
        if token is None:
            break
    assert azure.calls()["resourcegraph:resources"] == 3
    assert {row["id"] for row in found} == {vm.id for vm in vms.vms}
    assert [row["id"] for row in found] == sorted(row["id"] for row in found)


def test_a_query_is_really_evaluated(azure: LocalAzure, vms: VmSeed) -> None:
    query = f"""{_VMS}
        | where resourceGroup in~ ('WEB', 'data') and properties.storageProfile.osDisk.osType == 'Windows'
        | extend state = tostring(properties.extended.instanceView.powerState.code)
        | extend size = properties.hardwareProfile.vmSize
        | where state == 'PowerState/running'
        | project id, name, size, location, team = tags.team, zone = zones[0]"""
    found = graph(graph_client(azure), query, [SECOND_SUBSCRIPTION])
    expected = {
        vm.id: vm
        for vm in vms.vms
        if vm.subscription == SECOND_SUBSCRIPTION and vm.group in {"web", "data"} and vm.os == "Windows"
        if vm.state == "running"
    }
    assert expected
    assert {row["id"] for row in found.data} == set(expected)
    for row in found.data:
        vm = expected[row["id"]]
        assert (row["name"], row["size"], row["location"]) == (vm.name, vm.size, vm.region)
        assert row["team"] == (vm.tags or {}).get("team")
    assert found.result_truncated == "false"


def test_counts_by_group(azure: LocalAzure, vms: VmSeed) -> None:
    found = graph(graph_client(azure), f"{_VMS} | summarize n = count() by subscriptionId, location")
    counted = {(row["subscriptionId"], row["location"]): row["n"] for row in found.data}
    assert counted == vms.count("subscription", "region")


def test_without_an_id_or_after_a_limit_there_is_no_further_page(azure: LocalAzure) -> None:
    client = graph_client(azure)
    for query in (f"{_VMS} | project name", f"{_VMS} | limit 100"):
        page = graph(client, query, top=50)
        assert (page.count, page.skip_token, page.result_truncated) == (50, None, "true")


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("Resources | join kind=inner (Resources) on id", "join"),
        ("Resources | where colour == 'red'", "colour"),
        ("Resources | where type =~", "position"),
        ("Nothing | count", "Nothing"),
        ("Resources | extend x = frobnicate(name)", "frobnicate"),
    ],
)
def test_what_is_not_served_is_refused_in_azures_shape(azure: LocalAzure, query: str, says: str) -> None:
    with pytest.raises(HttpResponseError) as refused:
        graph(graph_client(azure), query)
    assert refusal(refused.value) == (400, "BadRequest")
    assert refused.value.error is not None
    assert says in str(refused.value.error.details[0].message)


def test_a_token_of_another_query_is_refused(azure: LocalAzure) -> None:
    client = graph_client(azure)
    token = graph(client, f"{_VMS} | project id", top=50).skip_token
    with pytest.raises(HttpResponseError, match="InvalidSkipToken"):
        graph(client, f"{_VMS} | project id, name", top=50, skip_token=token)
    azure.inject("bad_page", api="resourcegraph:resources", count=1)
    with pytest.raises(HttpResponseError, match="InvalidSkipToken"):
        graph(client, f"{_VMS} | project id", top=50, skip_token=token)
    assert graph(client, f"{_VMS} | project id", top=50, skip_token=token).count == 50


def test_what_is_denied_is_left_out_in_silence(azure: LocalAzure, vms: VmSeed) -> None:
    client = graph_client(azure)
    azure.faults.deny(scope=f"/subscriptions/{DEFAULT_SUBSCRIPTION}/resourceGroups/web")
    found = graph(client, f"{_VMS} | project id")
    hidden = sum(vm.group == "web" and vm.subscription == DEFAULT_SUBSCRIPTION for vm in vms.vms)
    assert found.total_records == 120 - hidden < 120
    azure.faults.deny(scope=f"/subscriptions/{DEFAULT_SUBSCRIPTION}")
    assert graph(client, f"{_VMS} | project id").total_records == 60
    with pytest.raises(HttpResponseError) as refused:
        graph(client, _VMS, [DEFAULT_SUBSCRIPTION])
    assert refusal(refused.value) == (403, "AccessDenied")


def test_a_subscription_that_is_disabled_or_of_no_one_holds_nothing(azure: LocalAzure) -> None:
    client = graph_client(azure)
    azure.faults.disable_subscription(DEFAULT_SUBSCRIPTION)
    assert graph(client, f"{_VMS} | project id").total_records == 60
    for subscription in (DEFAULT_SUBSCRIPTION, "33333333-3333-4333-8333-333333333333"):
        with pytest.raises(HttpResponseError, match="NoValidSubscriptionsInQueryRequest"):
            graph(client, _VMS, [subscription])


def test_the_quota_counts_down_and_then_refuses() -> None:
    with LocalAzure() as azure:
        azure.limits.graph = (3, 3600)
        seed_vms(azure, 1)
        client, headers = graph_client(azure), Headers()
        request = QueryRequest(query=_VMS)
        for _ in range(3):
            client.resources(request, raw_response_hook=headers)
        with pytest.raises(HttpResponseError) as refused:
            client.resources(request, raw_response_hook=headers)
        assert refusal(refused.value) == (429, "RateLimiting")
        assert [told["x-ms-user-quota-remaining"] for told in headers.all] == ["2", "1", "0", "0"]
        assert headers.all[-1]["x-ms-user-quota-resets-after"] > "00:59:00"
        assert "retry-after" not in headers.all[-1]
        assert azure.calls(outcome="throttle") == {"resourcegraph:resources": 1}
