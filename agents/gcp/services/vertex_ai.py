"""Vertex AI: endpoints, and what Cloud Monitoring knows of their online predictions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import msgspec

from agents.core.context import Context
from agents.core.service import Estimate, Service, service
from agents.gcp import inventory, monitoring
from agents.gcp.calls import GcpCalls
from agents.gcp.fields import Fields
from agents.gcp.index import ResourceIndex
from agents.gcp.inventory import Asset
from agents.gcp.monitoring import Metric, MetricReader, Value
from telemetry.errors import Unavailable
from telemetry.records import AttributeValue, MetricPoint, Record, Resource
from telemetry.target import Target, Window

_THINGS = "vertex endpoints"
_NOBODYS = "Google counts errors without saying of which endpoint: of none is it known that it had none"
_UNNAMED = "Google's labels do not say whose they are"
ENDPOINT = "aiplatform.googleapis.com/Endpoint"
_ONLINE = "aiplatform.googleapis.com/prediction/online/"
_GROUP = ("resource.labels.endpoint_id", "resource.labels.location")


def _count(source: str) -> Metric:
    return Metric(f"{_ONLINE}{source}", ENDPOINT, source, "count", "sum", "ALIGN_DELTA", "REDUCE_SUM", _GROUP)


def _latency(percent: int) -> Metric:
    # Percentiles of parts cannot be combined: the distributions of the whole window and of all models are, and then
    # the percentile is taken.
    return Metric(
        f"{_ONLINE}prediction_latencies",
        ENDPOINT,
        f"latency_p{percent}",
        "milliseconds",
        f"p{percent}",
        "ALIGN_DELTA",
        f"REDUCE_PERCENTILE_{percent}",
        _GROUP,
        'metric.labels.latency_type = "total"',
    )


_RESPONSES = _count("response_count")
_ERRORS = _count("error_count")
_OTHERS = (
    _count("prediction_count"),
    _latency(50),
    _latency(95),
    Metric(f"{_ONLINE}replicas", ENDPOINT, "replicas", "count", "average", "ALIGN_MEAN", "REDUCE_SUM", _GROUP),
)
_RATE = Metric(f"{_ONLINE}error_count/response_count", ENDPOINT, "error_rate", "percent", "average", "", factor=100)


@service("gcp", "vertex_ai")
class VertexAi(Service):
    """Vertex AI endpoints: predictions, responses, errors and their rate, replicas, and p50 and p95 of the latency.

    Every figure is that of the whole window, over all models that are deployed to the endpoint. Without traffic there
    is no latency and no error rate.
    """

    owns = ("//aiplatform.googleapis.com/*",)
    interval = timedelta(minutes=5)
    delay = timedelta(minutes=10)
    regional = False
    permissions = (inventory.PERMISSION, monitoring.PERMISSION)
    paid = monitoring.PAID

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """A resource an endpoint, then its metrics: each is read once for the whole project."""
        del target
        calls = GcpCalls(context)
        reader = MetricReader(calls, window, int(window.duration.total_seconds()))
        project = calls.project
        endpoints = _Endpoints(context, project)
        for listed in inventory.read(calls, _THINGS, lambda one: _resource(one, project), ENDPOINT, at=window.end):
            if endpoints.add(listed):
                yield listed
        for metric in _OTHERS:
            for value in reader.settle(_asked(metric, context)):
                resource = endpoints.find(value)
                if resource is not None:
                    yield reader.point(metric, resource, value)
        yield from _rates(reader, endpoints, context)

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Pages of the inventory, and of each of six metrics."""
        return monitoring.estimate(window, len(_OTHERS) + 2, resources, int(window.duration.total_seconds()))

    def check_interval(self, interval: timedelta) -> str:
        """Cloud Monitoring has values for whole minutes."""
        return monitoring.check_interval(interval)


class _Endpoints:
    """The endpoints by location and id."""

    def __init__(self, context: Context, project: str) -> None:
        self._context = context
        self._project = project
        self._index = ResourceIndex()

    def add(self, resource: Resource) -> bool:
        """Keep an endpoint of the inventory; False where it is not wanted."""
        number = str(resource.attributes["endpoint_id"])
        if not self._wanted(number):
            return False
        self._index.add((resource.region, number), resource)
        return True

    def find(self, value: Value) -> Resource | None:
        """The endpoint that a value speaks of; one that the inventory does not have is known by its labels alone."""
        location, number = _key(value)
        known = self._index.find((location, number))
        if known is not None or (self._context.only is not None and not self._wanted(number)):
            return known
        if not (location and number):
            self._context.partial("values", _UNNAMED, of=_THINGS)
            return None
        name = f"//aiplatform.googleapis.com/projects/{self._project}/locations/{location}/endpoints/{number}"
        # What it is called only the inventory knows.
        described = _resource(Asset(name, ENDPOINT, location, Fields({})), self._project)
        resource = msgspec.structs.replace(described, name="")
        self._index.add((location, number), resource)
        return resource

    def _wanted(self, number: str) -> bool:
        return self._context.only is None or number in self._context.only


def _rates(reader: MetricReader, endpoints: _Endpoints, context: Context) -> Iterator[MetricPoint]:
    """Responses, errors, and their ratio. Where Google counted responses and no errors, there were none."""
    answered: list[dict[tuple[str, str], float]] = []
    doubted: set[tuple[str, str]] = set()
    with reader.part(_ERRORS.name):
        found = reader.read(_asked(_ERRORS, context), lambda odd: doubted.add(_key(odd)))
        answered.append({_key(value): value.value for value in found})
        if not all(map(all, (*answered[-1], *doubted))):
            answered.clear()
            raise Unavailable(_NOBODYS)
    for value in reader.settle(_asked(_RESPONSES, context)):
        resource = endpoints.find(value)
        if resource is None:
            continue
        yield reader.point(_RESPONSES, resource, value)
        if _key(value) in doubted:
            context.partial(_ERRORS.name, "its number cannot be read", of=_THINGS)
            continue
        for errors in answered:
            failed = errors.get(_key(value), 0.0)
            yield reader.point(_ERRORS, resource, _with(value, failed))
            if value.value > 0:
                yield reader.point(_RATE, resource, _with(value, failed / value.value * _RATE.factor))


def _asked(metric: Metric, context: Context) -> Metric:
    """``metric`` of the endpoints that are wanted."""
    return metric if context.only is None else metric.of(_GROUP[0], context.only)


def _key(value: Value) -> tuple[str, str]:
    return value.resource.get("location", ""), value.resource.get("endpoint_id", "")


def _with(value: Value, number: float) -> Value:
    return Value(value.resource, value.metric, value.start, number)


def _resource(asset: Asset, project: str) -> Resource:
    models = asset.fields.items("deployedModels")
    machines = [model.item("dedicatedResources").item("machineSpec").text("machineType") for model in models]
    attributes: dict[str, AttributeValue] = {
        "endpoint_id": asset.short_name,
        "deployed_models": asset.fields.length("deployedModels"),
        "machine_types": ", ".join(sorted({*machines} - {""})) or None,
    }
    return Resource(
        provider="gcp",
        account=project,
        region=asset.place(),
        service="vertex_ai",
        resource_id=asset.name,
        type="endpoint",
        name=asset.fields.text("displayName") or asset.short_name,
        tags=asset.labels,
        attributes={name: value for name, value in attributes.items() if value is not None},
        whole=asset.is_whole,
    )
