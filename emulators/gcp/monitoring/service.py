"""google.monitoring.v3.MetricService, as far as a reader of metrics needs it."""

from collections.abc import Sequence
from typing import Any

from google.api import distribution_pb2, metric_pb2
from google.cloud import monitoring_v3

from emulators.gcp import paging
from emulators.gcp.errors import invalid_field
from emulators.gcp.monitoring.descriptors import Descriptor
from emulators.gcp.monitoring.distribution import Distribution
from emulators.gcp.monitoring.query import answer
from emulators.gcp.monitoring.store import MetricStore, Series
from emulators.gcp.projects import Projects
from emulators.gcp.rpc import Method

PAGE = 100_000
_HEADERS = 1
_VALUE_FIELDS = {"INT64": "int64_value", "DOUBLE": "double_value", "BOOL": "bool_value", "STRING": "string_value"}

_Point = monitoring_v3.Point.pb()
_ListTimeSeriesResponse = monitoring_v3.ListTimeSeriesResponse.pb()
_ListMetricDescriptorsResponse = monitoring_v3.ListMetricDescriptorsResponse.pb()


class Monitoring:
    """Answers from the store."""

    def __init__(self, store: MetricStore, projects: Projects) -> None:
        self._store = store
        self._projects = projects

    def methods(self) -> list[Method]:
        """What is served."""
        return [
            Method(
                "google.monitoring.v3.MetricService",
                "ListTimeSeries",
                "monitoring:ListTimeSeries",
                monitoring_v3.ListTimeSeriesRequest.pb(),
                "monitoring.timeSeries.list",
                lambda request: request.name,
                self.list_time_series,
            ),
            Method(
                "google.monitoring.v3.MetricService",
                "ListMetricDescriptors",
                "monitoring:ListMetricDescriptors",
                monitoring_v3.ListMetricDescriptorsRequest.pb(),
                "monitoring.metricDescriptors.list",
                lambda request: request.name,
                self.list_metric_descriptors,
            ),
        ]

    def list_time_series(self, request: Any) -> Any:
        """A page: in the FULL view `page_size` counts points, so that a series may go on over the next page."""
        project = self._projects.id_of(request.name)
        found, descriptor = answer(self._store, project, request)
        at, skip = paging.position(request, 2)
        room = min(request.page_size or PAGE, PAGE)
        response = _ListTimeSeriesResponse(unit=descriptor.unit)
        builder = _Builder(response)
        while at < len(found) and room > 0:
            series = found[at]
            if request.view == _HEADERS:
                builder.header(series, descriptor)
                at, room = at + 1, room - 1
                continue
            taken = min(len(series.ends) - skip, room)
            builder.points(series, descriptor, skip, taken)
            room -= taken
            at, skip = (at + 1, 0) if skip + taken == len(series.ends) else (at, skip + taken)
        if at < len(found):
            response.next_page_token = paging.token(request, at, skip)
        return response

    def list_metric_descriptors(self, request: Any) -> Any:
        """The metric types of a project; the filter is `metric.type = "..."` or `starts_with("...")`."""
        project = self._projects.id_of(request.name)
        names = sorted(self._store.descriptors(project).items())
        if request.filter:
            names = [(name, one) for name, one in names if _named(name, request.filter)]
        first = paging.position(request)[0]
        last = first + min(request.page_size or 10_000, 10_000)
        response = _ListMetricDescriptorsResponse()
        for name, one in names[first:last]:
            response.metric_descriptors.append(_described(project, name, one))
        if last < len(names):
            response.next_page_token = paging.token(request, last)
        return response


class _Builder:
    """Fills a response; the intervals that points share are made once."""

    def __init__(self, response: Any) -> None:
        self._response = response
        self._intervals: dict[tuple[float, float], Any] = {}

    def header(self, series: Series, descriptor: Descriptor) -> Any:
        kinds = metric_pb2.MetricDescriptor
        made = self._response.time_series.add(
            metric_kind=kinds.MetricKind.Value(series.kind),
            value_type=kinds.ValueType.Value(series.value_type),
            unit=descriptor.unit,
        )
        made.metric.type = series.metric_type
        made.metric.labels.update(series.metric_labels)
        made.resource.type = series.resource_type
        made.resource.labels.update(series.resource_labels)
        return made

    def points(self, series: Series, descriptor: Descriptor, skip: int, number: int) -> None:
        """`number` points after the newest `skip`, newest first."""
        made = self.header(series, descriptor)
        last = len(series.ends) - skip
        rows: Sequence[Any] = list(
            zip(
                series.starts[last - number : last],
                series.ends[last - number : last],
                series.values[last - number : last],
                strict=True,
            )
        )
        field = _VALUE_FIELDS.get(series.value_type)
        for start, end, value in reversed(rows):
            point = made.points.add()
            point.interval.CopyFrom(self._interval(start, end))
            if field is None:
                _fill(point.value.distribution_value, value)
            else:
                setattr(point.value, field, value)

    def _interval(self, start: float, end: float) -> Any:
        held = self._intervals.get((start, end))
        if held is None:
            held = self._intervals[start, end] = _Point().interval
            for time, stamp in ((start, held.start_time), (end, held.end_time)):
                stamp.seconds, stamp.nanos = int(time), round((time - int(time)) * 1e9)
        return held


def _fill(message: distribution_pb2.Distribution, value: Distribution) -> None:
    message.count = value.count
    message.mean = value.mean
    message.sum_of_squared_deviation = value.squares
    message.bucket_options.explicit_buckets.bounds.extend(value.bounds)
    message.bucket_counts.extend(value.counts)


def _named(name: str, text: str) -> bool:
    left, _, right = (part.strip() for part in text.partition("="))
    if left != "metric.type" or not right:
        raise invalid_field("filter", text, "The filter must be on metric.type.")
    if right.startswith('starts_with("') and right.endswith('")'):
        return name.startswith(right[len('starts_with("') : -2])
    return name == right.strip('"')


def _described(project: str, name: str, one: Descriptor) -> Any:
    kinds = metric_pb2.MetricDescriptor
    return metric_pb2.MetricDescriptor(
        name=f"projects/{project}/metricDescriptors/{name}",
        type=name,
        metric_kind=kinds.MetricKind.Value(one.kind),
        value_type=kinds.ValueType.Value(one.value_type),
        unit=one.unit,
        monitored_resource_types=list(one.resource_types),
    )
