"""Alignment: each series divided into periods, and the points of each period made into one."""

import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from emulators.gcp.errors import invalid_field
from emulators.gcp.monitoring.distribution import Distribution, merge, percentile
from emulators.gcp.monitoring.store import Series

NUMERIC = frozenset({"INT64", "DOUBLE"})
MIN_PERIOD = 60

_GAUGES = frozenset({"GAUGE"})
_FLOWS = frozenset({"DELTA", "CUMULATIVE"})
_EITHER = frozenset({"GAUGE", "DELTA"})
_DISTRIBUTION = frozenset({"DISTRIBUTION"})
_BOOL = frozenset({"BOOL"})
_ALL_TYPES = NUMERIC | _DISTRIBUTION | _BOOL | {"STRING"}

# What each aligner may be applied to: (metric kinds, value types).
_VALID: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "ALIGN_DELTA": (_FLOWS, NUMERIC | _DISTRIBUTION),
    "ALIGN_RATE": (_FLOWS, NUMERIC),
    "ALIGN_NEXT_OLDER": (_GAUGES, _ALL_TYPES),
    "ALIGN_MIN": (_EITHER, NUMERIC),
    "ALIGN_MAX": (_EITHER, NUMERIC),
    "ALIGN_MEAN": (_EITHER, NUMERIC),
    "ALIGN_COUNT": (_EITHER, NUMERIC | _BOOL),
    "ALIGN_SUM": (_EITHER, NUMERIC | _DISTRIBUTION),
    "ALIGN_STDDEV": (_EITHER, NUMERIC),
    "ALIGN_COUNT_TRUE": (_GAUGES, _BOOL),
    "ALIGN_COUNT_FALSE": (_GAUGES, _BOOL),
    "ALIGN_FRACTION_TRUE": (_GAUGES, _BOOL),
    "ALIGN_PERCENTILE_99": (_EITHER, _DISTRIBUTION),
    "ALIGN_PERCENTILE_95": (_EITHER, _DISTRIBUTION),
    "ALIGN_PERCENTILE_50": (_EITHER, _DISTRIBUTION),
    "ALIGN_PERCENTILE_05": (_EITHER, _DISTRIBUTION),
}
_AS_DOUBLE = frozenset({"ALIGN_RATE", "ALIGN_MEAN", "ALIGN_STDDEV", "ALIGN_FRACTION_TRUE"})
_AS_COUNT = frozenset({"ALIGN_COUNT", "ALIGN_COUNT_TRUE", "ALIGN_COUNT_FALSE"})
_STAYS_DELTA = frozenset({"ALIGN_DELTA", "ALIGN_SUM", "ALIGN_COUNT"})

_OF_PERIOD: dict[str, Callable[[Sequence[Any]], Any]] = {
    "ALIGN_NEXT_OLDER": lambda values: values[-1],
    "ALIGN_MIN": min,
    "ALIGN_MAX": max,
    "ALIGN_MEAN": lambda values: sum(values) / len(values),
    "ALIGN_COUNT": len,
    "ALIGN_STDDEV": statistics.pstdev,
    "ALIGN_COUNT_TRUE": sum,
    "ALIGN_COUNT_FALSE": lambda values: len(values) - sum(values),
    "ALIGN_FRACTION_TRUE": lambda values: sum(values) / len(values),
}


def check(aligner: str, kind: str, value_type: str, period: float) -> None:
    """Refuse what Monitoring refuses.

    Raises:
        GoogleError: INVALID_ARGUMENT: the aligner is not valid for the metric, or the period too short.
    """
    kinds, types = _VALID.get(aligner, (frozenset(), frozenset()))
    if kind not in kinds or value_type not in types:
        raise invalid_field(
            "aggregation.perSeriesAligner",
            aligner,
            f"The aligner cannot be applied to metrics with kind {kind} and value type {value_type}.",
        )
    if period < MIN_PERIOD:
        raise invalid_field(
            "aggregation.alignmentPeriod", f"{period:g}s", "The alignment period must be at least 60 seconds."
        )


