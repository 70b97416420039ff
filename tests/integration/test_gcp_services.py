"""Vertex AI, GKE, Cloud Functions and Cloud Storage against the local Google Cloud: the figures of its own data."""

import math
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from emulators.gcp import LocalGcp
from emulators.gcp.monitoring.distribution import Distribution, merge, percentile
from emulators.gcp.monitoring.store import Series
from emulators.gcp.seed import seed_functions, seed_gke, seed_storage, seed_vertex
from emulators.gcp.seed.vertex import ERRORS, LATENCIES, PREDICTIONS, REPLICAS, RESPONSES, VertexSeed
from telemetry.errors import Unavailable
from telemetry.target import Window
from tests.support.collecting import Collected, collect
from tests.support.gcp import CPU, PROJECT, TARGET, WINDOW, add_instance, endpoints, put, shared, standing_gcp

FIVE_MINUTES = timedelta(minutes=5)


@pytest.fixture(scope="module")
def gcp() -> Iterator[LocalGcp]:
    with standing_gcp() as running:
        yield running


@pytest.fixture(scope="module")
def vertex(gcp: LocalGcp) -> VertexSeed:
    return seed_vertex(gcp, 6, [PROJECT], hours_back=0.5, hours_ahead=0)


def _within(series: Series, window: Window) -> list[Any]:
    """The values of the points that end in the window, by Google's rule: after its start, and until its end."""
    first, last = window.start.timestamp(), window.end.timestamp()
    pairs = zip(series.ends, series.values, strict=True)
    return [value for end, value in pairs if first < end <= last]


def _sum(gcp: LocalGcp, metric: str, window: Window, **labels: str) -> float:
    found = [one for one in gcp.metrics.series(PROJECT, metric) if labels.items() <= dict(one.resource_labels).items()]
    return sum(sum(float(value) for value in _within(one, window)) for one in found)


def _by_name(collected: Collected, metric: str) -> dict[str, float]:
    points = collected.points(metric)
    found = {point.resource.name: point.value for point in points}
    assert len(found) == len(points), "one value each"
    return found


@pytest.mark.parametrize("window", [WINDOW, Window(WINDOW.start - timedelta(minutes=10), WINDOW.end)])
def test_vertex_figures_are_those_of_the_whole_window_and_all_models(
    gcp: LocalGcp, vertex: VertexSeed, window: Window
) -> None:
    gcp.reset_calls()
    collected = collect(shared(gcp), "gcp/default/global/vertex_ai", window)

    assert collected.error is None
    p50, p95 = _by_name(collected, "latency_p50"), _by_name(collected, "latency_p95")
    rates, predictions = _by_name(collected, "error_rate"), _by_name(collected, "prediction_count")
    busy = [one for one in vertex.endpoints if one.traffic]
    assert {one.name for one in busy} == p50.keys() == p95.keys() == rates.keys() == predictions.keys()
    for one in busy:
        own = {"endpoint_id": one.endpoint_id}
        assert predictions[one.name] == _sum(gcp, PREDICTIONS, window, **own)
        assert rates[one.name] == pytest.approx(
            100 * _sum(gcp, ERRORS, window, **own) / _sum(gcp, RESPONSES, window, **own)
        )
        whole = merge(
            [
                value
                for series in gcp.metrics.series(PROJECT, LATENCIES)
                if series.resource_labels["endpoint_id"] == one.endpoint_id
                and series.metric_labels["latency_type"] == "total"
                for value in _within(series, window)
                if isinstance(value, Distribution)
            ]
        )
        assert p50[one.name] == pytest.approx(percentile(whole, 50))
        assert p95[one.name] == pytest.approx(percentile(whole, 95))
        _near_the_single_latencies(vertex, one.endpoint_id, window, (p50[one.name], p95[one.name]))
    assert gcp.calls() == {"cloudasset:ListAssets": 1, "monitoring:ListTimeSeries": 6}


def _near_the_single_latencies(vertex: VertexSeed, endpoint: str, window: Window, found: tuple[float, float]) -> None:
    """As near as the buckets of a histogram let it be: each is 1.4 times as wide as the one before."""
    first, last = window.start.timestamp(), window.end.timestamp()
    ordered = sorted(
        value
        for (owner, end), values in vertex.latencies.items()
        if owner == endpoint and first < end <= last
        for value in values
    )
    for share, value in zip((0.5, 0.95), found, strict=True):
        true = ordered[math.ceil(share * len(ordered)) - 1]
        assert true / 1.4 < value < true * 1.4


def test_an_endpoint_without_traffic_has_replicas_and_nothing_else(gcp: LocalGcp, vertex: VertexSeed) -> None:
    collected = collect(shared(gcp), "gcp/default/global/vertex_ai", WINDOW)
    (idle,) = [one for one in vertex.endpoints if not one.traffic]
    metrics = {point.metric for point in collected.points() if point.resource.name == idle.name}
    assert metrics == {"replicas"}
    assert gcp.metrics.series(PROJECT, REPLICAS)
    resource = next(one for one in collected.resources if one.name == idle.name)
    assert resource.attributes == {
        "endpoint_id": idle.endpoint_id,
        "deployed_models": len(idle.models),
        "machine_types": "n1-standard-4",
    }
    assert resource.tags == {"team": "ml"}


