"""S3: buckets, what each storage class of them holds, and what that costs."""

from __future__ import annotations

import calendar
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from functools import partial
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
from agents.core.items import Item, Listing
from agents.core.parts import permitted
from agents.core.pricing.unknown import PRICE_UNKNOWN, REFUSED
from agents.core.service import Estimate, Service, service
from telemetry.errors import CollectionFailed
from telemetry.records import CostRate, MetricPoint, Record, Resource
from telemetry.target import Target, Window, floor_time, format_time

BASIS = "storage_list"
"""The list price of a month's storage, by the hour."""
SIZE = "size_bytes"
"""All storage types together; one alone is ``size_bytes.StandardStorage`` ..."""
OBJECTS = "object_count"

THINGS = "s3 buckets"
_LIST = "s3:ListBuckets"
_PAGE = 10_000
_METRICS_PAGE = 500
_NAMESPACE = "AWS/S3"
_DAY = timedelta(days=1)
_DAY_SECONDS = 86_400
_GB = 2**30
"""AWS bills S3 by 2^30 bytes."""
_DIGITS = Decimal("1E-15")
_MOST = Decimal("1E+12")
_LISTED_FOR = timedelta(days=13)
"""ListMetrics forgets what had no value for two weeks: of an older day a class may be missing."""

_UNLISTED = "CloudWatch does not tell all of their storage classes"
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
        reader = GroupReader(MetricReader(calls, window, _DAY_SECONDS, of=THINGS))
        sizes = _Sizes(context)
        self.say_late(context, window, "S3")
        types: _Types | None = None
        prices = _Prices(calls) if window.start >= context.shared.now() - _LISTED_FOR else None
        for resource, _ in buckets_in(calls, target.region):
            types = _Types.read(calls) if types is None else types
            found = types.by_bucket.get(resource.name, set())
            whole = types.whole and resource.name not in types.broken
            why_unknown = prices.why_unknown(found) if prices is not None else ""
            described = _described(resource, found, why_unknown, whole=whole and prices is not None)
            yield described
            sizes.note(described, whole=whole)
            for group in reader.add(described, _queries(described, found)):
                yield from sizes.take(group)
        for group in reader.finish():
            yield from sizes.take(group)
        if prices is not None:
            yield from _rates(calls, sizes, prices.known if sizes.buckets else None)
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
        price = {api: self.paid[api] * calls[api] for api in (_LIST, metrics.LIST_API)}
        price[metrics.API] = asked.cost_usd or Decimal(0)
        cost = sum(price.values(), Decimal(0))
        if not resources:
            return Estimate(calls, cost, paid=price)
        more, less = "a metric of each further storage class", "nothing is asked of buckets that hold nothing"
        return Estimate(calls, cost, more, less, paid=price)

    def check_interval(self, interval: timedelta) -> str:
        """There is a value a day."""
        return "" if interval % _DAY == timedelta(0) else "S3 has a value a day: use a multiple of 1d"


def month_hours(moment: datetime) -> int:
    """The hours of the month that ``moment`` is in: what the price of a GB-month is divided by."""
    return calendar.monthrange(moment.year, moment.month)[1] * 24


class _Prices:
    """The prices of storage in a region, looked up when something is stored; what refuses them is a part by itself."""

    def __init__(self, calls: AwsCalls) -> None:
        self._calls = calls
        self._asked = False
        #: None where they are refused, or not asked for yet.
        self.known: S3Prices | None = None

    def why_unknown(self, types: set[str]) -> str:
        """Why a bucket with these storage types has no price; empty where it has one."""
        if types and not self._asked:
            self._asked = True
            with self._calls.context.part(f"prices of {THINGS}"):
                self.known = s3_prices(self._calls)
        if not types or (self.known is not None and {_usage(kind) for kind in types} <= self.known.by_usage.keys()):
            return ""
        return REFUSED if self.known is None else "a storage class of it has no single price in the price list"


@dataclass
class _Sizes:
    """What every bucket holds, day by day, in bytes by storage type."""

    context: Context
    buckets: list[tuple[Resource, datetime, dict[str, float]]] = field(default_factory=list)
    #: Names of buckets of which a storage type may be missing: no sum of theirs is one.
    parts: set[str] = field(default_factory=set)

    def note(self, resource: Resource, *, whole: bool) -> None:
        """Say whether all storage types of a bucket are known."""
        if not whole:
            self.parts.add(resource.name)
            self.context.partial("the size in all, and the rate,", _UNLISTED, of=THINGS)

    def take(self, group: Group) -> Iterator[MetricPoint]:
        """Keep the sizes of one bucket; yields its points, and its total for each day."""
        resource, points = group
        days: defaultdict[datetime, list[MetricPoint]] = defaultdict(list)
        for point in points:
            yield point
            if point.metric != OBJECTS:
                days[point.start].append(point)
        for start, parts in days.items() if resource.name not in self.parts else ():
            total = math.fsum(part.value for part in parts)
            yield msgspec.structs.replace(parts[0], metric=SIZE, value=total)
            self.buckets.append((resource, start, {part.metric.partition(".")[2]: part.value for part in parts}))


