"""What the seeds put into the local Google Cloud, as Google's clients then find it."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import fmean
from typing import Any

import pytest
from google.cloud.asset_v1 import ContentType
from google.cloud.monitoring_v3 import TimeSeries

from emulators.gcp import LocalGcp
from emulators.gcp.monitoring import Distribution
from emulators.gcp.seed import ComputeSeed, seed_compute, seed_functions, seed_gke, seed_storage, seed_vertex
from emulators.gcp.seed.compute import CPU, GPU, MEMORY, METRICS
from emulators.gcp.seed.grid import DEMO_PROJECTS, DEMO_ZONES
from emulators.gcp.seed.vertex import ERRORS, LATENCIES, PREDICTIONS, RESPONSES
from tests.support.local_gcp import asset_client, metric_client

NOW = 1_767_268_800
INSTANCES = 2000


@pytest.fixture(scope="module")
def gcp() -> Iterator[LocalGcp]:
    with LocalGcp(clock=lambda: NOW) as running:
        yield running


@pytest.fixture(scope="module")
def fleet(gcp: LocalGcp) -> ComputeSeed:
    return seed_compute(gcp, INSTANCES, hours_back=1, hours_ahead=0.1)


def read(client: Any, project: str, metric: str, aggregation: dict[str, Any], seconds: int = 3600) -> list[TimeSeries]:
    asked = {
        "name": f"projects/{project}",
        "filter": f'metric.type = "{metric}"',
        "interval": {"start_time": {"seconds": NOW - seconds}, "end_time": {"seconds": NOW}},
        "aggregation": {"alignment_period": {"seconds": 300}} | aggregation,
    }
    return list(client.list_time_series(asked))


def test_a_large_fleet_is_read_with_one_call_a_metric_and_project(gcp: LocalGcp, fleet: ComputeSeed) -> None:
    gcp.reset_calls()
    aligners = dict.fromkeys(METRICS, "ALIGN_MEAN")
    found: Counter[tuple[str, str]] = Counter()
    with metric_client(gcp) as client, ThreadPoolExecutor(4) as pool:
        pairs = [(project, metric) for project in DEMO_PROJECTS for metric in METRICS]
        asks = [pool.submit(read, client, *pair, {"per_series_aligner": aligners[pair[1]]}) for pair in pairs]
        for pair, ask in zip(pairs, asks, strict=True):
            series = ask.result()
            assert {len(one.points) for one in series} == {12}
            found[pair] = len(series)
    assert found == fleet.series
    assert gcp.calls() == {"monitoring:ListTimeSeries": len(pairs)}
    assert found[DEMO_PROJECTS[0], CPU] == sum(one.running for one in fleet.of(DEMO_PROJECTS[0]))


def test_the_fleet_is_spread_over_projects_and_zones(fleet: ComputeSeed) -> None:
    assert Counter(one.project for one in fleet.instances) == dict.fromkeys(DEMO_PROJECTS, INSTANCES // 2)
    assert {one.zone for one in fleet.of(DEMO_PROJECTS[1])} == set(DEMO_ZONES)
    described = fleet.describe()[DEMO_PROJECTS[0]]
    assert described["running"] < described["instances"] == INSTANCES // 2
    assert min(described[name] for name in ("running_spot", "with_agent", "with_gpu")) > 0
    assert len({one.instance_id for one in fleet.instances}) == INSTANCES


def test_without_the_agent_there_are_no_figures_of_memory_and_gpus(gcp: LocalGcp, fleet: ComputeSeed) -> None:
    project = DEMO_PROJECTS[0]
    with metric_client(gcp) as client:
        memory = {one.resource.labels["instance_id"] for one in read(client, project, MEMORY, {}, 120)}
        gpus = {one.resource.labels["instance_id"] for one in read(client, project, GPU, {}, 120)}
    running = [one for one in fleet.of(project) if one.running]
    assert memory == {one.instance_id for one in running if one.agent}
    assert gpus == {one.instance_id for one in running if one.agent and one.machine.gpu is not None}
    assert gpus < {one.instance_id for one in running if one.machine.gpu is not None}


def test_a_mean_is_that_of_the_stored_points(gcp: LocalGcp, fleet: ComputeSeed) -> None:
    project = DEMO_PROJECTS[1]
    with metric_client(gcp) as client:
        found = read(client, project, CPU, {"per_series_aligner": "ALIGN_MEAN"}, 300)
    for one in found[:50]:
        number = one.resource.labels["instance_id"]
        points = gcp.metrics.points(project, CPU, NOW - 300, NOW, instance_id=number)
        stored = [value for _, _, value in points if isinstance(value, float)]
        assert len(stored) == 5
        assert one.points[0].value.double_value == pytest.approx(fmean(stored))


def test_the_same_seed_number_gives_the_same_fleet() -> None:
    def make(seed: int) -> list[Any]:
        return seed_compute(LocalGcp(clock=lambda: NOW), 30, seed=seed, hours_back=0.1, hours_ahead=0.1).instances

    assert make(1) == make(1) != make(2)


def test_vertex_counts_and_latencies_are_those_behind_them(gcp: LocalGcp) -> None:
    seeded = seed_vertex(gcp, 4, projects=("ml",), hours_back=1, hours_ahead=0.1)
    group = ["resource.labels.endpoint_id"]

    def totals(client: Any, metric: str) -> dict[str, int]:
        summed = {"per_series_aligner": "ALIGN_SUM", "cross_series_reducer": "REDUCE_SUM", "group_by_fields": group}
        aggregation = summed | {"alignment_period": {"seconds": 3600}}
        found = read(client, "ml", metric, aggregation)
        assert all(one.resource.labels["resource_container"] == "ml" for one in found)
        return {one.resource.labels["endpoint_id"]: one.points[0].value.int64_value for one in found}

    with metric_client(gcp) as client:
        responses, errors, predictions = (totals(client, name) for name in (RESPONSES, ERRORS, PREDICTIONS))
        latencies = [
            value for _, _, value in gcp.metrics.points("ml", LATENCIES, NOW - 3600, NOW, latency_type="total")
        ]
    with_traffic = {one.endpoint_id for one in seeded.endpoints if one.traffic}
    assert responses.keys() == predictions.keys() == with_traffic
    assert errors.keys() < with_traffic, "one endpoint has no errors, and says nothing of them"
    single = {
        endpoint: [ms for (of, end), found in seeded.latencies.items() if of == endpoint and end > NOW - 3600
                   and end <= NOW for ms in found]
        for endpoint in with_traffic
    }  # fmt: skip
    assert {endpoint: len(found) for endpoint, found in single.items()} == responses
    assert sum(one.count for one in latencies if isinstance(one, Distribution)) == sum(responses.values())


def test_managed_services_have_assets_and_series(gcp: LocalGcp) -> None:
    made = [*seed_gke(gcp, 2, ("ops",)), *seed_functions(gcp, 4, ("ops",)), *seed_storage(gcp, 3, ("ops",))]
    with asset_client(gcp) as client:
        asked = {"parent": "projects/ops", "content_type": ContentType.RESOURCE}
        found = {one.name: one.asset_type for one in client.list_assets(asked)}
    assert found == {one.name: one.asset_type for one in made}
    assert len(set(found.values())) == 4
    daily = {"per_series_aligner": "ALIGN_NEXT_OLDER", "alignment_period": {"seconds": 86_400}}
    with metric_client(gcp) as client:
        nodes = read(client, "ops", "kubernetes.io/node/cpu/allocatable_utilization", {}, 300)
        runs = read(client, "ops", "cloudfunctions.googleapis.com/function/execution_count", {}, 300)
        sizes = read(client, "ops", "storage.googleapis.com/storage/v2/total_bytes", daily, 86_400)
    assert len(nodes) == 6
    assert {one.metric.labels["status"] for one in runs} == {"ok", "error"}
    assert {one.metric.labels["storage_class"] for one in sizes} == {"STANDARD", "NEARLINE"}
