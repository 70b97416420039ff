"""SageMaker: endpoints, what CloudWatch knows of their invocations, and what their instances cost an hour."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from agents.aws import metrics
from agents.aws.calls import AwsCalls
from agents.aws.endpoints import Variant, endpoint_of, variants_of
from agents.aws.groups import Group, GroupReader
from agents.aws.metrics import Metric, MetricReader, Query
from agents.aws.pricing import price_list as pricing
from agents.core.context import Context
from agents.core.errors import Gone
from agents.core.pricing import Price
from agents.core.rates import LISTED, part_since, rate
from agents.core.service import Estimate, Service, service
from telemetry.records import CostRate, MetricPoint, Record, Resource
from telemetry.target import Target, Window

_PAGE = 100
_NAMESPACE = "AWS/SageMaker"
_LATENCY = "ModelLatency"
_COUNTS = (
    Metric(_NAMESPACE, "Invocations", "Sum", "invocations", "count"),
    Metric(_NAMESPACE, "Invocation4XXErrors", "Sum", "4xx_errors", "count"),
    Metric(_NAMESPACE, "Invocation5XXErrors", "Sum", "5xx_errors", "count"),
)
_MEAN = Metric(_NAMESPACE, _LATENCY, "Average", "model_latency", "milliseconds", 1000)
# Means of several variants cannot be added: their sums and numbers can.
_SUM = Metric(_NAMESPACE, _LATENCY, "Sum", "model_latency", "milliseconds", 1000)
_NUMBER = Metric(_NAMESPACE, _LATENCY, "SampleCount", "model_latency", "count")
_AVERAGE = _MEAN.statistic.lower()
_NUMBER_NAME = _NUMBER.statistic.lower()
_CHANGED = "changed after the window began, and SageMaker tells their variants and instances since the last change"
_SETTLED = frozenset({"InService", "SystemUpdating"})
"""Statuses in which the instances are there, and their number is not changing."""


@service("aws", "sagemaker")
class SageMaker(Service):
    """SageMaker endpoints: invocations, errors and model latency over all variants, and the list price of instances.

    Shadow variants answer nobody, so they are in the price and not in the metrics. A serverless variant has no
    instances: an endpoint of such alone has no price an hour.
    """

    owns = ("arn:*:sagemaker:*:*:endpoint/*",)
    interval = timedelta(minutes=5)
    # A value a minute, some minutes late.
    delay = timedelta(minutes=10)
    look_back = metrics.LOOK_BACK
    permissions = (
        "sagemaker:ListEndpoints",
        "sagemaker:DescribeEndpoint",
        "sagemaker:DescribeEndpointConfig",
        metrics.API,
        *pricing.PERMISSIONS,
    )
    paid = metrics.PAID

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """A resource an endpoint. The listing gives names alone: each is described, its configuration once."""
        calls = AwsCalls(context, target.region)
        reader = GroupReader(MetricReader(calls, window))
        rates = _Rates(calls, window)
        self.say_late(context, window, "SageMaker")
        for name in _names(calls):
            try:
                endpoint = calls.call("sagemaker", "DescribeEndpoint", EndpointName=name)
            except Gone:  # deleted since it was listed
                continue
            variants = variants_of(calls, endpoint)
            resource = endpoint_of(endpoint, variants)
            yield resource
            yield from rates.of(resource, endpoint, variants)
            if endpoint["CreationTime"] < window.end:
                yield from _combined(reader.add(resource, _queries(resource, variants)))
        yield from _combined(reader.finish())

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Pages of 100 names, a description and four metrics an endpoint of one variant; five a variant of several."""
        asked = metrics.estimate(window, resources * (len(_COUNTS) + 1))
        pages = max(1, math.ceil(resources / _PAGE))
        calls = {"sagemaker:ListEndpoints": pages, "sagemaker:DescribeEndpoint": resources}
        return Estimate({**calls, **asked.calls}, asked.cost_usd)

    def check_interval(self, interval: timedelta) -> str:
        """CloudWatch has values for whole minutes."""
        return metrics.check_interval(interval)