def _rates(calls: AwsCalls, sizes: _Sizes, prices: S3Prices | None) -> Iterator[CostRate]:
    """The rates of all buckets; none for one that holds something without a price."""
    if prices is None:
        return
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
        hourly = month / month_hours(start)
        # More than there is money: no size that a bucket can have.
        return hourly.quantize(_DIGITS) if hourly < _MOST else None


def _usage(kind: str) -> str:
    known = STORAGE_TYPES.get(kind)
    return kind if known is None else known.usage


@dataclass
class _Types:
    """The storage types of every bucket in the region that had a value in the last two weeks."""

    by_bucket: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    #: Whether every type is there of every bucket, but for those that are broken.
    whole: bool = True
    broken: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, calls: AwsCalls) -> _Types:
        """As CloudWatch lists them; what it refuses is a part by itself."""
        found = cls()
        found.whole = False
        with permitted(calls.context, f"storage classes of {THINGS}"):
            listing: Listing[dict[str, str]] = Listing(calls.context, "metrics of S3")
            pages = calls.pages("cloudwatch", "ListMetrics", Namespace=_NAMESPACE, MetricName="BucketSizeBytes")
            lost = 0
            for page in pages:
                lost += not isinstance(page.get("Metrics"), list)
                for metric in listing.raw(page, "Metrics"):
                    named = listing.read(metric, metrics.dimensions_of)
                    lost += named is None or not found._add(named)
            found.whole = not lost
        return found

    def _add(self, named: dict[str, str]) -> bool:
        """Take in one metric; False where nobody knows which bucket lacks it."""
        bucket, kind = named.get("BucketName", ""), named.get("StorageType", "")
        if bucket and kind:
            self.by_bucket[bucket].add(kind)
        elif bucket:
            self.broken.add(bucket)
        return bool(bucket)


def _queries(resource: Resource, types: set[str]) -> Iterator[Query]:
    if not types:
        return
    for kind in sorted(types):
        metric = Metric(_NAMESPACE, "BucketSizeBytes", "Average", f"{SIZE}.{kind}", "bytes")
        yield Query(resource, metric, (("BucketName", resource.name), ("StorageType", kind)), _DAY_SECONDS)
    objects = Metric(_NAMESPACE, "NumberOfObjects", "Average", OBJECTS, "count")
    yield Query(resource, objects, (("BucketName", resource.name), ("StorageType", "AllStorageTypes")), _DAY_SECONDS)


def buckets_in(calls: AwsCalls, region: str = "") -> Iterator[tuple[Resource, str]]:
    """The buckets of the account in ``region``, or in all, each once, with the region that S3 tells of each."""
    listing: Listing[tuple[Resource, str]] = Listing(calls.context, THINGS, key=lambda one: one[0].resource_id)
    asked: dict[str, Any] = {"BucketRegion": region} if region else {}
    for page in calls.pages("s3", "ListBuckets", page_size=_PAGE, **asked):
        for resource, told in listing.each(page, "Buckets", partial(_bucket, calls, region)):
            # Not everything that speaks S3 heeds the parameter.
            if not region or told in {"", region}:
                yield resource, told


def _bucket(calls: AwsCalls, region: str, item: Item) -> tuple[Resource, str]:
    name, told, created = item.key("Name"), item.text("BucketRegion"), item.time("CreationDate")
    resource = Resource(
        provider="aws",
        account=calls.account_id,
        region=region or told,
        service="s3",
        resource_id=f"arn:{calls.partition}:s3:::{name}",
        type="bucket",
        name=name,
        attributes={} if created is None else {"creation_date": format_time(created)},
        whole=not item.faults,
    )
    return resource, told


def _described(bucket: Resource, types: set[str], why_unknown: str, *, whole: bool) -> Resource:
    """With its storage classes, as CloudWatch tells them (all of them: ``whole``), and why it has no price."""
    classes = sorted({STORAGE_TYPES[kind].storage_class if kind in STORAGE_TYPES else kind for kind in types})
    more = {"storage_classes": ", ".join(classes), PRICE_UNKNOWN: why_unknown}
    attributes = {**bucket.attributes, **{name: value for name, value in more.items() if value}}
    return msgspec.structs.replace(bucket, attributes=attributes, whole=bucket.whole and whole)


def _off_grid(window: Window) -> str:
    return "" if floor_time(window.start, _DAY) == window.start else "S3 has a value a day: start and end at midnight"
