"""EC2: instances, what CloudWatch knows of them, and what they cost an hour."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from agents.aws import metrics, spot
from agents.aws.calls import AwsCalls
from agents.aws.instances import InstanceTimes
from agents.aws.metrics import Metric, MetricReader, Query
from agents.aws.pricing import price_list as pricing
from agents.aws.pricing.ec2 import THINGS, Ec2Prices
from agents.aws.settings import AwsSettings
from agents.aws.spot import SpotKind, SpotPrices, is_spot, kind_of
from agents.core.context import Context
from agents.core.items import Item, Listing
from agents.core.pricing import Price
from agents.core.pricing.unknown import Priced, Unknown, with_reason
from agents.core.rates import LISTED, SPOT, STOPPED, is_present, rate
from agents.core.service import Estimate, Service, service
from agents.core.sightings import sightings
from agents.core.state_intervals import State, StateInterval, length, priced
from telemetry.errors import CollectionFailed
from telemetry.records import AttributeValue, CostRate, Record, Resource
from telemetry.settings.providers import Account, ProviderSettings
from telemetry.target import Target, Window, format_time

_PAGE = 1000
_FILTER_VALUES = 200
"""As many values a filter may have."""
_WAITING = 5_000
"""As many spot instances wait for their prices at most: they are held in memory."""
_METRICS = (
    Metric("AWS/EC2", "CPUUtilization", "Average", "cpu_utilization", "percent"),
    Metric("AWS/EC2", "NetworkIn", "Sum", "network_in", "bytes"),
    Metric("AWS/EC2", "NetworkOut", "Sum", "network_out", "bytes"),
)
_MEMORY = Metric("CWAgent", "mem_used_percent", "Average", "memory_utilization", "percent")
_GROUP = "AutoScalingGroupName"
_GROUP_TAG = "aws:autoscaling:groupName"
_UNTOLD = (
    "in a part of the window their state is not known, or their type of then: EC2 tells of the last start and stop"
)
_BASIC = 300
_DETAILED = 60
"""Seconds between two values of AWS/EC2, by the instance's monitoring."""


