"""S3: buckets, what each storage class of them holds, and what that costs."""

from __future__ import annotations

import calendar
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from types import MappingProxyType
from typing import Any

import msgspec

from agents.aws import metrics
from agents.aws.calls import AwsCalls
from agents.aws.groups import Group, GroupReader
from agents.aws.metrics import Metric, MetricReader, Query
from agents.aws.pricing import price_list as pricing
from agents.aws.pricing.s3 import STORAGE_TYPES, S3Prices, s3_prices
from agents.core.context import Context
from agents.core.service import Estimate, Service, service
from telemetry.errors import CollectionFailed
from telemetry.records import CostRate, MetricPoint, Record, Resource
from telemetry.target import Target, Window, floor_time, format_time

BASIS = "storage_list"
"""The list price of a month's storage, by the hour."""
SIZE = "size_bytes"
"""All storage types together; one alone is ``size_bytes.StandardStorage`` ..."""
OBJECTS = "object_count"

_LIST = "s3:ListBuckets"
_PAGE = 10_000
_METRICS_PAGE = 500
_NAMESPACE = "AWS/S3"
_DAY = timedelta(days=1)
_DAY_SECONDS = 86_400
_GB = 2**30
"""AWS bills S3 by 2^30 bytes."""
_DIGITS = Decimal("1E-15")
_LISTED_FOR = timedelta(days=13)
"""ListMetrics forgets what had no value for two weeks: of an older day a class may be missing."""

_FORGOTTEN = "the day is more than 13 days ago, and CloudWatch lists the storage classes of the last 14 days only"


