"""Faults of the local Azure, seen by the SDKs' clients."""

import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx
import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

from emulators.azure import DEFAULT_SUBSCRIPTION, LocalAzure
from emulators.azure.seed import seed_vms
from tests.support.local_azure import Headers, graph, graph_client, metrics_client, plain_client, refusal

_API = "resourcegraph:resources"


@pytest.fixture(scope="module")
def running() -> Iterator[LocalAzure]:
    with LocalAzure() as azure:
        azure.limits.graph = (100_000, 1)
        seed_vms(azure, 4)
        yield azure


@pytest.fixture
def azure(running: LocalAzure) -> Iterator[LocalAzure]:
    running.reset_calls()
    yield running
    running.faults.clear()


def headers_of(azure: LocalAzure) -> dict[str, str]:
    headers = Headers()
    with pytest.raises(HttpResponseError) as refused:
        graph_client(azure).resources({"query": "Resources"}, raw_response_hook=headers)  # type: ignore[call-overload]  # plain JSON
    assert refused.value.status_code == 429
    return headers.all[-1]


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("retry-after", {"retry-after": "7"}),
        ("milliseconds", {"x-ms-retry-after-ms": "7000"}),
        ("quota", {"x-ms-user-quota-remaining": "0", "x-ms-user-quota-resets-after": "00:00:07"}),
        ("native", {"x-ms-user-quota-resets-after": "00:00:07"}),
        ("bare", {}),
    ],
)
def test_every_form_of_a_429(azure: LocalAzure, form: str, told: dict[str, str]) -> None:
    azure.faults.throttle(form=form, api=_API, seconds=7)
    headers = headers_of(azure)
    assert told.items() <= headers.items()
    every = {"retry-after", "x-ms-retry-after-ms", "x-ms-user-quota-resets-after"}
    assert every & set(headers) == every & set(told)


def test_cost_managements_headers_and_a_date(azure: LocalAzure) -> None:
    azure.faults.throttle(form="costmanagement", api=_API, seconds=9, seed=3)
    names = [name for name in headers_of(azure) if "costmanagement" in name]
    assert names
    assert "9" in {headers_of(azure)[name] for name in headers_of(azure) if "costmanagement" in name}
    azure.faults.clear()
    azure.faults.throttle(form="date", api=_API, seconds=9)
    assert headers_of(azure)["retry-after"].endswith(" GMT")


def test_a_share_is_drawn_alike_every_time_and_told_apart(azure: LocalAzure) -> None:
    client = graph_client(azure)

    def outcomes() -> list[str]:
        azure.faults.clear()
        azure.faults.throttle(0.4, "any", api=_API, seed=5)
        azure.reset_calls()
        for _ in range(40):
            with suppress(HttpResponseError):
                graph(client, "Resources | count")
        return [call.outcome for call in azure.records() if call.api == _API]

    first = outcomes()
    assert first == outcomes()
    assert 8 < first.count("throttle") < 25
    assert azure.calls(outcome="throttle") == {_API: first.count("throttle")}
    assert azure.calls()[_API] == 40


def test_the_real_client_retries_what_says_when(azure: LocalAzure) -> None:
    azure.faults.throttle(form="retry-after", api=_API, count=1, seconds=1)
    assert graph(graph_client(azure, retry_total=2), "Resources | count").count == 1
    first, second = [call.at for call in azure.records() if call.api == _API]
    assert second - first >= 0.9


def test_a_token_expires_while_it_is_used(azure: LocalAzure) -> None:
    azure.inject("expired_token", api=_API, after=1)
    client = graph_client(azure)
    graph(client, "Resources | count")
    with pytest.raises(HttpResponseError) as refused:
        graph(client, "Resources | count")
    assert refusal(refused.value) == (401, "ExpiredAuthenticationToken")
    graph(graph_client(azure), "Resources | count")


def test_internal_errors_and_latency(azure: LocalAzure) -> None:
    client = graph_client(azure)
    azure.inject("internal", api=_API, count=1)
    azure.inject("unavailable", api=_API, count=1, seconds=3)
    for status, code in ((500, "InternalServerError"), (503, "ServerTimeout")):
        with pytest.raises(HttpResponseError) as refused:
            graph(client, "Resources | count")
        assert refusal(refused.value) == (status, code)
    azure.inject("latency", api=_API, latency_ms=120, count=1)
    graph(client, "Resources | count")
    assert azure.records()[-1].seconds >= 0.12


