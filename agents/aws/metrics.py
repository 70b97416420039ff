"""Reads CloudWatch by GetMetricData: 500 metrics a call, gathered across the pages of a listing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from agents.aws.calls import AwsCalls
from agents.core.service import Estimate
from telemetry.errors import CollectionFailed, Denied, Unavailable
from telemetry.records import MetricPoint, Resource
from telemetry.target import Window

API = "cloudwatch:GetMetricData"
PAID: Mapping[str, Decimal] = MappingProxyType({API: Decimal("0.00001")})
"""$0.01 for 1,000 metrics asked for, whether they have data or not."""

LIST_API = "cloudwatch:ListMetrics"
LIST_PAID: Mapping[str, Decimal] = MappingProxyType({LIST_API: Decimal("0.00001")})
"""$0.01 for 1,000 calls, as of CloudWatch's other calls."""

LOOK_BACK = timedelta(days=455)
"""Values of an hour are kept so long; of five minutes 63 days, of one minute 15."""

QUERIES_PER_CALL = 500
_POINTS_PER_CALL = 100_800
_MINUTE = timedelta(minutes=1)
_FIVE_MINUTES = timedelta(minutes=5)
_KEPT = ((3600, timedelta(days=455)), (300, timedelta(days=63)), (60, timedelta(days=15)))
"""For how long CloudWatch keeps values of so many seconds and more."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Metric:
    """A metric of CloudWatch, and what we call it."""

    namespace: str
    #: CloudWatch's name.
    source: str
    #: CloudWatch's word: ``Average``, ``Sum`` ...
    statistic: str
    name: str
    unit: str
    #: What CloudWatch's value is divided by to be in ``unit``: 1000 makes milliseconds of microseconds.
    divisor: int = 1


@dataclass(frozen=True)
class Query:
    """One metric of one resource; every metric asked for is paid."""

    resource: Resource
    metric: Metric
    #: As the metric was published: all of its dimensions.
    dimensions: tuple[tuple[str, str], ...]
    #: Seconds between two values that the source publishes: a value speaks of no less.
    resolution: int = 60


def check_interval(interval: timedelta) -> str:
    """Why CloudWatch cannot be collected at ``interval``, or an empty string."""
    return (
        "" if interval % _MINUTE == timedelta(0) else "CloudWatch has values for whole minutes: use a multiple of 60 s"
    )


def period_of(window: Window) -> int:
    """Seconds from value to value: 300 where the window consists of such, else 60.

    CollectionFailed where the window does not consist of whole minutes.
    """
    for period in (_FIVE_MINUTES, _MINUTE):
        if (window.start - _EPOCH) % period == (window.end - _EPOCH) % period == timedelta(0):
            return int(period.total_seconds())
    raise CollectionFailed(f"window {window}: CloudWatch has values for whole minutes: start and end at whole minutes")


def estimate(window: Window, queries: int, period: int | None = None) -> Estimate:
    """What it takes to ask for so many metrics: by CloudWatch's limits of metrics and of values in a call.

    ``period`` is the reader's; None for that of the window.
    """
    values = queries * -(-window.duration // timedelta(seconds=period or period_of(window)))
    calls = max(math.ceil(queries / QUERIES_PER_CALL), math.ceil(values / _POINTS_PER_CALL))
    return Estimate({API: calls}, PAID[API] * queries)


class MetricReader:
    """Gathers queries, and sends them when a call is full. Holds one call's worth, however many there are."""

    def __init__(self, calls: AwsCalls, window: Window, period: int | None = None) -> None:
        """``period`` is seconds from value to value, which must divide the window; None for what suits the window.

        CollectionFailed where the window is not over, or not of whole minutes.
        """
        if window.end > calls.context.shared.now():
            raise CollectionFailed(f"window {window}: it is not over yet, and its last values would be parts: wait")
        self._calls = calls
        self._window = window
        self._period = period or period_of(window)
        self._queries: list[Query] = []
        kept = next(kept for least, kept in _KEPT if self._period >= least)
        if window.start < calls.context.shared.now() - kept:
            calls.context.partial(
                "metrics", f"CloudWatch keeps values of {self._period} s for {kept.days} days, and these are older"
            )

    @property
    def waiting(self) -> int:
        """How many queries are taken in and not sent yet: the last ones."""
        return len(self._queries)

    def add(self, *queries: Query) -> Iterator[MetricPoint]:
        """Take queries in; yields what the calls give that became full with them."""
        self._queries.extend(queries)
        while len(self._queries) >= QUERIES_PER_CALL:
            full, self._queries = self._queries[:QUERIES_PER_CALL], self._queries[QUERIES_PER_CALL:]
            yield from self._read(full)

    def finish(self) -> Iterator[MetricPoint]:
        """Yield the rest."""
        rest, self._queries = self._queries, []
        if rest:
            yield from self._read(rest)

    def _read(self, queries: list[Query]) -> Iterator[MetricPoint]:
        by_id = {f"m{number}": query for number, query in enumerate(queries)}
        statuses: dict[str, str] = {}
        pages = self._calls.pages(
            "cloudwatch",
            "GetMetricData",
            units=len(queries),
            MetricDataQueries=[self._wire(name, query) for name, query in by_id.items()],
            StartTime=self._window.start,
            EndTime=self._window.end,
            ScanBy="TimestampAscending",
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                statuses[result["Id"]] = result.get("StatusCode", "Complete")
                yield from self._points(by_id[result["Id"]], result)
        for name, query in by_id.items():
            _check(statuses.get(name, "(no answer)"), query)

    def _wire(self, name: str, query: Query) -> dict[str, Any]:
        metric = {
            "Namespace": query.metric.namespace,
            "MetricName": query.metric.source,
            "Dimensions": [{"Name": key, "Value": value} for key, value in query.dimensions],
        }
        return {"Id": name, "MetricStat": {"Metric": metric, "Period": self._period, "Stat": query.metric.statistic}}

    def _points(self, query: Query, result: Mapping[str, Any]) -> Iterator[MetricPoint]:
        for moment, value in zip(result["Timestamps"], result["Values"], strict=True):
            start = moment.astimezone(UTC)
            if start in self._window and math.isfinite(value):
                yield MetricPoint(
                    resource=query.resource,
                    metric=query.metric.name,
                    source_metric=query.metric.source,
                    unit=query.metric.unit,
                    statistic=query.metric.statistic.lower(),
                    start=start,
                    period=max(self._period, query.resolution),
                    value=value / query.metric.divisor,
                )


def _check(status: str, query: Query) -> None:
    """Fail where the last word on a metric is not that it is whole: a part must not pass for the whole."""
    if status == "Complete":
        return
    what = f"{query.metric.source} of {query.resource.resource_id}"
    if status == "Forbidden":
        raise Denied(f"{API}: {what} belongs to an account that does not share it: allow {API}", API)
    raise Unavailable(f"{API}: {what} came as {status}: it is asked for anew at the next attempt")
