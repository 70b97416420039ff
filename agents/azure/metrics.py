"""Azure Monitor's batch API: the metrics of up to 50 resources of one subscription, region and type in a call."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from agents.azure import graph
from agents.azure.asking import ask
from agents.azure.calls import AzureCalls
from agents.azure.metric_answer import Metric, MetricAnswer
from agents.azure.permissions import METRICS
from agents.azure.session import AzureSession
from agents.core.estimating import Estimate
from telemetry.errors import CollectionFailed, Denied
from telemetry.records import MetricPoint, Resource
from telemetry.target import Window

API = "metrics:getBatch"
PERMISSION = METRICS
BATCH = 50
"""The most resources in a call."""
LOOK_BACK = timedelta(days=93)
"""How long Azure Monitor keeps metrics."""

_REGIONS = "a call for each further region"
_LATE = "a call for what has changed since, of a window that is collected late"
_MINUTE = timedelta(minutes=1)
_KEPT = timedelta(days=93)
_GRAINS = tuple(timedelta(minutes=minutes) for minutes in (60, 5, 1))
_INTERVALS = dict(zip(_GRAINS, ("PT1H", "PT5M", "PT1M"), strict=True))
_VERSION = "2024-02-01"
_UNKNOWN = re.compile(r"(?i)failed to find metric configuration .*metric: ([^,]+),")


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

    subscription: str
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
        query = {
            "api-version": _VERSION,
            "starttime": _text(self.window.start),
            "endtime": _text(self.window.end),
            "interval": _INTERVALS[self.grain],
            "metricnamespace": self.group.namespace,
            "metricnames": ",".join(dict.fromkeys(one.source for one in metrics)),
            "aggregation": ",".join(sorted({one.aggregation for one in metrics})),
        }
        path = f"/subscriptions/{self.subscription}/metrics:getBatch"
        body = {"resourceids": [f"{one.resource_id}{self.group.suffix}" for one in self.resources]}

        def send(session: AzureSession) -> Any:
            return ask(session.metrics(self.region), "POST", path, query, body=body)

        return send


class MetricReader:
    """The metrics of one window. Resources are gathered until a batch is full, by region and group."""

    def __init__(self, calls: AzureCalls, window: Window, *, of: str) -> None:
        """``of`` are what the resources are called: ``virtual machines``."""
        self._calls = calls
        self._window = window
        self._things = of
        #: The ids of resources of which something was not answered: that they tell nothing says nothing of them.
        self.unanswered: set[str] = set()
        self._waiting: dict[tuple[str, Group], dict[str, Resource]] = {}
        if window.start < calls.context.shared.now() - _KEPT:
            calls.context.partial("metrics", f"Azure Monitor keeps values for {_KEPT.days} days, and these are older")

    def add(self, resource: Resource, groups: Sequence[Group]) -> Iterator[MetricPoint]:
        """Have a resource read; yields the points of a batch where it is now full."""
        for group in groups:
            if not self._is_askable(resource, group):
                self._calls.context.partial("metrics", "their id is not as those of their type are", of=self._things)
                self.unanswered.add(resource.resource_id)
                continue
            waiting = self._waiting.setdefault((resource.region, group), {})
            waiting[f"{resource.resource_id}{group.suffix}".lower()] = resource
            if len(waiting) == BATCH:
                del self._waiting[resource.region, group]
                yield from self._read(resource.region, group, waiting)

    def _is_askable(self, resource: Resource, group: Group) -> bool:
        """Whether its id fits the batch: one that does not would have all of it refused."""
        kind = "/".join(group.namespace.lower().split("/")[:2])
        start = f"/subscriptions/{self._calls.subscription}/".lower()
        return resource.resource_id.lower().startswith(start) and f"/providers/{kind}/" in resource.resource_id.lower()

    def finish(self) -> Iterator[MetricPoint]:
        """The points of those that still wait."""
        waiting, self._waiting = self._waiting, {}
        for (region, group), resources in waiting.items():
            yield from self._read(region, group, resources)

    def _read(self, region: str, group: Group, resources: Mapping[str, Resource]) -> Iterator[MetricPoint]:
        """The points of one batch: what refuses it costs the other batches nothing."""
        question = _Question(self._calls.subscription, region, group, tuple(resources.values()), self._window)
        ids = {one.resource_id for one in question.resources}
        things = self._things if len(ids) > 1 else self._things.removesuffix("s")
        self.unanswered |= ids
        with self._calls.context.part(f"metrics of {len(ids)} {things} in {region}"):
            try:
                wanted, answer = self._answer(question)
            except Denied as error:
                apart = _by_group(resources)
                if not error.permission or len(apart) == 1:
                    raise
                # One that may not be read refuses the whole batch. Permissions are given by resource groups.
                for one in apart:
                    yield from self._read(region, group, one)
                return
            self.unanswered -= ids
            if answer is not None:
                read = MetricAnswer(self._calls.context, self._things, question.grain, wanted)
                yield from (point for point in read.points(answer, resources) if point.start in self._window)
                self.unanswered |= read.unanswered

    def _answer(self, question: _Question) -> tuple[Sequence[Metric], Any]:
        """The metrics that were asked for, and the answer; None where the cloud has none of them.

        Not every cloud has every metric, and one that it has not must not hide the others.
        """
        missing = self._calls.context.shared.once(
            ("azure metrics", self._calls.section.cloud, question.group), set[str]
        )
        while wanted := [one for one in question.group.metrics if one.source.lower() not in missing]:
            try:
                return wanted, self._calls.call(API, question.of(wanted), region=question.region) or {}
            except CollectionFailed as error:
                unknown = _UNKNOWN.search(error.message)
                if unknown is None or unknown[1].strip().lower() in missing:
                    raise
                missing.add(unknown[1].strip().lower())
        return (), None


def _by_group(resources: Mapping[str, Resource]) -> list[dict[str, Resource]]:
    """The resources of each resource group."""
    found: dict[str, dict[str, Resource]] = {}
    for key, one in resources.items():
        found.setdefault(one.resource_id.partition("/providers/")[0], {})[key] = one
    return list(found.values())


def grain_of(window: Window, least: timedelta = _MINUTE) -> timedelta:
    """The interval to ask for: the longest, up to an hour for windows of whole hours, that cuts the window evenly."""
    for grain in _GRAINS:
        if grain < least:
            break
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        if window.duration % grain == timedelta(0) and (window.start - epoch) % grain == timedelta(0):
            return grain
    raise CollectionFailed(f"window {window}: Azure Monitor has values for each {least}: use windows of whole ones")


def estimate(resources: int, groups: int = 1, *, more: str = "", less: str = "") -> Estimate:
    """The inventory and the metrics of so many resources of one region; ``more`` and ``less`` are the service's own."""
    calls = {**graph.estimate(resources), API: math.ceil(resources / BATCH) * groups}
    if not resources:
        return Estimate(calls, Decimal(0), _LATE)
    beyond = [_REGIONS, *([more] if more else []), _LATE]
    return Estimate(calls, Decimal(0), "; ".join(beyond), less)


def check_interval(interval: timedelta, grain: timedelta = _MINUTE) -> str:
    """Why windows of ``interval`` cannot be collected, or an empty string."""
    if interval % grain == timedelta(0):
        return ""
    return f"Azure Monitor has values for each {int(grain.total_seconds() // 60)}m: use a multiple of it"


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
