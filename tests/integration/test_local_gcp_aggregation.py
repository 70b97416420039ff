"""Aligners and reducers of the local Cloud Monitoring, against what is computed here from the points."""

from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from random import Random
from statistics import fmean
from typing import Any

import pytest
from google.api_core.exceptions import InvalidArgument
from google.cloud.monitoring_v3 import MetricServiceClient, TimeSeries

from emulators.gcp import LocalGcp
from emulators.gcp.monitoring import Distribution
from tests.support.local_gcp import kind_of, metric_client, seconds

NOW = 1_767_225_600
HOUR = 3600
GAUGE, DELTA, CUMULATIVE, SPREAD = (f"custom.googleapis.com/{kind}" for kind in ("gauge", "delta", "total", "spread"))
BOUNDS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
NAMES = ("a", "b", "c")
Samples = dict[str, list[tuple[float, Any]]]


@pytest.fixture(scope="module")
def samples() -> dict[str, Samples]:
    """Points of an hour by metric and series: (end, value), a minute apart."""
    random = Random(7)
    ends = [NOW - 60 * back for back in range(60, -1, -1)]
    return {
        GAUGE: {name: [(end, random.uniform(0, 10)) for end in ends] for name in NAMES},
        DELTA: {name: [(end, random.randint(0, 50)) for end in ends] for name in NAMES},
        SPREAD: {name: [(end, [random.lognormvariate(2, 1) for _ in range(9)]) for end in ends] for name in NAMES},
    }


@pytest.fixture(scope="module")
def client(samples: dict[str, Samples]) -> Iterator[MetricServiceClient]:
    gcp = LocalGcp(clock=lambda: NOW)

    def put(metric: str, name: str, kind: str, value_type: str, points: Sequence[Any]) -> None:
        resource = {"zone": "z1" if name < "c" else "z2", "instance_id": name}
        gcp.metrics.put("p1", metric, {"name": name}, "gce_instance", resource, kind, value_type, points)

    for name in NAMES:
        put(GAUGE, name, "GAUGE", "DOUBLE", samples[GAUGE][name])
        put(DELTA, name, "DELTA", "INT64", [(end - 60, end, value) for end, value in samples[DELTA][name]])
        spread = [(end - 60, end, Distribution.of(values, BOUNDS)) for end, values in samples[SPREAD][name]]
        put(SPREAD, name, "DELTA", "DISTRIBUTION", spread)
    counted = [(NOW - 600, NOW - 600 + 60 * step, 10.0 * step) for step in range(1, 6)]
    restarted = [(NOW - 300, NOW - 300 + 60 * step, 3.0 * step) for step in range(1, 6)]
    put(CUMULATIVE, "a", "CUMULATIVE", "DOUBLE", counted + restarted)
    with gcp, metric_client(gcp) as opened:
        yield opened


def ask(client: MetricServiceClient, metric: str, *steps: dict[str, Any], seconds: int = HOUR) -> list[TimeSeries]:
    names = ("aggregation", "secondary_aggregation")
    asked = {
        "name": "projects/p1",
        "filter": f'metric.type = "{metric}"',
        "interval": {"start_time": {"seconds": NOW - seconds}, "end_time": {"seconds": NOW}},
    }
    return list(client.list_time_series(asked | dict(zip(names, steps, strict=False))))


def step(aligner: str, period: int = 300, **more: Any) -> dict[str, Any]:
    return {"alignment_period": {"seconds": period}, "per_series_aligner": aligner} | more


def values(series: TimeSeries) -> dict[float, float]:
    field = {"DOUBLE": "double_value", "INT64": "int64_value"}[kind_of(series)[1]]
    return {seconds(point.interval.end_time): getattr(point.value, field) for point in series.points}


def in_period(points: list[tuple[float, Any]], end: float, period: int = 300) -> list[Any]:
    return [value for time, value in points if end - period < time <= end]


ALIGNED: dict[str, Any] = {
    "ALIGN_MEAN": fmean,
    "ALIGN_MAX": max,
    "ALIGN_MIN": min,
    "ALIGN_SUM": sum,
    "ALIGN_COUNT": len,
    "ALIGN_NEXT_OLDER": lambda found: found[-1],
}