@pytest.mark.parametrize(("kind", "status"), [("throttle", 429), ("internal", 500), ("unavailable", 503)])
def test_the_token_endpoint_has_bad_days_too(azure: LocalAzure, kind: str, status: int) -> None:
    azure.inject(kind, api="login:token", seconds=4)
    with pytest.raises(ClientAuthenticationError, match=r"AADSTS90055|HTTP Error: 50"):
        graph(graph_client(azure), "Resources | count")
    assert azure.calls().get(_API) is None
    assert [(call.api, call.status) for call in azure.records()][-1] == ("login:token", status)


def test_many_threads_are_served_at_once_and_counted_once_each(azure: LocalAzure) -> None:
    client = graph_client(azure)
    graph(client, "Resources | count")
    azure.reset_calls()
    azure.inject("latency", api=_API, latency_ms=30)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: graph(client, "Resources | project id").count, range(40)))
    assert (set(found), azure.calls()) == ({4}, {_API: 40})
    assert azure.peak_rates(600)[_API] == 40


def test_a_limit_refuses_what_comes_too_fast_in_one_subscription(azure: LocalAzure) -> None:
    azure.inject("limit", api="logs:*", per_second=0.001)
    azure.inject("limit", api=_API, per_second=0.001, burst=2, form="retry-after", seconds=3)
    for _ in range(2):
        graph(graph_client(azure), "Resources | count")
    assert headers_of(azure)["retry-after"] == "3"
    assert azure.calls(outcome="throttle") == {_API: 1}


def test_a_fault_of_one_region_leaves_the_others(azure: LocalAzure) -> None:
    azure.faults.throttle(api="metrics:getBatch", region="eastus")
    asked: dict[str, Any] = {
        "metric_namespace": "Microsoft.Compute/virtualMachines",
        "metric_names": ["Percentage CPU"],
    }
    by_region = {one.location: one.id for one in azure.resources.of([DEFAULT_SUBSCRIPTION])}
    with pytest.raises(HttpResponseError) as refused:
        metrics_client(azure, "eastus").query_resources(resource_ids=[by_region["eastus"]], **asked)
    assert refused.value.status_code == 429
    assert metrics_client(azure, "westeurope").query_resources(resource_ids=[by_region["westeurope"]], **asked)
    assert azure.calls(region="eastus", outcome="throttle") == {"metrics:getBatch": 1}
    assert azure.calls(subscription=DEFAULT_SUBSCRIPTION) == {"metrics:getBatch": 2}


def test_faults_and_calls_over_http(azure: LocalAzure) -> None:
    context = ssl.create_default_context(cafile=azure.ca_file)
    with httpx.Client(base_url=f"{azure.url}/_local", verify=context) as pages:
        fault = {"kind": "throttle", "api": _API, "count": 1, "form": "retry-after"}
        assert pages.post("faults", json=fault).status_code == 200
        headers_of(azure)
        graph(graph_client(azure), "Resources | count")
        (state,) = pages.get("faults").json()
        assert (state["seen"], state["hits"], state["count"]) == (2, 1, 1)
        told = pages.get("calls", params={"records": 1}).json()
        assert (told["calls"][_API], told["throttled"]) == (2, {_API: 1})
        assert [one["outcome"] for one in told["records"] if one["api"] == _API] == ["throttle", "ok"]
        pages.delete("faults")
        pages.delete("calls")
        assert pages.get("faults").json() == []
        assert pages.get("calls").json()["total"] == 0
        unknown = pages.get("nothing")
        assert (unknown.status_code, "GET /_local/calls" in unknown.json()["pages"]) == (404, True)


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "storm"},
        {"kind": "deny", "scop": "/"},
        {"kind": "throttle", "rate": 2},
        {"kind": "latency"},
        {"kind": "disabled"},
    ],
)
def test_a_fault_that_could_not_work_is_refused_in_words(azure: LocalAzure, body: dict[str, Any]) -> None:
    context = ssl.create_default_context(cafile=azure.ca_file)
    answer = httpx.post(f"{azure.url}/_local/faults", json=body, verify=context)
    assert answer.status_code == 400
    assert answer.json()["error"]
    with pytest.raises(ValueError, match=r"."):
        azure.inject(**body)


def test_the_most_calls_in_one_second(azure: LocalAzure) -> None:
    with plain_client(azure) as client:
        azure.reset_calls()
        for _ in range(5):
            client.get("/subscriptions", params={"api-version": "2022-12-01"})
    times = [call.at for call in azure.records()]
    span = max(times) - min(times) + 1
    assert azure.peak_rates(span) == {"resource_manager:subscriptions": 5}
    assert 1 <= azure.peak_rates()["resource_manager:subscriptions"] <= 5