def boundaries(start: float, end: float, period: float) -> list[float]:
    """The ends of the periods, counted back from the end of the interval, oldest first; each is after `start`."""
    number = -int(-(end - start) // period)
    return [end - period * back for back in range(number - 1, -1, -1)]


def aligned(series: Series, aligner: str, ends: Sequence[float], period: float) -> Series:
    """One point per period that has data, with its end at the period's end."""
    if aligner in {"ALIGN_DELTA", "ALIGN_RATE"}:
        found = _flow(_as_delta(series), ends, period, rate=aligner == "ALIGN_RATE")
    else:
        found = _by_period(series, aligner, ends, period)
    gauge = series.kind == "GAUGE" or aligner not in _STAYS_DELTA
    times = [end for end, _ in found]
    return replace(
        series,
        kind="GAUGE" if gauge else "DELTA",
        value_type=_value_type(aligner, series.value_type),
        starts=times if gauge else [end - period for end in times],
        ends=times,
        values=[value for _, value in found],
    )


def _value_type(aligner: str, value_type: str) -> str:
    if aligner in _AS_DOUBLE or "PERCENTILE" in aligner:
        return "DOUBLE"
    return "INT64" if aligner in _AS_COUNT else value_type


def _by_period(series: Series, aligner: str, ends: Sequence[float], period: float) -> list[tuple[float, Any]]:
    times, values = series.ends, series.values
    of_period = _operation(aligner, series.value_type)
    found = []
    first = bisect_right(times, ends[0] - period)
    for end in ends:
        last = bisect_right(times, end, first)
        if last > first:
            value = of_period(values[first:last])
            if value is not None:
                found.append((end, value))
        first = last
    return found


def _operation(aligner: str, value_type: str) -> Callable[[Sequence[Any]], Any]:
    if "PERCENTILE" in aligner:
        percent = float(aligner.rsplit("_", 1)[1])
        return lambda values: percentile(merge(values), percent)
    if aligner == "ALIGN_SUM":
        return merge if value_type == "DISTRIBUTION" else sum
    return _OF_PERIOD[aligner]


def _flow(series: Series, ends: Sequence[float], period: float, *, rate: bool) -> list[tuple[float, Any]]:
    """Changes by period: a point that reaches over a boundary is divided in proportion to time."""
    if series.value_type == "DISTRIBUTION":
        return _by_period(series, "ALIGN_SUM", ends, period)
    amounts: Sequence[Any] = series.values
    found = []
    for end in ends:
        begin = end - period
        first, last = bisect_right(series.ends, begin), bisect_left(series.starts, end)
        if last <= first:
            continue
        value: float = sum(
            amount * (min(till, end) - max(since, begin)) / (till - since)
            for since, till, amount in zip(
                series.starts[first:last], series.ends[first:last], amounts[first:last], strict=True
            )
        )
        found.append((end, value / period if rate else _whole(value, series.value_type)))
    return found


def _whole(value: float, value_type: str) -> float:
    return round(value) if value_type == "INT64" else value


def _as_delta(series: Series) -> Series:
    """A cumulative series as its changes; a new start time is a reset, from which it counts anew."""
    if series.kind != "CUMULATIVE":
        return series
    starts, values = [], []
    before: tuple[float, float, Any] | None = None
    for start, end, value in zip(series.starts, series.ends, series.values, strict=True):
        continues = before is not None and before[0] == start
        starts.append(before[1] if continues and before else start)
        values.append(_change(value, before[2]) if continues and before else value)
        before = (start, end, value)
    return replace(series, kind="DELTA", starts=starts, values=values)


def _change(value: Any, earlier: Any) -> Any:
    return value.minus(earlier) if isinstance(value, Distribution) else value - earlier
