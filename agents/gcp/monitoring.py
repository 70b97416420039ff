"""Reads Cloud Monitoring by ListTimeSeries: one metric of a whole project at a time, whatever the number of resources.

Google's intervals exclude their start and include their end, and a point bears the time at which it ends: so one
stamped with the end of a window speaks of that window, and one stamped with its start of the window before. Asked for
as they are, windows side by side neither lose a point nor have one twice.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from agents.core.estimating import Estimate
from agents.gcp import inventory
from agents.gcp.calls import GcpCalls, Sending
from agents.gcp.errors import NoSuchMetric
from telemetry.errors import CollectionFailed, Denied
from telemetry.records import MetricPoint, Resource
from telemetry.target import Window

API = "monitoring:ListTimeSeries"
PERMISSION = "monitoring.timeSeries.list"
PAID: Mapping[str, Decimal] = MappingProxyType({API: Decimal("0.0000005")})
"""$0.50 for a million series returned. The first million of a month is free, and is counted as if it were not."""

PAGE = 20_000
"""Points a page. Google takes up to 100,000: that would be more than 100 MB in memory at once."""
_SPLIT = "a series for each value of a label"
_SILENT = "no series of what does not run, or has no agent"
_NAMED = 50
"""Resources that a filter names one by one."""
_MINUTE = timedelta(minutes=1)
_KEPT_WHOLE = timedelta(weeks=6)
"""Older values are kept one for each ten minutes."""
_THINNED_TO = 600
_FIVE_MINUTES = timedelta(minutes=5)


@dataclass(frozen=True)
class Metric:
    """A metric of Cloud Monitoring, how its values are brought together, and what we call it."""

    #: Google's name: ``compute.googleapis.com/instance/cpu/utilization``.
    source: str
    #: The kind of monitored resource: ``gce_instance``.
    kind: str
    name: str
    unit: str
    statistic: str
    #: Google's names of the two steps: over time within a series, then over series with the same ``group_by``.
    aligner: str
    reducer: str = ""
    group_by: tuple[str, ...] = ()
    #: More of the filter: ``metric.labels.state = "used"``.
    condition: str = ""
    #: What Google's value is multiplied by to be in ``unit``: 100 makes percent of a ratio.
    factor: float = 1

    def of(self, label: str, values: Collection[str]) -> Metric:
        """The same of some resources alone, where they are few enough to be named: each series returned is paid."""
        if not 0 < len(values) <= _NAMED:
            return self
        named = ", ".join(map(json.dumps, sorted(values)))
        condition = f"{label} = one_of({named})"
        return replace(self, condition=f"{self.condition} AND {condition}" if self.condition else condition)


@dataclass(frozen=True)
class Value:
    """One value of one series."""

    #: The labels of the monitored resource, and those of the metric.
    resource: Mapping[str, str]
    metric: Mapping[str, str]
    start: datetime
    value: float


def check_interval(interval: timedelta) -> str:
    """Why Cloud Monitoring cannot be collected at ``interval``, or an empty string."""
    whole = interval % _MINUTE == timedelta(0)
    return "" if whole else "Cloud Monitoring has values for whole minutes: use a multiple of 60 s"


def period_of(window: Window) -> int:
    """Seconds from value to value: 300 where the window consists of such, else 60.

    CollectionFailed where it is not of whole minutes.
    """
    for period in (_FIVE_MINUTES, _MINUTE):
        if window.duration % period == timedelta(0):
            return int(period.total_seconds())
    raise CollectionFailed(
        f"window {window}: Cloud Monitoring has values for whole minutes: make it a multiple of 60 s"
    )


def estimate(
    window: Window, metrics: int, resources: int, period: int | None = None, *, more: str = "", less: str = ""
) -> Estimate:
    """What it takes to list so many resources and to read so many metrics of them, each of which has one series.

    ``more`` and ``less`` are the service's own.
    """
    calls = inventory.estimate(resources)
    if not metrics:
        return Estimate(calls, Decimal(0))
    values = resources * (window.duration // timedelta(seconds=period or period_of(window)))
    calls |= {API: metrics * max(1, math.ceil(values / PAGE))}
    less = f"{_SILENT}; {less}" if less else _SILENT
    return Estimate(calls, PAID[API] * metrics * resources, f"{_SPLIT}; {more}" if more else _SPLIT, less)


class MetricReader:
    """Reads metrics of one project over one window."""

    def __init__(self, calls: GcpCalls, window: Window, period: int | None = None) -> None:
        """``period`` is seconds from value to value, which must divide the window; None for what suits the window.

        CollectionFailed where the window is not over.
        """
        if window.end > calls.context.shared.now():
            raise CollectionFailed(f"window {window}: it is not over yet, and its last values would be parts: wait")
        self._calls = calls
        self._window = window
        self._denied: Denied | None = None
        self.period = period or period_of(window)
        if self.period < _THINNED_TO and window.start < calls.context.shared.now() - _KEPT_WHOLE:
            calls.context.partial(
                "metrics", "Google keeps values of less than ten minutes for six weeks, and these are older"
            )

    def settle(self, metric: Metric) -> Iterator[Value]:
        """The same as a part of its own: where it is refused, the others count. Each value must stand alone."""
        with self.part(metric.name):
            yield from self.read(metric)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """What is read of one metric, or of several that are of no use without each other, settled by itself."""
        context = self._calls.context
        with context.part(name):
            try:
                yield
            except Denied as error:
                context.meter.refused("metrics", error)  # it is the same for all

    def read(self, metric: Metric, doubt: Callable[[Value], None] = lambda _: None) -> Iterator[Value]:
        """Every value of ``metric`` in the window, page by page; none where nothing in the project writes it.

        Each once: a series that is on two pages, or there twice, has one value at a time. ``doubt`` hears of each
        series, with its labels, that has a value which cannot be read: who adds up series has no total without it.
        """
        if self._denied is not None:
            raise self._denied  # nor is it answered now
        seen: set[int] = set()
        request = self._request(metric)

        def ask(sending: Sending, token: str) -> Any:
            request["page_token"] = token
            return sending.session.monitoring.list_time_series(request=request, **sending.options)

        try:
            for page in self._calls.pages(API, ask, lambda answer: len(answer.time_series)):
                for series in page.time_series:
                    yield from self._values(metric, series, seen, doubt)
        except NoSuchMetric:
            return
        except Denied as error:
            self._denied = error
            raise

    def point(self, metric: Metric, resource: Resource, value: Value) -> MetricPoint:
        """``value`` as a record."""
        return MetricPoint(
            resource=resource,
            metric=metric.name,
            source_metric=metric.source,
            unit=metric.unit,
            statistic=metric.statistic,
            start=value.start,
            period=self.period,
            value=value.value,
        )

    def _request(self, metric: Metric) -> dict[str, Any]:
        from google.cloud.monitoring_v3 import Aggregation, ListTimeSeriesRequest  # noqa: PLC0415 - an SDK, when used

        condition = f" AND {metric.condition}" if metric.condition else ""
        aggregation: dict[str, Any] = {
            "alignment_period": {"seconds": self.period},
            "per_series_aligner": getattr(Aggregation.Aligner, metric.aligner),
        }
        if metric.reducer:
            aggregation["cross_series_reducer"] = getattr(Aggregation.Reducer, metric.reducer)
            aggregation["group_by_fields"] = list(metric.group_by)
        return {
            "name": f"projects/{self._calls.project}",
            "filter": f'metric.type = "{metric.source}" AND resource.type = "{metric.kind}"{self._own()}{condition}',
            "interval": {"start_time": self._window.start, "end_time": self._window.end},
            "aggregation": aggregation,
            "view": ListTimeSeriesRequest.TimeSeriesView.FULL,
            "page_size": PAGE,
        }

    def _own(self) -> str:
        """The part of a filter that leaves out what the project sees of others, as the host of a metrics scope."""
        return f' AND project = "{self._calls.project}"'

    def _values(self, metric: Metric, series: Any, seen: set[int], doubt: Callable[[Value], None]) -> Iterator[Value]:
        resource, labels = dict(series.resource.labels), dict(series.metric.labels)
        name = hash((frozenset(resource.items()), frozenset(labels.items())))
        first, last = self._window.start.timestamp(), self._window.end.timestamp()
        if not series.points:
            self._calls.context.partial(metric.name, "Google gave a series without a value")
            doubt(Value(resource, labels, self._window.start, math.nan))
        for point in series.points:
            end = point.interval.end_time.seconds
            if not first < end <= last:
                if not first - self.period <= end <= last + self.period:
                    self._calls.context.partial(metric.name, "Google gave a value without a time that can be")
                    doubt(Value(resource, labels, self._window.start, math.nan))
                continue
            start = datetime.fromtimestamp(end - self.period, UTC)
            number = _number(point.value) * metric.factor
            if start not in self._window:
                continue
            if not math.isfinite(number):
                self._calls.context.partial(metric.name, "Google gave a value that is no number")
                doubt(Value(resource, labels, start, math.nan))
            elif (key := hash((name, start))) not in seen:
                seen.add(key)
                yield Value(resource, labels, start, number)


def _number(value: Any) -> float:
    kind = value.WhichOneof("value")
    return float(getattr(value, kind)) if kind in {"double_value", "int64_value"} else math.nan