@pytest.mark.parametrize("aligner", ALIGNED)
def test_an_aligner_makes_one_point_a_period(
    client: MetricServiceClient, samples: dict[str, Samples], aligner: str
) -> None:
    found = {one.metric.labels["name"]: one for one in ask(client, GAUGE, step(aligner))}
    assert found.keys() == set(NAMES)
    for name, series in found.items():
        got = values(series)
        assert list(got) == [NOW - 300 * back for back in range(12)]
        for end, value in got.items():
            assert value == pytest.approx(ALIGNED[aligner](in_period(samples[GAUGE][name], end)))


def test_periods_are_counted_back_from_the_end_of_the_interval(client: MetricServiceClient) -> None:
    series = ask(client, GAUGE, step("ALIGN_MEAN", 420), seconds=1260)[0]
    assert list(values(series)) == [NOW, NOW - 420, NOW - 840]


def test_delta_and_rate_are_the_sum_and_the_sum_per_second(
    client: MetricServiceClient, samples: dict[str, Samples]
) -> None:
    for delta, rate in zip(
        ask(client, DELTA, step("ALIGN_DELTA")), ask(client, DELTA, step("ALIGN_RATE")), strict=True
    ):
        name = delta.metric.labels["name"]
        sums = {end: sum(in_period(samples[DELTA][name], end)) for end in values(delta)}
        assert values(delta) == sums
        assert values(rate) == pytest.approx({end: value / 300 for end, value in sums.items()})
        assert kind_of(delta) == ("DELTA", "INT64")
        assert kind_of(rate) == ("GAUGE", "DOUBLE")
        first = delta.points[0].interval
        assert seconds(first.end_time) - seconds(first.start_time) == 300


def test_a_delta_that_reaches_over_a_boundary_is_divided_by_time(client: MetricServiceClient) -> None:
    # 90-second periods cut every second minute in two.
    whole = ask(client, CUMULATIVE, step("ALIGN_DELTA", 90), seconds=540)[0]
    assert sum(values(whole).values()) == pytest.approx(15 + 40), "what is in the last nine minutes"


def test_a_cumulative_series_is_counted_anew_after_a_reset(client: MetricServiceClient) -> None:
    minutes = values(ask(client, CUMULATIVE, step("ALIGN_DELTA", 60), seconds=600)[0])
    assert [minutes[NOW - 60 * back] for back in range(9, -1, -1)] == [10.0] * 5 + [3.0] * 5


def histogram_percentile(found: Sequence[float], percent: float) -> float:
    """By hand: the place of the rank among the values of its bucket, evenly spread over it."""
    edges = [0.0, *BOUNDS, BOUNDS[-1]]
    rank, below = len(found) * percent / 100, 0
    for low, high in pairwise(edges):
        inside = sum(low <= value < high for value in found) if high > low else sum(value >= low for value in found)
        if inside and below + inside >= rank:
            return low + (high - low) * (rank - below) / inside
        below += inside
    raise AssertionError("no values")


@pytest.mark.parametrize("percent", ["05", "50", "95", "99"])
def test_percentiles_are_estimated_from_the_histogram(
    client: MetricServiceClient, samples: dict[str, Samples], percent: str
) -> None:
    for series in ask(client, SPREAD, step(f"ALIGN_PERCENTILE_{percent}")):
        assert kind_of(series) == ("GAUGE", "DOUBLE")
        for end, value in values(series).items():
            single = list(chain(*in_period(samples[SPREAD][series.metric.labels["name"]], end)))
            assert value == pytest.approx(histogram_percentile(single, float(percent)))
            bucket = next((low, high) for low, high in zip((0, *BOUNDS), (*BOUNDS, 1e9), strict=True) if value <= high)
            ordered = sorted(single)
            true = ordered[min(len(ordered) - 1, int(len(ordered) * float(percent) / 100))]
            assert bucket[0] / 2 <= true <= 2 * bucket[1], "near the true percentile, by the width of a bucket"


def test_the_percentile_of_a_group_is_that_of_all_its_values(
    client: MetricServiceClient, samples: dict[str, Samples]
) -> None:
    reduced = step("ALIGN_DELTA", HOUR, cross_series_reducer="REDUCE_PERCENTILE_95")
    series = ask(client, SPREAD, reduced)[0]
    every = [value for name in NAMES for found in in_period(samples[SPREAD][name], NOW, HOUR) for value in found]
    assert list(values(series).values()) == [pytest.approx(histogram_percentile(every, 95))]


