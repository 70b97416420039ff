"""Cloud Storage: buckets, and what each storage class of them holds."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from agents.core.context import Context
from agents.core.service import Estimate, Service, service
from agents.gcp import inventory, monitoring
from agents.gcp.calls import GcpCalls
from agents.gcp.index import ResourceIndex
from agents.gcp.inventory import Asset
from agents.gcp.monitoring import Metric, MetricReader
from telemetry.errors import Unavailable
from telemetry.records import AttributeValue, MetricPoint, Record, Resource
from telemetry.target import Target, Window

SIZE = "size_bytes"
"""All storage classes together; one alone is ``size_bytes.STANDARD`` ..."""
OBJECTS = "object_count"

_BUCKET = "storage.googleapis.com/Bucket"
_KIND = "gcs_bucket"
_DAY = timedelta(days=1)
_GROUP = ("resource.labels.bucket_name", "metric.labels.storage_class")
# A series each kind of object (live, noncurrent, soft-deleted ...): what is stored is billed, whatever it is.
_METRICS = (
    Metric(
        "storage.googleapis.com/storage/v2/total_bytes",
        _KIND,
        SIZE,
        "bytes",
        "gauge",
        "ALIGN_NEXT_OLDER",
        "REDUCE_SUM",
        _GROUP,
    ),
    Metric(
        "storage.googleapis.com/storage/v2/total_count",
        _KIND,
        OBJECTS,
        "count",
        "gauge",
        "ALIGN_NEXT_OLDER",
        "REDUCE_SUM",
        _GROUP[:1],
    ),
)
_NOBODYS = "Google tells bytes without saying of which bucket: of none is it known whether these are all"
_UNLISTED = "they have metrics, and are not in the inventory of the end of the window"


@service("gcp", "storage")
class Storage(Service):
    """Cloud Storage buckets: bytes by storage class and in all, and objects.

    Google has a value a day: the last one of the day is taken. What the storage costs is on the bill.
    """

    owns = ("//storage.googleapis.com/*",)
    interval = _DAY
    fixed_interval = True
    # The values of a day are published in the course of the next.
    delay = _DAY
    refresh = (timedelta(days=3),)
    regional = False
    permissions = (inventory.PERMISSION, monitoring.PERMISSION)
    paid = monitoring.PAID

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """A resource a bucket, then its metrics: each is read once for the whole project."""
        del target
        calls = GcpCalls(context)
        reader = MetricReader(calls, window, int(_DAY.total_seconds()))
        index = ResourceIndex()
        project = calls.project
        for resource in inventory.read(calls, "buckets", lambda one: _resource(one, project), _BUCKET, at=window.end):
            index.add(resource.name, resource)
            yield resource
        if len(index):
            unlisted: set[str] = set()
            for metric in _METRICS:
                # As one part: of some of its classes a bucket has no total.
                with reader.part(metric.name):
                    yield from _points(context, reader, metric, index, unlisted)
            if unlisted:
                context.partial("metrics", _UNLISTED, of="buckets", count=len(unlisted))

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Pages of the inventory, and where there are buckets, of two metrics; a series a bucket of one class."""
        return monitoring.estimate(window, len(_METRICS) if resources else 0, resources, int(_DAY.total_seconds()))

    def check_interval(self, interval: timedelta) -> str:
        """There is a value a day."""
        return "" if interval % _DAY == timedelta(0) else "Cloud Storage has a value a day: use a multiple of 1d"


def _points(
    context: Context, reader: MetricReader, metric: Metric, index: ResourceIndex, unlisted: set[str]
) -> Iterator[MetricPoint]:
    totals: defaultdict[tuple[str, datetime], list[float]] = defaultdict(list)
    doubted: set[str] = set()
    for value in reader.read(metric, lambda odd: doubted.add(_bucket(odd))):
        name = _bucket(value)
        resource = index.find(name)
        if resource is None:
            (unlisted if name else doubted).add(name)
            continue
        point = reader.point(metric, resource, value)
        if metric.name == OBJECTS:
            yield point
            continue
        if kind := value.metric.get("storage_class"):
            yield msgspec.structs.replace(point, metric=f"{SIZE}.{kind}")
        else:
            context.partial(f"{SIZE} by class", "Google does not say of which storage class it is", of="buckets")
        totals[name, value.start].append(value.value)
    if "" in doubted:
        raise Unavailable(_NOBODYS)
    for (name, start), parts in totals.items():
        resource = index.find(name)
        if name in doubted:
            context.partial(metric.name, "a part of it cannot be read", of="buckets")
        elif resource is not None:
            total = monitoring.Value({}, {}, start, math.fsum(parts))
            yield reader.point(metric, resource, total)


def _bucket(value: monitoring.Value) -> str:
    return value.resource.get("bucket_name", "")


def _resource(asset: Asset, project: str) -> Resource:
    fields = asset.fields
    attributes: dict[str, AttributeValue] = {
        "storage_class": fields.text("storageClass"),
        "location_type": fields.text("locationType"),
        "creation_time": fields.text("timeCreated"),
        "versioning": fields.item("versioning").flag("enabled") if fields.has("versioning") else False,
        "lifecycle_rules": fields.item("lifecycle").length("rule", absent=0),
    }
    return Resource(
        provider="gcp",
        account=project,
        region=asset.place(fields.text("location")).lower(),
        service="storage",
        resource_id=asset.name,
        type="bucket",
        name=fields.text("name") or asset.short_name,
        tags=asset.labels,
        attributes={name: value for name, value in attributes.items() if value is not None and value != ""},
        whole=asset.is_whole,
    )