def test_clusters_have_their_nodes_pools_and_loads(gcp: LocalGcp) -> None:
    seed_gke(gcp, 2, [PROJECT], nodes=3)
    gcp.reset_calls()
    collected = collect(shared(gcp), "gcp/default/global/gke", WINDOW)

    assert collected.error is None
    kinds = sorted((one.type, one.name) for one in collected.resources)
    assert kinds == [
        ("cluster", "cluster-0"),
        ("cluster", "cluster-1"),
        ("node_pool", "default-pool"),
        ("node_pool", "default-pool"),
    ]
    assert _by_name(collected, "node_count") == {"cluster-0": 3, "cluster-1": 3}
    for metric, source, labels in (
        ("cpu_utilization", "kubernetes.io/node/cpu/allocatable_utilization", {}),
        ("memory_utilization", "kubernetes.io/node/memory/allocatable_utilization", {"memory_type": "non-evictable"}),
    ):
        own: defaultdict[str, list[float]] = defaultdict(list)
        for series in gcp.metrics.series(PROJECT, source):
            if labels.items() <= dict(series.metric_labels).items():
                values = [float(value) for value in _within(series, WINDOW)]
                own[series.resource_labels["cluster_name"]].append(sum(values) / len(values))
        expected = {name: 100 * sum(means) / len(means) for name, means in own.items()}
        assert _by_name(collected, metric) == pytest.approx(expected)
    assert gcp.calls() == {"cloudasset:ListAssets": 1, "monitoring:ListTimeSeries": 3}


def test_functions_of_both_generations_have_invocations_errors_and_durations(gcp: LocalGcp) -> None:
    seed_functions(gcp, 4, [PROJECT])
    gcp.reset_calls()
    collected = collect(shared(gcp), "gcp/default/global/cloud_functions", WINDOW)

    assert collected.error is None
    assert {one.name: one.attributes["generation"] for one in collected.resources} == {
        "function-0": 1,
        "function-1": 2,
        "function-2": 1,
        "function-3": 2,
    }
    assert {one.attributes["memory_mb"] for one in collected.resources} == {256}
    invocations, errors = _by_name(collected, "invocations"), _by_name(collected, "errors")
    durations = _by_name(collected, "duration")
    for name in ("function-0", "function-1"):
        second = name == "function-1"
        source = "run.googleapis.com/request_" if second else "cloudfunctions.googleapis.com/function/execution_"
        label = {"service_name" if second else "function_name": name}
        assert invocations[name] == _sum(gcp, f"{source}count", WINDOW, **label)
        bad = [
            sum(float(value) for value in _within(series, WINDOW))
            for series in gcp.metrics.series(PROJECT, f"{source}count")
            if label.items() <= dict(series.resource_labels).items()
            and next(iter(series.metric_labels.values())) in {"error", "5xx"}
        ]
        assert errors[name] == sum(bad)
        assert 20 < durations[name] < 200, "milliseconds"
    assert gcp.calls() == {"cloudasset:ListAssets": 1, "monitoring:ListTimeSeries": 4}


def test_buckets_have_their_bytes_by_class_and_in_all(gcp: LocalGcp) -> None:
    seed_storage(gcp, 3, [PROJECT])
    day = Window(datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC))
    gcp.reset_calls()
    collected = collect(shared(gcp), "gcp/default/global/storage", day)

    assert collected.error is None
    assert len(collected.resources) == 3
    own: defaultdict[str, float] = defaultdict(float)
    for series in gcp.metrics.series(PROJECT, "storage.googleapis.com/storage/v2/total_bytes"):
        own[series.resource_labels["bucket_name"]] += float(_within(series, day)[-1])
    assert _by_name(collected, "size_bytes") == pytest.approx(dict(own))
    standard = _by_name(collected, "size_bytes.STANDARD")
    nearline = _by_name(collected, "size_bytes.NEARLINE")
    assert nearline.keys() == {f"{PROJECT}-bucket-1"}
    assert all(standard[name] + nearline.get(name, 0) == pytest.approx(total) for name, total in own.items())
    assert all(count > 0 for count in _by_name(collected, "object_count").values())
    assert gcp.calls() == {"cloudasset:ListAssets": 1, "monitoring:ListTimeSeries": 2}


@pytest.mark.parametrize("service", ["gke", "cloud_functions", "storage"])
def test_where_there_is_none_the_inventory_alone_is_asked(gcp: LocalGcp, service: str) -> None:
    gcp.projects.add("empty-project")
    gcp.reset_calls()
    window = Window(datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC))
    collected = collect(shared(gcp, project_id="empty-project"), f"gcp/default/global/{service}", window)
    assert collected.error is None
    assert collected.report.records == 0
    assert gcp.calls() == {"cloudasset:ListAssets": 1}


def test_over_tls_the_authority_of_the_configuration_is_trusted_and_no_other(
    gcp: LocalGcp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.core.calls._FIRST_PAUSE", 0.01)
    put(gcp, CPU, add_instance(gcp), [(WINDOW.end, 0.5)])
    address, ca_file = gcp.serve_tls(tmp_path)
    secure = endpoints(gcp) | dict.fromkeys(("monitoring", "inventory", "billing"), f"https://{address}")
    trusted = collect(shared(gcp, endpoints=secure, ca_file=str(ca_file)), TARGET, WINDOW)
    assert trusted.error is None
    assert len(trusted.points("cpu_utilization")) == 1
    distrusted = collect(shared(gcp, endpoints=secure), TARGET, WINDOW)
    assert isinstance(distrusted.error, Unavailable)
    assert "set gcp.ca_file" in str(distrusted.error)