def test_summed_distributions_keep_count_mean_and_buckets(
    client: MetricServiceClient, samples: dict[str, Samples]
) -> None:
    series = ask(client, SPREAD, step("ALIGN_SUM", HOUR))[0]
    every = list(chain(*in_period(samples[SPREAD]["a"], NOW, HOUR)))
    got = TimeSeries.pb(series).points[0].value.distribution_value
    assert (got.count, list(got.bucket_counts)) == (len(every), list(Distribution.of(every, BOUNDS).counts))
    assert got.mean == pytest.approx(fmean(every))
    assert got.sum_of_squared_deviation == pytest.approx(sum((value - fmean(every)) ** 2 for value in every))


def test_a_single_value_is_interpolated_within_its_bucket() -> None:
    one = Distribution.of([5.0], (4.0, 8.0))
    from emulators.gcp.monitoring.distribution import percentile  # noqa: PLC0415  # the only use

    assert [percentile(one, percent) for percent in (50, 95)] == [6.0, pytest.approx(7.8)]
    assert percentile(Distribution.of([], (4.0, 8.0)), 50) is None


REDUCED: dict[str, Any] = {
    "REDUCE_SUM": sum,
    "REDUCE_MEAN": fmean,
    "REDUCE_MAX": max,
    "REDUCE_MIN": min,
    "REDUCE_COUNT": len,
    "REDUCE_PERCENTILE_50": lambda found: fmean(found) if len(found) == 2 else found[0],
}


@pytest.mark.parametrize("reducer", REDUCED)
def test_a_reducer_makes_one_series_a_group(
    client: MetricServiceClient, samples: dict[str, Samples], reducer: str
) -> None:
    asked = step("ALIGN_MEAN", cross_series_reducer=reducer, group_by_fields=["resource.labels.zone"])
    found = {one.resource.labels["zone"]: one for one in ask(client, GAUGE, asked)}
    assert found.keys() == {"z1", "z2"}
    for zone, members in (("z1", "ab"), ("z2", "c")):
        assert dict(found[zone].metric.labels) == {}, "labels that are not grouped by are gone"
        for end, value in values(found[zone]).items():
            means = [fmean(in_period(samples[GAUGE][name], end)) for name in members]
            assert value == pytest.approx(REDUCED[reducer](means))


def test_without_fields_all_series_become_one(client: MetricServiceClient, samples: dict[str, Samples]) -> None:
    series = ask(client, DELTA, step("ALIGN_DELTA", HOUR, cross_series_reducer="REDUCE_SUM"))
    assert [list(values(one).values()) for one in series] == [
        [sum(sum(in_period(samples[DELTA][name], NOW, HOUR)) for name in NAMES)]
    ]
    assert kind_of(series[0])[0] == "DELTA"


def test_a_second_aggregation_works_on_the_first(client: MetricServiceClient, samples: dict[str, Samples]) -> None:
    summed = step("ALIGN_SUM", 60, cross_series_reducer="REDUCE_SUM")
    series = ask(client, DELTA, summed, step("ALIGN_MAX", HOUR))[0]
    minutes = [sum(found) for found in zip(*(in_period(samples[DELTA][n], NOW, HOUR) for n in NAMES), strict=True)]
    assert list(values(series).values()) == [max(minutes)]


@pytest.mark.parametrize(
    ("metric", "asked", "words"),
    [
        (GAUGE, step("ALIGN_RATE"), "kind GAUGE and value type DOUBLE"),
        (GAUGE, step("ALIGN_DELTA"), "kind GAUGE and value type DOUBLE"),
        (GAUGE, step("ALIGN_PERCENTILE_95"), "kind GAUGE and value type DOUBLE"),
        (DELTA, step("ALIGN_NEXT_OLDER"), "kind DELTA and value type INT64"),
        (CUMULATIVE, step("ALIGN_MEAN"), "kind CUMULATIVE and value type DOUBLE"),
        (SPREAD, step("ALIGN_MEAN"), "kind DELTA and value type DISTRIBUTION"),
        (SPREAD, step("ALIGN_SUM", cross_series_reducer="REDUCE_MAX"), "reducer cannot be applied"),
        (GAUGE, step("ALIGN_MEAN", 30), "at least 60 seconds"),
        (GAUGE, step("ALIGN_MEAN", cross_series_reducer="REDUCE_SUM", group_by_fields=["zone"]), "groupByFields"),
    ],
)
def test_what_google_cannot_align_or_reduce_is_refused(
    client: MetricServiceClient, metric: str, asked: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidArgument, match=words):
        ask(client, metric, asked)
