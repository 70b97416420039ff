"""Azure Monitor's batch API: the metrics of up to 50 resources of one subscription, region and type in a call."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.azure.calls import AzureCalls
from agents.azure.permissions import METRICS
from agents.azure.session import AzureSession
from telemetry.errors import CollectionFailed
from telemetry.records import MetricPoint, Resource
from telemetry.target import Window

API = "metrics:getBatch"
PERMISSION = METRICS
BATCH = 50
"""The most resources in a call."""
LOOK_BACK = timedelta(days=93)
"""How long Azure Monitor keeps metrics."""

_MINUTE = timedelta(minutes=1)
_KEPT = timedelta(days=93)
_GRAINS = tuple(timedelta(minutes=minutes) for minutes in (60, 5, 1))
_STATISTICS: Mapping[str, str] = {"average": "average", "total": "sum", "maximum": "maximum", "minimum": "minimum"}
_UNKNOWN = re.compile(r"(?i)failed to find metric configuration .*metric: ([^,]+),")


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


@dataclass(frozen=True)
class Group:
    """Metrics that one call reads: of one namespace, at most 20, with the same aggregations allowed on all."""

    namespace: str
    metrics: tuple[Metric, ...]
    #: What the id of a resource is followed by, for a part of it that has metrics of its own.
    suffix: str = ""
    #: The shortest interval that its values are made of.
    grain: timedelta = _MINUTE


@dataclass(frozen=True)
class _Question:
    """What one call is about."""

    region: str
    group: Group
    resources: tuple[Resource, ...]
    window: Window

    @property
    def grain(self) -> timedelta:
        """The interval that values are asked for."""
        return grain_of(self.window, self.group.grain)

    def of(self, metrics: Sequence[Metric]) -> Callable[[AzureSession], Any]:
        """Ask for some of the group's metrics."""

        def send(session: AzureSession) -> Any:
            ids = [f"{one.resource_id}{self.group.suffix}" for one in self.resources]
            # The SDK reads the subscription from the first one, and trips over a group that ends in this word.
            ids.sort(key=lambda one: one.count("subscriptions/"))
            return session.metrics(self.region).query_resources(
                resource_ids=ids,
                metric_namespace=self.group.namespace,
                metric_names=list(dict.fromkeys(one.source for one in metrics)),
                timespan=(self.window.start, self.window.end),
                granularity=self.grain,
                aggregations=sorted({one.aggregation for one in metrics}),
            )

        return send


class MetricReader:
    """The metrics of one window. Resources are gathered until a batch is full, by region and group."""

    def __init__(self, calls: AzureCalls, window: Window) -> None:
        self._calls = calls
        self._window = window
        self._waiting: dict[tuple[str, Group], dict[str, Resource]] = {}
        if window.start < calls.context.shared.now() - _KEPT:
            calls.context.partial("metrics", f"Azure Monitor keeps values for {_KEPT.days} days, and these are older")

    def add(self, resource: Resource, groups: Sequence[Group]) -> Iterator[MetricPoint]:
        """Have a resource read; yields the points of a batch where it is now full."""
        for group in groups:
            waiting = self._waiting.setdefault((resource.region, group), {})
            waiting[f"{resource.resource_id}{group.suffix}".lower()] = resource
            if len(waiting) == BATCH:
                del self._waiting[resource.region, group]
                yield from self._read(resource.region, group, waiting)

    def finish(self) -> Iterator[MetricPoint]:
        """The points of those that still wait."""
        waiting, self._waiting = self._waiting, {}
        for (region, group), resources in waiting.items():
            yield from self._read(region, group, resources)

    def _read(self, region: str, group: Group, resources: Mapping[str, Resource]) -> Iterator[MetricPoint]:
        question = _Question(region, group, tuple(resources.values()), self._window)
        missing = self._calls.context.shared.once(("azure metrics", self._calls.section.cloud, group), set[str])
        results = None
        while results is None:
            wanted = [one for one in group.metrics if one.source.lower() not in missing]
            if not wanted:
                return
            results = self._ask(question, wanted, missing)
        for result in results:
            for series in result.metrics:
                yield from self._points(series, resources, wanted, question.grain)

    def _ask(self, question: _Question, wanted: Sequence[Metric], missing: set[str]) -> Any:
        """The results; None where Azure does not know one of the metrics, which is then among ``missing``.

        Not every cloud has every metric, and one that it has not must not hide the others.
        """
        try:
            return self._calls.call(API, question.of(wanted), region=question.region)
        except CollectionFailed as error:
            unknown = _UNKNOWN.search(error.message)
            if unknown is None or unknown[1].strip().lower() in missing:
                raise
            missing.add(unknown[1].strip().lower())
            return None

    def _points(
        self, series: Any, resources: Mapping[str, Resource], wanted: Sequence[Metric], grain: timedelta
    ) -> Iterator[MetricPoint]:
        owner, _, name = series.id.lower().partition("/providers/microsoft.insights/metrics/")
        resource = resources.get(owner)
        if resource is None:
            raise CollectionFailed(f"{API}: Azure answered with metrics of {owner}, which were not asked for")
        metrics = [metric for metric in wanted if metric.source.lower() == name]
        for value in (value for one in series.timeseries for value in one.data):
            for metric in metrics:
                point = _point(resource, metric, value, grain)
                if point is not None and point.start in self._window:
                    yield point


def grain_of(window: Window, least: timedelta = _MINUTE) -> timedelta:
    """The interval to ask for: the longest, up to an hour for windows of whole hours, that cuts the window evenly."""
    for grain in _GRAINS:
        if grain < least:
            break
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        if window.duration % grain == timedelta(0) and (window.start - epoch) % grain == timedelta(0):
            return grain
    raise CollectionFailed(f"window {window}: Azure Monitor has values for each {least}: use windows of whole ones")


def estimate(resources: int, groups: int = 1) -> dict[str, int]:
    """The least calls for so many resources: those of one region."""
    return {API: math.ceil(resources / BATCH) * groups}


def check_interval(interval: timedelta, grain: timedelta = _MINUTE) -> str:
    """Why windows of ``interval`` cannot be collected, or an empty string."""
    if interval % grain == timedelta(0):
        return ""
    return f"Azure Monitor has values for each {int(grain.total_seconds() // 60)}m: use a multiple of it"


def _point(resource: Resource, metric: Metric, value: Any, grain: timedelta) -> MetricPoint | None:
    """None where the interval has no value: missing is not zero."""
    number = getattr(value, metric.aggregation)
    if number is None or not math.isfinite(number):
        return None
    return MetricPoint(
        resource=resource,
        metric=metric.metric,
        source_metric=metric.shown or metric.source,
        unit=metric.unit,
        statistic=_STATISTICS[metric.aggregation],
        start=value.timestamp.astimezone(UTC),
        period=int(grain.total_seconds()),
        value=number * metric.factor + metric.offset,
    )
