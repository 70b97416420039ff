"""An answer of Azure Monitor's batch API, value by value: one that cannot be read costs no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from agents.core.context import Context
from agents.core.items import Item, Listing
from telemetry.errors import Unavailable
from telemetry.records import MetricPoint, Resource

_STATISTICS: Mapping[str, str] = {"average": "average", "total": "sum", "maximum": "maximum", "minimum": "minimum"}
_METRICS = "/providers/microsoft.insights/metrics/"
_SUCCESS = frozenset({"", "success"})

_Series = tuple[str, str, list[MetricPoint]]
"""The id of a resource, the name of a metric, both in lower case; and its points."""


@dataclass(frozen=True)
class Metric:
    """A metric of a namespace, and what it is called here."""

    source: str
    metric: str
    unit: str
    #: ``average``, ``total`` ... as Azure names it.
    aggregation: str
    factor: float = 1.0
    #: What is added after the multiplication: 100 less the free memory is what is used.
    offset: float = 0.0
    #: The name that is kept as the source, where the value is calculated.
    shown: str = ""


class MetricAnswer:
    """What one call was answered."""

    def __init__(self, context: Context, things: str, grain: timedelta, wanted: Sequence[Metric]) -> None:
        self._context = context
        self._things = things
        self._listing: Listing[list[_Series]] = Listing(context, things)
        self._grain = grain
        self._wanted = wanted
        #: The ids of resources of which a part of the answer is missing, or could not be read.
        self.unanswered: set[str] = set()

    def points(self, answer: Mapping[str, object], resources: Mapping[str, Resource]) -> Iterator[MetricPoint]:
        """The points of ``resources``, by their ids in lower case; each interval of a metric has one or none."""
        values = answer.get("values")
        if not isinstance(values, list):
            raise Unavailable("metrics:getBatch: Azure's answer has no values: it is asked anew")
        found: dict[tuple[str, str, datetime], MetricPoint] = {}
        doubtful: set[tuple[str, str, datetime]] = set()
        for point in self._read(values, resources):
            key = (point.resource.resource_id, point.metric, point.start)
            if found.setdefault(key, point).value != point.value:
                doubtful.add(key)
        for resource_id, metric, _ in doubtful:
            self._lack(resource_id, metric, "Azure told two values of one interval")
        return (point for key, point in found.items() if key not in doubtful)

    def _read(self, values: list[object], resources: Mapping[str, Resource]) -> Iterator[MetricPoint]:
        told: dict[str, set[str]] = {key: set() for key in resources}
        for found in values:
            for owner, name, points in self._listing.read(found, lambda item: list(self._of(item, resources))) or ():
                told[owner].add(name)
                yield from points
        for owner, names in told.items():
            for metric in self._wanted:
                if metric.source.lower() not in names:
                    self._lack(resources[owner].resource_id, metric.metric, "Azure's answer leaves it out")

    def _of(self, item: Item, resources: Mapping[str, Resource]) -> Iterator[_Series]:
        of = item.text("resourceid").lower()
        if not item.has("value"):
            item.fault("value")
        for series in item.items("value"):
            owner, name = _whose(series, of)
            if owner in resources and name:
                yield owner, name, list(self._series(series, resources[owner], name))
            else:
                self._context.partial("metrics", "Azure answered with metrics of others, or of nobody", of=self._things)

    def _series(self, series: Item, resource: Resource, name: str) -> Iterator[MetricPoint]:
        metrics = [metric for metric in self._wanted if metric.source.lower() == name]
        code = series.told("errorCode")
        if code is None or code.lower() not in _SUCCESS:
            for metric in metrics:
                self._lack(resource.resource_id, metric.metric, f"Azure answered {(code or 'an odd code')[:60]}")
        for part in series.items("timeseries"):
            if not part.has("data"):
                part.fault("data")
                self.unanswered.add(resource.resource_id)
            for value in part.items("data"):
                for metric in metrics:
                    point = self._point(value, metric, resource)
                    if point is not None:
                        yield point

    def _point(self, value: Item, metric: Metric, resource: Resource) -> MetricPoint | None:
        """None where the interval has no value: missing is not zero."""
        start, number = value.time("timeStamp", zone=UTC), value.real(metric.aggregation)
        if start is None or number is None:
            if not value.has("timeStamp"):
                value.fault("timeStamp")
            if start is None or value.has(metric.aggregation):
                self.unanswered.add(resource.resource_id)
            return None
        return MetricPoint(
            resource=resource,
            metric=metric.metric,
            source_metric=metric.shown or metric.source,
            unit=metric.unit,
            statistic=_STATISTICS[metric.aggregation],
            start=start,
            period=int(self._grain.total_seconds()),
            value=number * metric.factor + metric.offset,
        )

    def _lack(self, resource_id: str, metric: str, why: str) -> None:
        self.unanswered.add(resource_id)
        self._context.partial(metric, why, of=self._things)


def _whose(series: Item, of: str) -> tuple[str, str]:
    """The id of the resource, and the name of the metric, both in lower case."""
    owner, _, name = series.text("id").lower().partition(_METRICS)
    if owner and name:
        return owner, name
    return of, series.item("name").text("value").lower()