@service("aws", "s3")
class S3(Service):
    """S3 buckets of a region: bytes by storage type and in all, objects, and the list price of the storage.

    AWS has one value a day, at midnight. A bucket's price an hour is its month's list price divided by the hours of
    that month, rounded to 15 decimals. The tiers of a price are those of all the region's buckets of the account
    together: each bears its share. Requests and transfer are not in it. Directory buckets are not listed.
    """

    owns = ("arn:*:s3:::*",)
    interval = _DAY
    fixed_interval = True
    # The values of a day are published in the course of the next.
    delay = _DAY
    look_back = metrics.LOOK_BACK
    refresh = (timedelta(days=3),)
    permissions = ("s3:ListAllMyBuckets", "sts:GetCallerIdentity", metrics.LIST_API, metrics.API, *pricing.PERMISSIONS)
    paid = MappingProxyType({**metrics.PAID, **metrics.LIST_PAID, _LIST: Decimal("0.000005")})

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """A resource a bucket. Held until the end, for the tiers: the sizes of the buckets of one region."""
        if fault := self.check_interval(window.duration) or _off_grid(window):
            raise CollectionFailed(f"window {window}: {fault}")
        calls = AwsCalls(context, target.region)
        reader = GroupReader(MetricReader(calls, window, _DAY_SECONDS))
        sizes = _Sizes()
        self.say_late(context, window, "S3")
        types: defaultdict[str, set[str]] | None = None
        for page in calls.pages("s3", "ListBuckets", page_size=_PAGE, BucketRegion=target.region):
            for bucket in page.get("Buckets", ()):
                types = _types(calls) if types is None else types
                resource = _resource(calls, bucket, types.get(bucket["Name"], set()))
                yield resource
                for group in reader.add(resource, _queries(resource, types.get(bucket["Name"], set()))):
                    yield from sizes.take(group)
        for group in reader.finish():
            yield from sizes.take(group)
        if window.start >= context.shared.now() - _LISTED_FOR:
            yield from _rates(calls, sizes)
        elif types is not None:
            context.partial("rates, and classes without a value for two weeks", _FORGOTTEN)

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Pages of 10,000 buckets and 500 metrics; two metrics a bucket of one class. Prices are a look-up a day."""
        asked = metrics.estimate(window, resources * 2, _DAY_SECONDS)
        calls = {
            _LIST: max(1, math.ceil(resources / _PAGE)),
            metrics.LIST_API: math.ceil(resources / _METRICS_PAGE),
            **asked.calls,
        }
        cost = sum((self.paid[api] * calls[api] for api in (_LIST, metrics.LIST_API)), asked.cost_usd or Decimal(0))
        return Estimate(calls, cost)

    def check_interval(self, interval: timedelta) -> str:
        """There is a value a day."""
        return "" if interval % _DAY == timedelta(0) else "S3 has a value a day: use a multiple of 1d"


def month_hours(moment: datetime) -> int:
    """The hours of the month that ``moment`` is in: what the price of a GB-month is divided by."""
    return calendar.monthrange(moment.year, moment.month)[1] * 24


@dataclass
class _Sizes:
    """What every bucket holds, day by day, in bytes by storage type."""

    buckets: list[tuple[Resource, datetime, dict[str, float]]] = field(default_factory=list)

    def take(self, group: Group) -> Iterator[MetricPoint]:
        """Keep the sizes of one bucket; yields its points, and its total for each day."""
        resource, points = group
        days: defaultdict[datetime, list[MetricPoint]] = defaultdict(list)
        for point in points:
            yield point
            if point.metric != OBJECTS:
                days[point.start].append(point)
        for start, parts in days.items():
            total = math.fsum(part.value for part in parts)
            yield msgspec.structs.replace(parts[0], metric=SIZE, value=total)
            self.buckets.append((resource, start, {part.metric.partition(".")[2]: part.value for part in parts}))


def _rates(calls: AwsCalls, sizes: _Sizes) -> Iterator[CostRate]:
    """The rates of all buckets; none for one that holds something without a price."""
    if not sizes.buckets:
        return
    prices = s3_prices(calls)
    totals: Counter[tuple[datetime, str]] = Counter()
    for _, start, by_type in sizes.buckets:
        for kind, size in by_type.items():
            totals[start, _usage(kind)] += int(size)
    for _ in {usage for _, usage in totals} - prices.by_usage.keys():
        calls.context.meter.unknown_price()
    currency = pricing.currency_of(calls.partition)
    for resource, start, by_type in sizes.buckets:
        amount = _hourly(prices, totals, start, by_type)
        if amount is not None:
            yield CostRate(
                resource=resource, start=start, period=_DAY_SECONDS, amount=amount, currency=currency, basis=BASIS
            )


def _hourly(
    prices: S3Prices, totals: Mapping[tuple[datetime, str], int], start: datetime, by_type: Mapping[str, float]
) -> Decimal | None:
    with localcontext(prec=40):
        month = Decimal(0)
        for kind, size in by_type.items():
            usage = _usage(kind)
            price = prices.by_usage.get(usage)
            if price is None:
                return None
            total = totals[start, usage]
            if total:
                month += price.cost(Decimal(total) / _GB) * int(size) / total
        return (month / month_hours(start)).quantize(_DIGITS)


def _usage(kind: str) -> str:
    known = STORAGE_TYPES.get(kind)
    return kind if known is None else known.usage


def _types(calls: AwsCalls) -> defaultdict[str, set[str]]:
    """The storage types of every bucket in the region that had a value in the last two weeks."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    pages = calls.pages("cloudwatch", "ListMetrics", Namespace=_NAMESPACE, MetricName="BucketSizeBytes")
    for page in pages:
        for metric in page["Metrics"]:
            named = {pair["Name"]: pair["Value"] for pair in metric["Dimensions"]}
            if named.keys() == {"BucketName", "StorageType"}:
                found[named["BucketName"]].add(named["StorageType"])
    return found


def _queries(resource: Resource, types: set[str]) -> Iterator[Query]:
    if not types:
        return
    for kind in sorted(types):
        metric = Metric(_NAMESPACE, "BucketSizeBytes", "Average", f"{SIZE}.{kind}", "bytes")
        yield Query(resource, metric, (("BucketName", resource.name), ("StorageType", kind)), _DAY_SECONDS)
    objects = Metric(_NAMESPACE, "NumberOfObjects", "Average", OBJECTS, "count")
    yield Query(resource, objects, (("BucketName", resource.name), ("StorageType", "AllStorageTypes")), _DAY_SECONDS)


def _resource(calls: AwsCalls, bucket: Mapping[str, Any], types: set[str]) -> Resource:
    classes = sorted({STORAGE_TYPES[kind].storage_class if kind in STORAGE_TYPES else kind for kind in types})
    attributes = {"creation_date": format_time(bucket["CreationDate"]), "storage_classes": ", ".join(classes)}
    return Resource(
        provider="aws",
        account=calls.account_id,
        region=calls.region,
        service="s3",
        resource_id=f"arn:{calls.partition}:s3:::{bucket['Name']}",
        type="bucket",
        name=bucket["Name"],
        attributes={name: value for name, value in attributes.items() if value},
    )


def _off_grid(window: Window) -> str:
    return "" if floor_time(window.start, _DAY) == window.start else "S3 has a value a day: start and end at midnight"
