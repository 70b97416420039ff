"""ListTimeSeries: which series, over which time, aligned and reduced how."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from emulators.gcp.errors import GoogleError, invalid, invalid_field
from emulators.gcp.monitoring import align, reduce
from emulators.gcp.monitoring.descriptors import Descriptor
from emulators.gcp.monitoring.filters import Filter, parse
from emulators.gcp.monitoring.store import MetricStore, Series

_ALIGN_NONE = "ALIGN_NONE"
_REDUCE_NONE = "REDUCE_NONE"


def answer(store: MetricStore, project: str, request: Any) -> tuple[list[Series], Descriptor]:
    """The series of a request (a protobuf ListTimeSeriesRequest), points oldest first, and the metric's descriptor.

    Raises:
        GoogleError: INVALID_ARGUMENT or NOT_FOUND, as Monitoring would.
    """
    if request.order_by:
        raise invalid_field("orderBy", request.order_by, "Ordering is not supported.")
    wanted = parse(request.filter)
    descriptor = _descriptor(store, project, wanted)
    start, end = _interval(request.interval)
    seen = (series for one in store.scope(project) for series in store.series(one, wanted.metric_type))
    found = [series for series in seen if wanted.matches(series)]
    steps = [_Step(step) for step in (request.aggregation, request.secondary_aggregation)]
    if steps[1].aligner != _ALIGN_NONE and steps[0].aligner == _ALIGN_NONE:
        raise invalid("Field secondaryAggregation may only be specified if aggregation is specified.")
    kind, value_type = descriptor.kind, descriptor.value_type
    for step in steps:
        kind, value_type = step.check(kind, value_type)
    shown = [_until(series, store.visible_until()) for series in found]
    for step in steps:
        shown = step.applied(shown, start, end)
    return [cut for series in shown if (cut := _within(series, start, end)).ends], descriptor


class _Step:
    """One aggregation: an aligner and perhaps a reducer."""

    def __init__(self, aggregation: Any) -> None:
        names = type(aggregation)
        self.period = aggregation.alignment_period.seconds + aggregation.alignment_period.nanos / 1e9
        self.aligner = names.Aligner.Name(aggregation.per_series_aligner)
        self.reducer = names.Reducer.Name(aggregation.cross_series_reducer)
        self.group_by = reduce.fields(aggregation.group_by_fields) if self.reducer != _REDUCE_NONE else []

    def check(self, kind: str, value_type: str) -> tuple[str, str]:
        """Refuse what is not valid; gives kind and value type of what comes out."""
        if self.aligner == _ALIGN_NONE:
            if self.reducer != _REDUCE_NONE:
                raise invalid_field(
                    "aggregation.perSeriesAligner", self.aligner, "An aligner is required when a reducer is specified."
                )
            return kind, value_type
        align.check(self.aligner, kind, value_type, self.period)
        empty = Series("", {}, "", {"project_id": ""}, kind, value_type, [], [], [])
        out = align.aligned(empty, self.aligner, [0.0], self.period)
        if self.reducer != _REDUCE_NONE:
            reduce.check(self.reducer, out.value_type)
            out = reduce.reduced([out], self.reducer, [])[0]
        return out.kind, out.value_type

    def applied(self, found: Sequence[Series], start: float, end: float) -> list[Series]:
        """The step, done."""
        if self.aligner == _ALIGN_NONE:
            return list(found)
        ends = align.boundaries(start, end, self.period)
        aligned = [align.aligned(series, self.aligner, ends, self.period) for series in found]
        aligned = [series for series in aligned if series.ends]
        if self.reducer == _REDUCE_NONE:
            return aligned
        return reduce.reduced(aligned, self.reducer, self.group_by)


def _descriptor(store: MetricStore, project: str, wanted: Filter) -> Descriptor:
    descriptor = store.descriptor(project, wanted.metric_type)
    if descriptor is None:
        raise GoogleError(
            "NOT_FOUND",
            f'Cannot find metric(s) that match type = "{wanted.metric_type}". If a metric was created recently, it '
            "could take up to 10 minutes to become available. Please try again soon.",
        )
    if wanted.resource_type is not None and wanted.resource_type not in descriptor.resource_types:
        raise wanted.refusal(
            "The supplied filter does not specify a valid combination of metric and monitored resource descriptors. "
            "The query will not return any time series."
        )
    return descriptor


def _interval(interval: Any) -> tuple[float, float]:
    end = interval.end_time.seconds + interval.end_time.nanos / 1e9
    if not interval.HasField("end_time"):
        raise invalid_field("interval.endTime", "", "The end time is required.")
    if not interval.HasField("start_time"):
        raise invalid_field("interval.startTime", "", "The start time must be specified.")
    start = interval.start_time.seconds + interval.start_time.nanos / 1e9
    if start >= end:
        raise invalid_field(
            "interval.startTime",
            interval.start_time.ToJsonString(),
            f"The start time must be before the end time ({interval.end_time.ToJsonString()}) for the reading of data.",
        )
    return start, end


def _until(series: Series, latest: float) -> Series:
    last = bisect_right(series.ends, latest)
    if last == len(series.ends):
        return series
    return replace(series, starts=series.starts[:last], ends=series.ends[:last], values=series.values[:last])


def _within(series: Series, start: float, end: float) -> Series:
    """The points whose end is in (start, end]."""
    first, last = bisect_right(series.ends, start), bisect_right(series.ends, end)
    if (first, last) == (0, len(series.ends)):
        return series
    return replace(
        series, starts=series.starts[first:last], ends=series.ends[first:last], values=series.values[first:last]
    )
