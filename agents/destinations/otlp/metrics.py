"""The metrics of one batch, in OpenTelemetry's terms.

A value that speaks of an interval has its beginning and its end; one of a moment has that moment. ``sum`` and
``sample_count`` are sums with delta temporality: each interval's own; ``counter`` is a cumulative one; everything else
(averages, extremes, percentiles, readings) is a gauge. The statistic is a part of the name, but for plain readings: one
name never is a gauge here and a sum there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Gauge,
    Metric,
    NumberDataPoint,
    Sum,
)

from agents.destinations.otlp.conventions import annotation, pairs, ucum
from telemetry.batch import Batch, Series

_NS = 1_000_000_000
DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_SUMS = {"sum": DELTA, "sample_count": DELTA, "counter": CUMULATIVE}
_PLAIN = {"gauge", "counter"}


class _Name(NamedTuple):
    name: str
    unit: str
    #: None: a gauge.
    temporality: AggregationTemporality.ValueType | None


def point(start: int, end: int, value: float, attributes: dict[str, str | int]) -> NumberDataPoint:
    """A value of ``[start, end)``, or of the moment ``end`` where both are the same. Seconds since 1970-01-01 UTC."""
    return NumberDataPoint(
        start_time_unix_nano=start * _NS if start != end else 0,
        time_unix_nano=end * _NS,
        as_double=value,
        attributes=pairs(attributes),
    )


def metrics_of(batch: Batch) -> dict[int, list[Metric]]:
    """By index of the resource, what was measured of it, and its list price an hour."""
    found: dict[int, list[Metric]] = defaultdict(list)
    for index, points in _points(batch).items():
        for name, of_name in points.items():
            found[index].append(_metric(name, of_name))
    for index, metric in _rates(batch):
        found[index].append(metric)
    return found


def _points(batch: Batch) -> dict[int, dict[_Name, list[NumberDataPoint]]]:
    found: dict[int, dict[_Name, list[NumberDataPoint]]] = defaultdict(lambda: defaultdict(list))
    for index, start, value in zip(batch.points.series, batch.points.start, batch.points.value, strict=True):
        series = batch.series[index]
        name, end = _name(series), start + series.period
        # A counter has counted since long before: a beginning that moves would be a reset, each time.
        begins = end if name.temporality == CUMULATIVE else start
        one = point(begins, end, value, {"finfleet.source_metric": series.source_metric})
        found[series.resource][name].append(one)
    return found


def _name(series: Series) -> _Name:
    suffix = "" if series.statistic in _PLAIN else f".{series.statistic}"
    unit = "{sample}" if series.statistic == "sample_count" else ucum(series.unit)
    return _Name(f"finfleet.{series.metric}{suffix}", unit, _SUMS.get(series.statistic))


def _metric(name: _Name, points: list[NumberDataPoint]) -> Metric:
    if name.temporality is None:
        return Metric(name=name.name, unit=name.unit, gauge=Gauge(data_points=points))
    grows = all(one.as_double >= 0 for one in points)
    total = Sum(data_points=points, aggregation_temporality=name.temporality, is_monotonic=grows)
    return Metric(name=name.name, unit=name.unit, sum=total)


def _rates(batch: Batch) -> Iterator[tuple[int, Metric]]:
    columns: dict[tuple[int, str], list[NumberDataPoint]] = defaultdict(list)
    for rate in batch.rates:
        attributes: dict[str, str | int] = {"currency": rate.currency, "finfleet.basis": rate.basis}
        one = point(rate.start, rate.start + rate.period, float(rate.amount), attributes)
        columns[rate.resource, rate.currency].append(one)
    for (index, currency), points in columns.items():
        unit = f"{annotation(currency)}/h"
        yield index, Metric(name="finfleet.cost.list_price", unit=unit, gauge=Gauge(data_points=points))
