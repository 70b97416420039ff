"""Reads CloudWatch by GetMetricData: 500 metrics a call, gathered across the pages of a listing."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from agents.aws.calls import AwsCalls
from agents.core.items import UNREAD, Item, Listing
from agents.core.service import Estimate
from telemetry.errors import CollectionError, CollectionFailed, Denied, Unavailable
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


def dimensions_of(item: Item) -> dict[str, str]:
    """The dimensions of a metric of ListMetrics."""
    pairs = [(one.needed("Name"), one.needed("Value")) for one in item.items("Dimensions")]
    if not pairs:
        item.fault("Dimensions")
    return dict(pairs)


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
    """Gathers queries, and sends them when a call is full. Holds one call's worth, however many there are.

    Metrics that may not be read are a part by themselves: the report names the permission, and the rest counts.
    """

    def __init__(self, calls: AwsCalls, window: Window, period: int | None = None, *, of: str = "resources") -> None:
        """``period`` is seconds from value to value, which must divide the window; None for what suits the window.

        ``of`` is what the resources are called: ``ec2 instances``. CollectionFailed where the window is not over, or
        not of whole minutes.
        """
        if window.end > calls.context.shared.now():
            raise CollectionFailed(f"window {window}: it is not over yet, and its last values would be parts: wait")
        self._calls = calls
        self._window = window
        self._period = period or period_of(window)
        self._of = of
        self._queries: list[Query] = []
        self._denied: Denied | None = None
        #: Keys of the resources whose metrics were not answered whole: no sum of theirs is one.
        self.broken: set[tuple[str, ...]] = set()
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
        if self._denied is None:
            try:
                yield from self._ask(queries)
            except Denied as error:
                if not error.permission:  # it is about who asks, and no part of it
                    raise
                self._denied = error
                self._refuse(error, queries)
        else:
            self._refuse(self._denied, queries)

    def _ask(self, queries: list[Query]) -> Iterator[MetricPoint]:
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
        results: Listing[tuple[str, Item]] = Listing(self._calls.context, "answers of CloudWatch")
        seen: set[tuple[str, datetime]] = set()
        for page in pages:
            for name, result in results.each(page, "MetricDataResults", lambda item: (item.key("Id"), item)):
                if name in by_id:
                    statuses[name] = result.text("StatusCode") or "Complete"
                    yield from self._points(name, by_id[name], result, seen)
        self._check(by_id, statuses)

    def _check(self, by_id: Mapping[str, Query], statuses: Mapping[str, str]) -> None:
        """Refuse what the last word on is not that it is whole: a part must not pass for the whole."""
        lacking: defaultdict[str, list[Query]] = defaultdict(list)
        for name, query in by_id.items():
            status = statuses.get(name, "(no answer)")
            if status != "Complete":
                lacking[status].append(query)
        alone = sum(map(len, lacking.values())) == len(by_id)
        for status, queries in lacking.items():
            error = _error(status, queries[0])
            if alone and not isinstance(error, Denied):
                raise error
            self._refuse(error, queries)

    def _refuse(self, error: CollectionError, queries: list[Query]) -> None:
        keys = {query.resource.key for query in queries}
        context = self._calls.context
        if error in context.meter.refusals:
            context.partial("metrics", str(error), of=self._of, count=len(keys))
        else:
            context.meter.refused("metrics", error, of=self._of, count=len(keys))
        self.broken |= keys

    def _wire(self, name: str, query: Query) -> dict[str, Any]:
        metric = {
            "Namespace": query.metric.namespace,
            "MetricName": query.metric.source,
            "Dimensions": [{"Name": key, "Value": value} for key, value in query.dimensions],
        }
        return {"Id": name, "MetricStat": {"Metric": metric, "Period": self._period, "Stat": query.metric.statistic}}

    def _points(self, name: str, query: Query, result: Item, seen: set[tuple[str, datetime]]) -> Iterator[MetricPoint]:
        """Each value once, however often it is answered."""
        moments, values = result.fields.get("Timestamps"), result.fields.get("Values")
        readable = isinstance(moments, list) and isinstance(values, list) and len(moments) == len(values)
        for moment, value in zip(moments or (), values or (), strict=True) if readable else ():
            if not isinstance(moment, datetime) or isinstance(value, bool) or not isinstance(value, int | float):
                readable = False
                continue
            start = moment.astimezone(UTC)
            if start not in self._window or not math.isfinite(value):  # what nobody asked for stands in for something
                readable = False
            elif (name, start) not in seen:
                seen.add((name, start))
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
        if not readable:
            self._calls.context.partial("metrics", UNREAD, of=self._of)
            self.broken.add(query.resource.key)


def _error(status: str, query: Query) -> CollectionError:
    what = f"{query.metric.source} of {query.resource.resource_id}"
    if status == "Forbidden":
        return Denied(f"{API}: {what} belongs to an account that does not share it: allow {API}", API)
    return Unavailable(f"{API}: {what} came as {status}: it is asked for anew at the next attempt")
