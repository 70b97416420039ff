"""Reduction: the aligned series of each group made into one."""

import re
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from emulators.gcp.errors import invalid_field
from emulators.gcp.monitoring.align import NUMERIC
from emulators.gcp.monitoring.distribution import merge, percentile
from emulators.gcp.monitoring.store import Series, project_label

_DISTRIBUTION = frozenset({"DISTRIBUTION"})
_VALID: dict[str, frozenset[str]] = {
    "REDUCE_MEAN": NUMERIC | _DISTRIBUTION,
    "REDUCE_MIN": NUMERIC,
    "REDUCE_MAX": NUMERIC,
    "REDUCE_SUM": NUMERIC | _DISTRIBUTION,
    "REDUCE_STDDEV": NUMERIC,
    "REDUCE_COUNT": NUMERIC | _DISTRIBUTION | {"BOOL", "STRING"},
    "REDUCE_PERCENTILE_99": NUMERIC | _DISTRIBUTION,
    "REDUCE_PERCENTILE_95": NUMERIC | _DISTRIBUTION,
    "REDUCE_PERCENTILE_50": NUMERIC | _DISTRIBUTION,
    "REDUCE_PERCENTILE_05": NUMERIC | _DISTRIBUTION,
}
_NUMBERS: dict[str, Callable[[Sequence[Any]], Any]] = {
    "REDUCE_MEAN": lambda values: sum(values) / len(values),
    "REDUCE_MIN": min,
    "REDUCE_MAX": max,
    "REDUCE_SUM": sum,
    "REDUCE_STDDEV": statistics.pstdev,
    "REDUCE_COUNT": len,
}
_SAME_TYPE = frozenset({"REDUCE_SUM", "REDUCE_MIN", "REDUCE_MAX"})
_FIELD = re.compile(r'(metric|resource)\.labels?\.(?:"([^"]+)"|(\w+))$')

_Field = tuple[str, str]


def check(reducer: str, value_type: str) -> None:
    """Refuse what Monitoring refuses.

    Raises:
        GoogleError: INVALID_ARGUMENT: the reducer is not valid for the aligned values.
    """
    if value_type not in _VALID.get(reducer, frozenset()):
        raise invalid_field(
            "aggregation.crossSeriesReducer",
            reducer,
            f"The reducer cannot be applied to metrics with value type {value_type}.",
        )


def fields(names: Sequence[str]) -> list[_Field]:
    """`group_by_fields`, each as (metric or resource, label).

    Raises:
        GoogleError: INVALID_ARGUMENT: a field that is no label.
    """
    found = []
    for name in names:
        if name in {"resource.type", "metric.type", "project"}:
            continue
        match = _FIELD.match(name)
        if match is None:
            raise invalid_field("aggregation.groupByFields", name, "The field is not a label of metric or resource.")
        found.append((match[1], match[2] or match[3]))
    return found


def reduced(aligned: Sequence[Series], reducer: str, group_by: Sequence[_Field]) -> list[Series]:
    """One series per group; its labels are those of `group_by`, and the project's."""
    groups: defaultdict[tuple[str, ...], list[Series]] = defaultdict(list)
    for series in aligned:
        groups[series.resource_type, *(_label(series, field) or "" for field in group_by)].append(series)
    return [_one(group, reducer, group_by) for group in groups.values()]


def _one(group: list[Series], reducer: str, group_by: Sequence[_Field]) -> Series:
    first = group[0]
    starts: dict[float, float] = {}
    points: defaultdict[float, list[Any]] = defaultdict(list)
    for series in group:
        for start, end, value in zip(series.starts, series.ends, series.values, strict=True):
            points[end].append(value)
            starts[end] = start
    operation = _operation(reducer, first.value_type)
    ends = sorted(points)
    of_project = project_label(first.resource_type)
    kept: dict[str, dict[str, str]] = {"metric": {}, "resource": {of_project: first.resource_labels[of_project]}}
    for field in group_by:
        label = _label(first, field)
        if label is not None:
            kept[field[0]][field[1]] = label
    stays_delta = first.kind == "DELTA" and reducer == "REDUCE_SUM"
    return Series(
        first.metric_type,
        kept["metric"],
        first.resource_type,
        kept["resource"],
        "DELTA" if stays_delta else "GAUGE",
        _value_type(reducer, first.value_type),
        [starts[end] for end in ends] if stays_delta else ends,
        ends,
        [operation(points[end]) for end in ends],
    )


def _operation(reducer: str, value_type: str) -> Callable[[Sequence[Any]], Any]:
    distributions = value_type == "DISTRIBUTION"
    if "PERCENTILE" in reducer:
        percent = float(reducer.rsplit("_", 1)[1])
        return (lambda values: percentile(merge(values), percent)) if distributions else _between(percent)
    if distributions and reducer == "REDUCE_SUM":
        return merge
    if distributions and reducer == "REDUCE_MEAN":
        return lambda values: merge(values).mean
    return _NUMBERS[reducer]


def _between(percent: float) -> Callable[[Sequence[float]], float]:
    def of(values: Sequence[float]) -> float:
        ordered = sorted(values)
        rank = (len(ordered) - 1) * percent / 100
        low = int(rank)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (ordered[high] - ordered[low]) * (rank - low)

    return of


def _value_type(reducer: str, value_type: str) -> str:
    if reducer in _SAME_TYPE:
        return value_type
    return "INT64" if reducer == "REDUCE_COUNT" else "DOUBLE"


def _label(series: Series, field: _Field) -> str | None:
    labels = series.metric_labels if field[0] == "metric" else series.resource_labels
    return labels.get(field[1])
