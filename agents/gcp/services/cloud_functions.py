"""Cloud Functions: functions of both generations, their executions, errors and times."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from agents.core.context import Context
from agents.core.service import Estimate, Service, service
from agents.gcp import inventory, monitoring
from agents.gcp.calls import GcpCalls
from agents.gcp.index import ResourceIndex
from agents.gcp.inventory import Asset
from agents.gcp.monitoring import Metric, MetricReader, Value
from telemetry.errors import Unavailable
from telemetry.records import AttributeValue, MetricPoint, Record, Resource
from telemetry.target import Target, Window

_FIRST = "cloudfunctions.googleapis.com/CloudFunction"
_SECOND = "cloudfunctions.googleapis.com/Function"
_THINGS = "cloud functions"
_NOBODYS = "Google counts executions without saying of which function: of none is it known how many it had"
_BOTH = "two metrics more where there are functions of both generations"
_MEMORY_UNITS: Mapping[str, float] = MappingProxyType({"Ki": 2**-10, "Mi": 1, "Gi": 2**10, "M": 1e6 / 2**20})
_QUANTITY = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(Ki|Mi|Gi|M)")


@dataclass(frozen=True)
class _Generation:
    """Where a generation's figures are. The second runs on Cloud Run, which has them."""

    #: Grouped by how each execution ended, so that one call tells executions and errors.
    executions: Metric
    errors: Metric
    duration: Metric
    #: The labels of the resource that name a function and its region, and the one of the metric that says how it ended.
    name: str
    region: str
    ending: str
    good: frozenset[str]
    #: None where every other ending that is told is a failure.
    bad: frozenset[str] | None


def _generation(
    source: tuple[str, str],
    kind: str,
    labels: tuple[str, str, str],
    endings: tuple[frozenset[str], frozenset[str] | None],
    factor: float,
) -> _Generation:
    name, region, ending = labels
    group = (f"resource.labels.{name}", f"resource.labels.{region}")
    by_ending = (*group, f"metric.labels.{ending}")
    counts, times = source
    return _Generation(
        Metric(counts, kind, "invocations", "count", "sum", "ALIGN_SUM", "REDUCE_SUM", by_ending),
        Metric(counts, kind, "errors", "count", "sum", "ALIGN_SUM", "REDUCE_SUM", by_ending),
        Metric(times, kind, "duration", "milliseconds", "average", "ALIGN_SUM", "REDUCE_MEAN", group, factor=factor),
        name,
        region,
        ending,
        *endings,
    )


_GENERATIONS: Mapping[str, _Generation] = MappingProxyType(
    {
        _FIRST: _generation(
            (
                "cloudfunctions.googleapis.com/function/execution_count",
                "cloudfunctions.googleapis.com/function/execution_times",
            ),
            "cloud_function",
            ("function_name", "region", "status"),
            (frozenset({"ok"}), None),
            1e-6,
        ),
        _SECOND: _generation(
            ("run.googleapis.com/request_count", "run.googleapis.com/request_latencies"),
            "cloud_run_revision",
            ("service_name", "location", "response_code_class"),
            (frozenset({"1xx", "2xx", "3xx"}), frozenset({"4xx", "5xx"})),
            1,
        ),
    }
)