@service("aws", "ec2")
class Ec2(Service):
    """EC2 instances: CPU, network, memory where the CloudWatch agent publishes it, and the on-demand list price.

    A running instance has its list price, a stopped one zero, and a spot instance the spot price, change by change.
    EC2 tells of the last start and the last stop: what a window before them lacks is said.
    """

    owns = ("arn:*:ec2:*:*:instance/*",)
    interval = timedelta(minutes=5)
    # Basic monitoring publishes a value some minutes after its five are over, the agent a minute after; ten minutes
    # hold both. There is no second reading: CloudWatch would bill it like the first.
    delay = timedelta(minutes=10)
    look_back = metrics.LOOK_BACK
    permissions = ("ec2:DescribeInstances", spot.PERMISSION, metrics.API, *pricing.PERMISSIONS)
    paid = metrics.PAID

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """A resource an instance, with its metrics and rates; CloudWatch is asked for 500 metrics at a time."""
        calls = AwsCalls(context, target.region)
        reader = MetricReader(calls, window, of=THINGS)
        rates = _Rates(calls, window)
        self.say_late(context, window, "EC2")
        dimensions = _memory_dimensions(context)
        for one in _instances(calls):
            resource, found = rates.of(one)
            yield resource
            yield from found
            if one.times.may_have_data(window):
                yield from reader.add(*_queries(resource, one.item, dimensions))
            yield from rates.add_spot(resource, one)
        yield from rates.finish()
        yield from reader.finish()

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Pages of 1,000 instances, and four metrics each. The price of a kind of instance is looked up once a day."""
        return _estimate(window, resources, len(_METRICS) + 1)

    def estimate_for(self, window: Window, resources: int, section: ProviderSettings, account: Account) -> Estimate:
        """Of instances whose memory has a dimension that not all have, three at the least."""
        del account
        named = section.memory_dimensions if isinstance(section, AwsSettings) else ()
        if _GROUP not in named:
            return self.estimate(window, resources)
        return _estimate(window, resources, len(_METRICS), "a metric more of an instance in an Auto Scaling group")

    def check_interval(self, interval: timedelta) -> str:
        """CloudWatch has values for whole minutes."""
        return metrics.check_interval(interval)


@dataclass(frozen=True)
class _Instance:
    """One instance, as EC2 lists it."""

    resource: Resource
    item: Item
    times: InstanceTimes


def _estimate(window: Window, resources: int, each: int, more: str = "") -> Estimate:
    asked = metrics.estimate(window, resources * each)
    calls = {"ec2:DescribeInstances": max(1, math.ceil(resources / _PAGE)), **asked.calls}
    if not resources:
        return Estimate(calls, asked.cost_usd)
    spot_prices = "a look-up of the prices of spot instances"
    more = f"{more}, and {spot_prices}" if more else spot_prices
    return Estimate(calls, asked.cost_usd, more, less="nothing is asked of instances that did not run in the window")


class _Rates:
    """What instances cost an hour, in the parts of one window in which their state is known."""

    def __init__(self, calls: AwsCalls, window: Window) -> None:
        self._context = calls.context
        self._region = calls.region
        self._prices = Ec2Prices(calls)
        self._spot = SpotPrices(calls, window)
        self._nothing = Price(Decimal(0), pricing.currency_of(calls.partition))
        self._window = window
        self._now = calls.context.shared.now()
        #: Spot instances whose prices are still to be asked for.
        self._waiting: list[tuple[Resource, SpotKind, InstanceTimes]] = []

    def of(self, one: _Instance) -> tuple[Resource, list[CostRate]]:
        """An instance with its rates, those at the spot price excepted; without a price, it says why."""
        intervals = list(self._intervals(one.times))
        if length(intervals) < one.times.length_in(self._window, self._now):
            self._context.partial("rates", _UNTOLD, of=THINGS)
        price = self._price(one) if self._runs(one.times) else None
        resource = one.resource
        if isinstance(price, Unknown):
            resource = with_reason(resource, price)
        priced = {State.STOPPED: (self._nothing, STOPPED), State.RUNNING: (price, LISTED)}
        rates = ((*priced[state], start, end) for state, start, end in intervals)
        return resource, [
            rate(resource, start, end, found, basis) for found, basis, start, end in rates if isinstance(found, Price)
        ]

    def add_spot(self, resource: Resource, one: _Instance) -> Iterator[CostRate]:
        """The rates at the spot price, now or with those of later instances: prices are asked for together."""
        kind = kind_of(one.item, self._region) if is_spot(one.item) else None
        if isinstance(kind, SpotKind) and self._runs(one.times):
            self._waiting.append((resource, kind, one.times))
            if len(self._waiting) >= _WAITING:
                yield from self.finish()

    def finish(self) -> Iterator[CostRate]:
        """Yield the rest."""
        waiting, self._waiting = self._waiting, []
        self._spot.read(kind for _, kind, _ in waiting)
        for resource, kind, times in waiting:
            for state, start, end in self._intervals(times):
                for part, price in self._spot.parts(kind, start, end) if state is State.RUNNING else ():
                    yield rate(resource, part.start, part.end, price, SPOT)

    def _price(self, one: _Instance) -> Priced | None:
        """The list price, or why there is none; None for one at the spot price, which is asked for with others."""
        if not is_spot(one.item):
            return self._prices.on_demand(one.item)
        kind = kind_of(one.item, self._region)
        return self._prices.unknown(one.item, kind) if isinstance(kind, Unknown) else None

    def _runs(self, times: InstanceTimes) -> bool:
        return any(interval.state is State.RUNNING for interval in self._intervals(times))

    def _intervals(self, times: InstanceTimes) -> Iterator[StateInterval]:
        """The parts of the window with a known state, and the type that the instance has now."""
        typed = not times.may_have_another_type or is_present(self._window, self._now)
        return priced(times.intervals(self._window, self._now), by_type=typed)


def _pages(calls: AwsCalls) -> Iterator[dict[str, Any]]:
    """All instances, or those that are wanted: a filter passes over one that there is not."""
    wanted = calls.context.only
    if wanted is None:
        yield from calls.pages("ec2", "DescribeInstances", page_size=_PAGE)
        return
    for first in range(0, len(wanted), _FILTER_VALUES):
        named = [{"Name": "instance-id", "Values": list(wanted[first : first + _FILTER_VALUES])}]
        yield from calls.pages("ec2", "DescribeInstances", page_size=_PAGE, Filters=named)


def _instances(calls: AwsCalls) -> Iterator[_Instance]:
    """Each instance once, with what is known of it."""
    context = calls.context
    now, seen = context.shared.now(), sightings(context.shared)
    listing: Listing[_Instance] = Listing(context, THINGS, key=lambda one: one.resource.resource_id)
    reservations: Listing[Item] = Listing(context, "reservations of EC2")
    for page in _pages(calls):
        for reservation in reservations.each(page, "Reservations", lambda item: item):
            # EC2 lists an account its own instances only.
            owner = reservation.text("OwnerId") or calls.account_id
            for one in listing.each(reservation, "Instances", partial(_read, calls, owner)):
                times = one.times.seen_at_rest(seen, one.resource.resource_id, now)
                yield _Instance(one.resource, one.item, times)


def _read(calls: AwsCalls, owner: str, item: Item) -> _Instance:
    tags = item.pairs("Tags")
    number = item.key("InstanceId")
    resource = Resource(
        provider="aws",
        account=owner,
        region=calls.region,
        service="ec2",
        resource_id=f"arn:{calls.partition}:ec2:{calls.region}:{owner}:instance/{number}",
        type=item.needed("InstanceType"),
        name=tags.get("Name", ""),
        tags=tags,
        attributes=_attributes(item),
        whole=not item.faults,
    )
    return _Instance(resource, item, InstanceTimes.of(item))


def _attributes(item: Item) -> dict[str, AttributeValue]:
    placement, launched = item.item("Placement"), item.time("LaunchTime")
    lifecycle = item.text("InstanceLifecycle") if item.has("InstanceLifecycle") else "on-demand"
    attributes: dict[str, AttributeValue] = {
        "instance_id": item.text("InstanceId"),
        "state": item.item("State").text("Name"),
        "availability_zone": placement.text("AvailabilityZone"),
        "lifecycle": lifecycle,
        "platform": item.text("PlatformDetails"),
        "tenancy": placement.text("Tenancy"),
        "architecture": item.text("Architecture"),
        "image_id": item.text("ImageId"),
        "launch_time": None if launched is None else format_time(launched),
        "vpc_id": item.text("VpcId"),
        "subnet_id": item.text("SubnetId"),
    }
    return {name: value for name, value in attributes.items() if value}


def _queries(resource: Resource, item: Item, dimensions: tuple[str, ...]) -> Iterator[Query]:
    detailed = item.item("Monitoring").text("State") == "enabled"
    own = (("InstanceId", item.text("InstanceId")),)
    for metric in _METRICS:
        yield Query(resource, metric, own, _DETAILED if detailed else _BASIC)
    values = {
        "InstanceId": item.text("InstanceId"),
        "InstanceType": resource.type,
        "ImageId": item.text("ImageId"),
        _GROUP: resource.tags.get(_GROUP_TAG),
    }
    named = tuple((name, value) for name in dimensions if (value := values[name]))
    if len(named) == len(dimensions):
        yield Query(resource, _MEMORY, named)


def _memory_dimensions(context: Context) -> tuple[str, ...]:
    section = context.shared.settings.section(AwsSettings)
    names = section.memory_dimensions if section is not None else ()
    known = ("InstanceId", "InstanceType", "ImageId", _GROUP)
    for name in names:
        if name not in known:
            raise CollectionFailed(f"aws.memory_dimensions: {name!r}: use some of {', '.join(known)}")
    return names
