"""Faults of the local Google Cloud: the errors that Google's clients then see, and which calls they hit."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core.exceptions import (
    GoogleAPICallError,
    InternalServerError,
    InvalidArgument,
    PermissionDenied,
    ResourceExhausted,
    ServiceUnavailable,
)
from google.cloud.monitoring_v3 import MetricServiceClient

from emulators.gcp import LocalGcp
from emulators.gcp.calls import Call, CallLog
from tests.support.local_gcp import asset_client, catalog_client, metric_client

PROJECTS = ("p1", "p2")
API = "monitoring:ListMetricDescriptors"


@pytest.fixture
def gcp() -> Iterator[LocalGcp]:
    with LocalGcp() as running:
        for project in PROJECTS:
            running.projects.add(project)
        yield running


@pytest.fixture
def client(gcp: LocalGcp) -> Iterator[MetricServiceClient]:
    with metric_client(gcp) as opened:
        yield opened


def ask(client: Any, project: str = "p1", **more: Any) -> int:
    return len(list(client.list_metric_descriptors({"name": f"projects/{project}"} | more, retry=None)))


def refusal(client: Any, project: str = "p1", **more: Any) -> GoogleAPICallError:
    with pytest.raises(GoogleAPICallError) as refused:
        ask(client, project, **more)
    return refused.value


def detail(error: GoogleAPICallError, name: str) -> Any:
    return next((one for one in error.details if type(one).__name__ == name), None)


def test_a_throttle_says_how_long_to_wait_and_which_quota(gcp: LocalGcp, client: MetricServiceClient) -> None:
    gcp.faults.throttle(retry_info=2.5)
    error = refusal(client)
    assert isinstance(error, ResourceExhausted)
    assert error.reason == "RATE_LIMIT_EXCEEDED"
    delay = detail(error, "RetryInfo").retry_delay
    assert (delay.seconds, delay.nanos) == (2, 500_000_000)
    assert detail(error, "QuotaFailure").violations[0].subject == "projects/p1"
    gcp.faults.clear()
    gcp.faults.throttle()
    assert detail(refusal(client), "RetryInfo") is None
    assert gcp.calls(outcome="throttle") == {API: 2}


def test_a_share_of_the_calls_is_hit_and_the_same_seed_hits_the_same(
    gcp: LocalGcp, client: MetricServiceClient
) -> None:
    def run() -> list[bool]:
        gcp.faults.clear()
        gcp.faults.throttle(0.4, seed=3)
        hits = []
        for _ in range(30):
            try:
                ask(client)
                hits.append(False)
            except ResourceExhausted:
                hits.append(True)
        return hits

    first = run()
    assert first == run()
    assert 5 < sum(first) < 20


def test_a_limit_refuses_what_comes_too_fast_by_project(gcp: LocalGcp, client: MetricServiceClient) -> None:
    gcp.faults.limit(per_second=0.001, burst=2)
    assert [ask(client, project) > 0 for project in ("p1", "p1", "p2", "p2")] == [True] * 4
    assert isinstance(refusal(client, "p2"), ResourceExhausted)


def test_a_missing_permission_is_named_and_other_projects_go_on(gcp: LocalGcp, client: MetricServiceClient) -> None:
    gcp.faults.deny("monitoring.metricDescriptors.list", project="p1")
    error = refusal(client)
    assert isinstance(error, PermissionDenied)
    assert error.message == "Permission monitoring.metricDescriptors.list denied (or the resource may not exist)."
    gcp.faults.deny("cloudasset.assets.listResource")
    with asset_client(gcp) as assets, pytest.raises(PermissionDenied) as refused:
        assets.list_assets({"parent": "projects/p1"})
    assert (refused.value.reason, refused.value.domain) == ("IAM_PERMISSION_DENIED", "iam.googleapis.com")
    assert refused.value.metadata["permission"] == "cloudasset.assets.listResource"
    assert ask(client, "p2") > 0


def test_a_deleted_project_is_refused_everywhere(gcp: LocalGcp, client: MetricServiceClient) -> None:
    gcp.delete_project("p1")
    error = refusal(client)
    assert isinstance(error, PermissionDenied)
    assert (error.reason, "has been deleted" in error.message) == ("CONSUMER_INVALID", True)
    gcp.projects.restore("p1")
    assert ask(client) > 0


@pytest.mark.parametrize(("kind", "error"), [("unavailable", ServiceUnavailable), ("internal", InternalServerError)])
def test_other_errors_have_their_own_kinds(
    gcp: LocalGcp, client: MetricServiceClient, kind: str, error: type[Exception]
) -> None:
    gcp.inject(kind, count=1)
    assert isinstance(refusal(client), error)
    assert ask(client) > 0


def test_the_sdk_retries_unavailable_by_itself(gcp: LocalGcp, client: MetricServiceClient) -> None:
    gcp.faults.unavailable(count=1)
    assert list(client.list_metric_descriptors(name="projects/p1"))
    assert gcp.calls() == {API: 2}


def test_a_bad_page_token_hits_further_pages_only(gcp: LocalGcp, client: MetricServiceClient) -> None:
    gcp.faults.bad_page_token()
    assert ask(client, page_size=100) > 0
    assert isinstance(refusal(client, page_size=10), InvalidArgument)


def test_latency_lets_the_call_wait_and_go_on(gcp: LocalGcp, client: MetricServiceClient) -> None:
    waits: list[float] = []
    gcp.gate.wait = waits.append
    gcp.faults.latency(1.5)
    assert ask(client) > 0
    assert waits == [1.5]


def test_a_fault_hits_the_api_it_names(gcp: LocalGcp, client: MetricServiceClient) -> None:
    gcp.faults.throttle(api="cloudbilling:*")
    assert ask(client) > 0
    with catalog_client(gcp) as catalog, pytest.raises(ResourceExhausted):
        catalog.list_services()
    assert gcp.faults.state()[0]["hits"] == 1


@pytest.mark.parametrize(
    ("kind", "settings"),
    [("nonsense", {}), ("throttle", {"rate": 2}), ("latency", {}), ("limit", {}), ("deny", {"nonsense": 1})],
)
def test_a_fault_that_could_never_fire_is_refused(kind: str, settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=kind if kind == "nonsense" else "needed|needs|nonsense"):
        LocalGcp().inject(kind, **settings)


def test_calls_are_counted_by_project_and_peaks_by_window(gcp: LocalGcp, client: MetricServiceClient) -> None:
    for project in ("p1", "p1", "p2"):
        ask(client, project)
    assert gcp.calls() == {API: 3}
    assert gcp.calls(project="p1") == {API: 2}
    assert gcp.peak_rates(3600).keys() == {("p1", API), ("p2", API)}
    gcp.reset_calls()
    assert gcp.calls() == {}
    log = CallLog()
    for at in (10.0, 10.4, 10.9, 11.1, 15.0):
        log.record(Call(at, API, "p", "ok", "OK", "", ""))
    assert log.peak_rates(1.0) == {("p", API): 3.0}
    assert log.peak_rates(0.5) == {("p", API): 4.0}


def test_a_server_that_is_not_started_says_so() -> None:
    with pytest.raises(RuntimeError, match="not started"):
        LocalGcp().endpoints  # noqa: B018  # it raises
    began = time.monotonic()
    with LocalGcp() as running:
        running.stop()
        running.stop()
    assert time.monotonic() >= began
