"""EC2: instances, what CloudWatch knows of them, and what they cost an hour."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from agents.aws import metrics, spot
from agents.aws.calls import AwsCalls
from agents.aws.instances import InstanceTimes
from agents.aws.metrics import Metric, MetricReader, Query
from agents.aws.pricing import price_list as pricing
from agents.aws.pricing.ec2 import Ec2Prices
from agents.aws.settings import AwsSettings
from agents.aws.spot import SpotPrices, is_spot
from agents.core.context import Context
from agents.core.pricing import Price
from agents.core.rates import LISTED, SPOT, STOPPED, is_present, rate
from agents.core.service import Estimate, Service, service
from agents.core.state_intervals import State, StateInterval, length, priced
from telemetry.errors import CollectionFailed
from telemetry.records import AttributeValue, CostRate, Record, Resource
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
        reader = MetricReader(calls, window)
        rates = _Rates(calls, window)
        self.say_late(context, window, "EC2")
        dimensions = _memory_dimensions(context)
        for page in _pages(calls):
            listed = ((one, found["OwnerId"]) for found in page["Reservations"] for one in found["Instances"])
            for instance, owner in listed:
                resource = _resource(instance, owner, target.region, calls.partition)
                times = InstanceTimes.of(instance)
                yield resource
                yield from rates.add(resource, instance, times)
                if times.may_have_data(window):
                    yield from reader.add(*_queries(resource, instance, dimensions))
        yield from rates.finish()
        yield from reader.finish()

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Pages of 1,000 instances, and four metrics each. The price of a kind of instance is looked up once a day."""
        asked = metrics.estimate(window, resources * (len(_METRICS) + 1))
        pages = max(1, math.ceil(resources / _PAGE))
        return Estimate({"ec2:DescribeInstances": pages, **asked.calls}, asked.cost_usd)

    def check_interval(self, interval: timedelta) -> str:
        """CloudWatch has values for whole minutes."""
        return metrics.check_interval(interval)


class _Rates:
    """What instances cost an hour, in the parts of one window in which their state is known."""

    def __init__(self, calls: AwsCalls, window: Window) -> None:
        self._context = calls.context
        self._prices = Ec2Prices(calls)
        self._spot = SpotPrices(calls, window)
        self._nothing = Price(Decimal(0), pricing.currency_of(calls.partition))
        self._window = window
        self._now = calls.context.shared.now()
        #: Spot instances whose prices are still to be asked for.
        self._waiting: list[tuple[Resource, dict[str, Any], InstanceTimes]] = []

    def add(self, resource: Resource, instance: Mapping[str, Any], times: InstanceTimes) -> Iterator[CostRate]:
        """The rates of one instance, now or with those of later ones: spot prices are asked for together."""
        if not is_spot(instance):
            yield from self._of(resource, instance, times)
            return
        self._waiting.append((resource, {name: instance[name] for name in spot.FIELDS if name in instance}, times))
        if len(self._waiting) >= _WAITING:
            yield from self.finish()

    def finish(self) -> Iterator[CostRate]:
        """Yield the rest."""
        waiting, self._waiting = self._waiting, []
        self._spot.read(instance for _, instance, times in waiting if self._runs(times))
        for resource, instance, times in waiting:
            yield from self._of(resource, instance, times)

    def _of(self, resource: Resource, instance: Mapping[str, Any], times: InstanceTimes) -> Iterator[CostRate]:
        """None where its price or its state is unknown."""
        intervals = list(self._intervals(times))
        if length(intervals) < times.length_in(self._window, self._now):
            self._context.partial("rates", _UNTOLD, of="ec2 instances")
        for state, start, end in intervals:
            if state is State.STOPPED:
                yield rate(resource, start, end, self._nothing, STOPPED)
            elif is_spot(instance):
                for part, price in self._spot.parts(instance, start, end):
                    yield rate(resource, part.start, part.end, price, SPOT)
            elif instance.get("InstanceLifecycle") is None:
                listed = self._prices.on_demand(instance)
                if listed is not None:
                    yield rate(resource, start, end, listed, LISTED)

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


def _resource(instance: Mapping[str, Any], owner: str, region: str, partition: str) -> Resource:
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", ())}
    return Resource(
        provider="aws",
        account=owner,
        region=region,
        service="ec2",
        resource_id=f"arn:{partition}:ec2:{region}:{owner}:instance/{instance['InstanceId']}",
        type=instance["InstanceType"],
        name=tags.get("Name", ""),
        tags=tags,
        attributes=_attributes(instance),
    )


def _attributes(instance: Mapping[str, Any]) -> dict[str, AttributeValue]:
    placement = instance.get("Placement", {})
    launched = instance.get("LaunchTime")
    attributes: dict[str, AttributeValue] = {
        "instance_id": instance["InstanceId"],
        "state": instance["State"]["Name"],
        "availability_zone": placement.get("AvailabilityZone"),
        "lifecycle": instance.get("InstanceLifecycle", "on-demand"),
        "platform": instance.get("PlatformDetails"),
        "tenancy": placement.get("Tenancy"),
        "architecture": instance.get("Architecture"),
        "image_id": instance.get("ImageId"),
        "launch_time": None if launched is None else format_time(launched),
        "vpc_id": instance.get("VpcId"),
        "subnet_id": instance.get("SubnetId"),
    }
    return {name: value for name, value in attributes.items() if value is not None}


def _queries(resource: Resource, instance: Mapping[str, Any], dimensions: tuple[str, ...]) -> Iterator[Query]:
    detailed = instance.get("Monitoring", {}).get("State") == "enabled"
    own = (("InstanceId", instance["InstanceId"]),)
    for metric in _METRICS:
        yield Query(resource, metric, own, _DETAILED if detailed else _BASIC)
    values = {
        "InstanceId": instance["InstanceId"],
        "InstanceType": instance["InstanceType"],
        "ImageId": instance.get("ImageId"),
        "AutoScalingGroupName": resource.tags.get(_GROUP_TAG),
    }
    named = tuple((name, values[name]) for name in dimensions if values[name])
    if len(named) == len(dimensions):
        yield Query(resource, _MEMORY, named)


def _memory_dimensions(context: Context) -> tuple[str, ...]:
    section = context.shared.settings.section(AwsSettings)
    names = section.memory_dimensions if section is not None else ()
    known = ("InstanceId", "InstanceType", "ImageId", "AutoScalingGroupName")
    for name in names:
        if name not in known:
            raise CollectionFailed(f"aws.memory_dimensions: {name!r}: use some of {', '.join(known)}")
    return names