class _Rates:
    """What endpoints cost an hour, in the part of one window for which their instances are known."""

    def __init__(self, calls: AwsCalls, window: Window) -> None:
        self._context = calls.context
        self._prices = pricing.PriceList(calls)
        self._currency = pricing.currency_of(calls.partition)
        self._region = calls.region
        self._window = window
        self._now = calls.context.shared.now()

    def of(self, resource: Resource, endpoint: Mapping[str, Any], variants: list[Variant]) -> Iterator[CostRate]:
        """The rate of one endpoint; none where a part of it is unknown.

        Scaling is an update: the number of instances is the present one since LastModifiedTime.
        """
        paid = [one for one in variants if not one.serverless]
        part = part_since(self._window, endpoint["LastModifiedTime"].astimezone(UTC), self._now)
        life = part_since(self._window, endpoint["CreationTime"].astimezone(UTC), self._now)
        if life is None:
            return
        settled = endpoint["EndpointStatus"] in _SETTLED
        if part != life or (paid and not settled):
            why = _CHANGED if part != life else f"their status is {endpoint['EndpointStatus']}"
            self._context.partial("rates", why, of="sagemaker endpoints")
        if not settled or not paid or part is None:
            return
        price = self._sum(paid)
        if price is not None:
            yield rate(resource, part.start, part.end, price, LISTED)

    def _sum(self, variants: list[Variant]) -> Price | None:
        amount, currency = Decimal(0), self._currency
        known = True
        for one in variants:
            price = self._price(one)
            if price is None:
                known = False
            else:
                amount, currency = amount + price.amount * one.instances, price.currency
        return Price(amount, currency) if known else None

    def _price(self, variant: Variant) -> Price | None:
        if not variant.instances:
            return Price(Decimal(0), self._currency)
        if not variant.instance_type:
            self._prices.unknown(f"sagemaker variant {variant.name}")
            return None
        fields = {"instanceName": variant.instance_type, "regionCode": self._region, "component": "Hosting"}
        return self._prices.hourly("AmazonSageMaker", fields)


def _names(calls: AwsCalls) -> Iterator[str]:
    if calls.context.only is not None:
        yield from calls.context.only
        return
    for page in calls.pages("sagemaker", "ListEndpoints", page_size=_PAGE):
        yield from (endpoint["EndpointName"] for endpoint in page["Endpoints"])


def _queries(resource: Resource, variants: list[Variant]) -> Iterator[Query]:
    answering = [one for one in variants if not one.shadow]
    asked = (*_COUNTS, _MEAN) if len(answering) == 1 else (*_COUNTS, _SUM, _NUMBER)
    for one in answering:
        dimensions = (("EndpointName", resource.name), ("VariantName", one.name))
        yield from (Query(resource, metric, dimensions) for metric in asked)


def _combined(groups: Iterable[Group]) -> Iterator[MetricPoint]:
    for resource, points in groups:
        yield from combine(resource, points)


def combine(resource: Resource, points: Iterable[MetricPoint]) -> Iterator[MetricPoint]:
    """The points of an endpoint from those of its variants: counts added, latencies by the number of each."""
    by_series: defaultdict[tuple[str, str, datetime, int], list[MetricPoint]] = defaultdict(list)
    for point in points:
        by_series[point.source_metric, point.statistic, point.start, point.period].append(point)
    for (source, statistic, start, period), parts in by_series.items():
        total = math.fsum(part.value for part in parts)
        if source != _LATENCY or statistic == _AVERAGE:
            yield _point(resource, parts[0], statistic, total)
        elif statistic == _SUM.statistic.lower():
            number = math.fsum(part.value for part in by_series.get((source, _NUMBER_NAME, start, period), ()))
            if number:
                yield _point(resource, parts[0], _AVERAGE, total / number)


def _point(resource: Resource, like: MetricPoint, statistic: str, value: float) -> MetricPoint:
    return msgspec.structs.replace(like, resource=resource, statistic=statistic, value=value)