@service("gcp", "cloud_functions")
class CloudFunctions(Service):
    """Cloud Functions of both generations: invocations, errors, and the mean duration."""

    owns = ("//cloudfunctions.googleapis.com/*",)
    interval = timedelta(minutes=5)
    delay = timedelta(minutes=10)
    regional = False
    permissions = (inventory.PERMISSION, monitoring.PERMISSION)
    paid = monitoring.PAID

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """A resource a function, then the metrics of the generations that there are."""
        del target
        calls = GcpCalls(context)
        reader = MetricReader(calls, window)
        project = calls.project
        found: defaultdict[str, ResourceIndex] = defaultdict(ResourceIndex)
        for one in inventory.read(calls, _THINGS, lambda asset: _of(asset, project), _FIRST, _SECOND, at=window.end):
            if one.kind not in _GENERATIONS:
                context.partial("metrics", "Google does not say of which generation they are", of=_THINGS)
            found[one.kind].add((one.measured_as, one.resource.region), one.resource)
            yield one.resource
        for kind, generation in _GENERATIONS.items():
            if kind in found:
                yield from _points(context, reader, generation, found[kind])

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Pages of the inventory, and where there are functions of one generation, of two metrics."""
        return monitoring.estimate(
            window,
            2 if resources else 0,
            resources,
            more=_BOTH,
        )

    def check_interval(self, interval: timedelta) -> str:
        """Cloud Monitoring has values for whole minutes."""
        return monitoring.check_interval(interval)


def _points(
    context: Context, reader: MetricReader, generation: _Generation, index: ResourceIndex
) -> Iterator[MetricPoint]:
    # As one part: of some of the endings there is no total.
    with reader.part("invocations and errors"):
        yield from _executions(context, reader, generation, index)
    for value in reader.settle(generation.duration):
        resource = index.find(_key(generation, value))
        if resource is not None:
            yield reader.point(generation.duration, resource, value)


def _executions(
    context: Context, reader: MetricReader, generation: _Generation, index: ResourceIndex
) -> Iterator[MetricPoint]:
    endings: defaultdict[tuple[str, str, datetime], list[Value]] = defaultdict(list)
    doubted: set[tuple[str, str]] = set()
    for value in reader.read(generation.executions, lambda odd: doubted.add(_key(generation, odd))):
        endings[*_key(generation, value), value.start].append(value)
        if not all(_key(generation, value)):
            doubted.add(_key(generation, value))
    if not all(map(all, doubted)):
        raise Unavailable(_NOBODYS)
    for (name, region, start), values in endings.items():
        resource = index.find((name, region))
        if resource is None:
            continue
        if (name, region) in doubted:
            context.partial("invocations and errors", "some of them cannot be read", of=_THINGS)
            continue
        yield reader.point(generation.executions, resource, Value({}, {}, start, sum(one.value for one in values)))
        failed = _failed(generation, values)
        if failed is None:
            context.partial("errors", "Google does not say how all executions ended", of=_THINGS)
        else:
            yield reader.point(generation.errors, resource, Value({}, {}, start, failed))


def _failed(generation: _Generation, values: list[Value]) -> float | None:
    """How many executions failed; None where it is not known how one ended."""
    total = 0.0
    for value in values:
        ending = value.metric.get(generation.ending)
        if not ending or (generation.bad is not None and ending not in generation.good | generation.bad):
            return None
        total += value.value if ending not in generation.good else 0
    return total


def _key(generation: _Generation, value: Value) -> tuple[str, str]:
    return value.resource.get(generation.name, ""), value.resource.get(generation.region, "")


@dataclass(frozen=True)
class _Function:
    """A function of the inventory, and the name that its metrics have."""

    kind: str
    resource: Resource
    measured_as: str


def _of(asset: Asset, project: str) -> _Function | None:
    second = asset.kind == _SECOND
    if second and asset.fields.text("environment") == "GEN_1":
        return None  # the newer API shows the first generation too, which the older kind has already
    resource = _resource(asset, project, second=second)
    run = inventory.last_part(asset.fields.item("serviceConfig").text("service"))
    return _Function(asset.kind, resource, run or resource.name)


def _resource(asset: Asset, project: str, *, second: bool) -> Resource:
    fields = asset.fields
    build, run = fields.item("buildConfig"), fields.item("serviceConfig")
    # The environment variables are in the inventory too, where secrets are: no part of them is taken.
    attributes: dict[str, AttributeValue] = {
        "generation": 2 if second else 1,
        "runtime": build.text("runtime") if second else fields.text("runtime"),
        "status": fields.text("state") if second else fields.text("status"),
        "memory_mb": _memory(run.text("availableMemory")) if second else fields.number("availableMemoryMb"),
        "timeout_s": run.number("timeoutSeconds") if second else _seconds(fields.text("timeout")),
    }
    return Resource(
        provider="gcp",
        account=project,
        region=asset.place(),
        service="cloud_functions",
        resource_id=asset.name,
        type=str(attributes["runtime"]),
        name=asset.short_name,
        tags=asset.labels,
        attributes={name: value for name, value in attributes.items() if value is not None and value != ""},
        whole=asset.is_whole,
    )


def _memory(text: str) -> int | None:
    """MiB of ``256Mi``, ``1Gi`` ..."""
    written = _QUANTITY.fullmatch(text)
    return None if written is None else round(float(written[1]) * _MEMORY_UNITS[written[2]])


def _seconds(text: str) -> int | None:
    """Of ``60s``."""
    written = text.removesuffix("s")
    return int(written) if written.isdecimal() else None
