"""`metrics:getBatch`: metrics of up to 50 resources of one subscription, region and type."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from emulators.azure.buckets import Limits, Windows
from emulators.azure.errors import bad_request, json_reply
from emulators.azure.fault_errors import Form, denied, throttled
from emulators.azure.faults import Faults
from emulators.azure.metrics.definitions import NAMESPACES, Definition
from emulators.azure.metrics.store import MetricStore, Span
from emulators.azure.operations import Operation, path
from emulators.azure.places import METRICS
from emulators.azure.request import AzureRequest
from emulators.azure.resources import ResourceStore
from emulators.core.reply import Reply

_ACTION = "Microsoft.Insights/Metrics/Read"
_MOST_RESOURCES, _MOST_METRICS, _RETENTION_DAYS = 50, 20, 93
_VERSIONS = frozenset({"2023-10-01", "2024-02-01"})
_MINUTES = {"PT1M": 1, "PT5M": 5, "PT15M": 15, "PT30M": 30, "PT1H": 60, "PT6H": 360, "PT12H": 720, "P1D": 1440}


class _Question(NamedTuple):
    namespace: str
    metrics: list[Definition]
    span: Span
    interval: str
    step: int
    aggregations: list[str]
    stamps: dict[int, str]


class MetricsBatch:
    """The data plane of metrics. The endpoint of a region takes resources of that region alone."""

    def __init__(self, store: MetricStore, resources: ResourceStore, *, faults: Faults, limits: Limits) -> None:
        self._store = store
        self._resources = resources
        self._faults = faults
        self._limits = limits
        self._quota = Windows(time.monotonic)

    def operations(self) -> list[Operation]:
        """What it serves."""
        where = path(r"(?:/metrics/(?P<region>[^/]+))?/subscriptions/[^/]+/metrics:getBatch")
        return [
            Operation(
                "metrics:getBatch", "POST", where, self._batch, service=METRICS, versions=_VERSIONS, action=_ACTION
            )
        ]

    def _batch(self, request: AzureRequest) -> Reply:
        most, seconds = self._limits.metrics
        left, wait = self._quota.take((request.subscription, request.region), 1, [(most, seconds)])
        if wait:
            raise throttled(request, Form.RETRY_AFTER, wait)
        ids = _ids(request)
        question = _question(request, self._store.clock())
        region = self._check(request, ids, question.namespace)
        values = [self._answer(one, region, question) for one in ids]
        return json_reply({"values": values}, headers={"x-ms-ratelimit-remaining-metrics": f"{int(left[0])}"})

    def _check(self, request: AzureRequest, ids: list[str], namespace: str) -> str:
        """The region of the resources, which must be one; nothing may be denied at any of them."""
        regions = set()
        for one in ids:
            if not one.lower().startswith(f"/subscriptions/{request.subscription}/"):
                text = f"The resource '{one}' is not in the subscription '{request.subscription}' of the request."
                raise bad_request(text)
            if _type_of(one) != namespace.lower():
                text = (
                    f"The resource '{one}' is of another type than the metric namespace '{namespace}': all resources "
                    "of a batch must be of one type."
                )
                raise bad_request(text)
            if self._faults.denied(_ACTION, one):
                raise denied(request, _ACTION, one)
            found = self._resources.get(_account(one))
            regions |= {found.location} if found else set()
        if len(regions) > 1:
            text = f"All resources of a batch must be in one region; these are in {', '.join(sorted(regions))}."
            raise bad_request(text)
        region = regions.pop() if regions else request.region
        if request.region and region != request.region.lower():
            text = f"The resources are in the region '{region}', and this is the endpoint of '{request.region}'."
            raise bad_request(text)
        return region

    def _answer(self, resource_id: str, region: str, question: _Question) -> dict[str, Any]:
        return {
            "starttime": _stamp(question.span[0]),
            "endtime": _stamp(question.span[1]),
            "interval": question.interval,
            "namespace": question.namespace,
            "resourceregion": region,
            "resourceid": resource_id,
            "value": [self._metric(resource_id, metric, question) for metric in question.metrics],
        }

    def _metric(self, resource_id: str, metric: Definition, question: _Question) -> dict[str, Any]:
        buckets = self._store.buckets(resource_id, metric.name, question.span, question.step)
        names = question.aggregations or [metric.primary]
        data: list[dict[str, Any]] = []
        for minute, stamp in question.stamps.items() if buckets else ():
            point: dict[str, Any] = {"timeStamp": stamp}
            if minute in buckets:
                bucket = buckets[minute]
                for name in names:
                    point[name] = getattr(bucket, name)
            data.append(point)
        return {
            "id": f"{resource_id}/providers/Microsoft.Insights/metrics/{metric.name}",
            "type": "Microsoft.Insights/metrics",
            "name": {"value": metric.name, "localizedValue": metric.name},
            "displayDescription": metric.name,
            "unit": metric.unit,
            "timeseries": [{"metadatavalues": [], "data": data}] if buckets else [],
            "errorCode": "Success",
        }


def _ids(request: AzureRequest) -> list[str]:
    ids = request.json.get("resourceids")
    if not isinstance(ids, list) or not ids or not all(isinstance(one, str) for one in ids):
        raise bad_request("The body must have 'resourceids', a list of resource ids that is not empty.")
    if len(ids) > _MOST_RESOURCES:
        text = f"The number of resource ids is {len(ids)}: the most in a batch is {_MOST_RESOURCES}."
        raise bad_request(text)
    return ids


def _question(request: AzureRequest, now: float) -> _Question:
    namespace = request.query.get("metricnamespace", "")
    known = NAMESPACES.get(namespace.lower())
    if known is None:
        raise bad_request(f"Metric namespace '{namespace}' is not one that there is.")
    for unserved in ("filter", "rollupby", "orderby", "top"):
        if unserved in request.query:
            raise bad_request(f"The local Azure does not serve the parameter '{unserved}' of metrics:getBatch.")
    metrics = _metrics(request.query.get("metricnames", ""), namespace, known)
    interval = request.query.get("interval", "PT1M").upper()
    for metric in metrics:
        if interval not in {*metric.grains, "FULL"}:
            text = f"Detected invalid time grain input, supported time grains: {','.join(metric.grains)}"
            raise bad_request(text)
    span = _span(request, now, _MINUTES.get(interval, 1))
    step = _MINUTES.get(interval, span[1] - span[0])
    stamps = {minute: _stamp(minute) for minute in range(span[0], span[1], step)}
    return _Question(namespace, metrics, span, interval, step, _aggregations(request, metrics), stamps)


def _metrics(names: str, namespace: str, known: dict[str, Definition]) -> list[Definition]:
    wanted = [name.strip().lower() for name in names.split(",") if name.strip()]
    if not wanted or len(wanted) > _MOST_METRICS:
        raise bad_request(f"The number of metric names is {len(wanted)}: from 1 to {_MOST_METRICS} are needed.")
    provider, _, kind = namespace.partition("/")
    for name in wanted:
        if name not in known:
            text = (
                f"Failed to find metric configuration for provider: {provider}, resource Type: {kind}, metric: {name}, "
                f"Valid metrics: {','.join(one.name for one in known.values())}"
            )
            raise bad_request(text)
    return [known[name] for name in wanted]


def _aggregations(request: AzureRequest, metrics: list[Definition]) -> list[str]:
    wanted = [name.strip().lower() for name in request.query.get("aggregation", "").split(",") if name.strip()]
    for metric in metrics:
        for name in wanted:
            if name not in metric.aggregations:
                text = (
                    f"Aggregation type '{name}' is not supported for the metric '{metric.name}': there are "
                    f"{', '.join(metric.aggregations)}."
                )
                raise bad_request(text)
    return wanted


def _span(request: AzureRequest, now: float, step: int) -> Span:
    end = _time(request, "endtime") or datetime.fromtimestamp(now, UTC)
    start = _time(request, "starttime") or end - timedelta(hours=1)
    if "endtime" in request.query and "starttime" not in request.query:
        raise bad_request("The starttime parameter is required when the endtime parameter is specified.")
    if start >= end:
        raise bad_request(f"The start time {start.isoformat()} must be before the end time {end.isoformat()}.")
    if now - start.timestamp() > _RETENTION_DAYS * 86_400:
        text = f"Query startTime: {start.isoformat()} is out of the Max metrics retention period: 93.00:00:00"
        raise bad_request(text)
    first = int(start.timestamp()) // 60
    return first - first % step, -(-int(end.timestamp()) // 60)


def _time(request: AzureRequest, name: str) -> datetime | None:
    text = request.query.get(name)
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise bad_request(f"The {name} '{text}' is not a time: yyyy-MM-ddTHH:mm:ss.fffZ is needed.") from error
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def _type_of(resource_id: str) -> str:
    parts = resource_id.lower().rpartition("/providers/")[2].split("/")
    return "/".join([parts[0], *parts[1::2]])


def _account(resource_id: str) -> str:
    """The resource that has a region: a storage account for one of its services."""
    head, found, _ = resource_id.partition("/blobServices/")
    return head if found else resource_id


def _stamp(minute: int) -> str:
    return f"{datetime.fromtimestamp(minute * 60, UTC):%Y-%m-%dT%H:%M:%SZ}"
