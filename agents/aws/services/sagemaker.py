"""SageMaker: endpoints, what CloudWatch knows of their invocations, and what their instances cost an hour."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from agents.aws import metrics
from agents.aws.calls import AwsCalls
from agents.aws.endpoints import THINGS, Endpoint, Variant, endpoint_of, listed_endpoint
from agents.aws.groups import Group, GroupReader
from agents.aws.metrics import Metric, MetricReader, Query
from agents.aws.pricing import price_list as pricing
from agents.core.context import Context
from agents.core.errors import Gone
from agents.core.items import Listing
from agents.core.pricing import Price
from agents.core.pricing.unknown import Priced, Unknown, with_reason
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
    instances: an endpoint of such alone has no price an hour. One without a price says why in ``price_unknown``, and
    one that may not be described costs the others nothing.
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
        reader = GroupReader(MetricReader(calls, window, of=THINGS))
        rates = _Rates(calls, window)
        self.say_late(context, window, "SageMaker")
        for name, listed in _listed(calls):
            endpoint, gone = _describe(calls, name)
            if endpoint is None:
                if listed is not None and not gone:
                    yield listed
                continue
            resource, found = rates.of(endpoint)
            yield resource
            yield from found
            if not endpoint.whole:
                context.partial("metrics", "not all of their variants could be read", of=THINGS)
            elif endpoint.created is None or endpoint.created < window.end:
                yield from _combined(reader.add(resource, _queries(resource, endpoint.variants)))
        yield from _combined(reader.finish())

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Pages of 100 names, a description and four metrics an endpoint of one variant; five a variant of several."""
        asked = metrics.estimate(window, resources * (len(_COUNTS) + 1))
        pages = max(1, math.ceil(resources / _PAGE))
        calls = {"sagemaker:ListEndpoints": pages, "sagemaker:DescribeEndpoint": resources}
        more = "five metrics a variant of an endpoint that has several, and a description of a configuration"
        less = "nothing is asked of an endpoint without variants that answer, or that is newer than the window"
        bounds = (more, less) if resources else ("", "")
        return Estimate({**calls, **asked.calls}, asked.cost_usd, *bounds)

    def check_interval(self, interval: timedelta) -> str:
        """CloudWatch has values for whole minutes."""
        return metrics.check_interval(interval)


class _Rates:
    """What endpoints cost an hour, in the part of one window for which their instances are known."""

    def __init__(self, calls: AwsCalls, window: Window) -> None:
        self._context = calls.context
        self._prices = pricing.PriceList(calls, THINGS)
        self._currency = pricing.currency_of(calls.partition)
        self._region = calls.region
        self._window = window
        self._now = calls.context.shared.now()

    def of(self, endpoint: Endpoint) -> tuple[Resource, list[CostRate]]:
        """An endpoint with its rates: none where a part of its price is unknown, and then it says why.

        Scaling is an update: the number of instances is the present one since LastModifiedTime.
        """
        resource, paid = endpoint.resource, [one for one in endpoint.variants if not one.serverless]
        if endpoint.created is None or endpoint.modified is None:
            return resource, []
        part = part_since(self._window, endpoint.modified, self._now)
        life = part_since(self._window, endpoint.created, self._now)
        if life is None:
            return resource, []
        settled = endpoint.status in _SETTLED
        if part != life or (paid and not settled):
            why = _CHANGED if part != life else f"their status is {endpoint.status or 'not told'}"
            self._context.partial("rates", why, of=THINGS)
        if not settled or part is None or (endpoint.whole and not paid):
            return resource, []
        price = self._sum(endpoint, paid)
        if isinstance(price, Price):
            return resource, [rate(resource, part.start, part.end, price, LISTED)]
        return with_reason(resource, price), []

    def _sum(self, endpoint: Endpoint, paid: list[Variant]) -> Priced:
        if not endpoint.whole:
            return self._prices.unknown("sagemaker variants", "not all of its variants could be read")
        if len(paid) < len(endpoint.variants):
            return self._prices.unknown("sagemaker serverless", "a part of it is serverless, and billed by its use")
        # All of them, so that each one that is unknown is counted.
        prices = [self._price(one) for one in paid]
        unknown = next((price for price in prices if isinstance(price, Unknown)), None)
        known = [price for price in prices if isinstance(price, Price)]
        currency = known[-1].currency if known else self._currency
        return unknown or Price(sum((price.amount for price in known), Decimal(0)), currency)

    def _price(self, variant: Variant) -> Priced:
        """What all instances of a variant cost an hour."""
        kind = variant.machine.instance_type
        if variant.instances is None:
            return self._prices.unknown(f"sagemaker number {variant.name}", "the number of its instances is not told")
        if not variant.instances:
            return Price(Decimal(0), self._currency)
        why = variant.machine.beside or ("" if kind else "its instance type is not told")
        if why:
            return self._prices.unknown(f"sagemaker {variant.name} {why}", why)
        fields = {"instanceName": kind, "regionCode": self._region, "component": "Hosting"}
        price = self._prices.hourly("AmazonSageMaker", fields)
        return Price(price.amount * variant.instances, price.currency) if isinstance(price, Price) else price


def _listed(calls: AwsCalls) -> Iterator[tuple[str, Resource | None]]:
    """The names of endpoints, each once, with what the listing tells of them; or those that are wanted."""
    if calls.context.only is not None:
        yield from ((name, None) for name in calls.context.only)
        return
    listing: Listing[Resource] = Listing(calls.context, THINGS, key=lambda one: one.resource_id)
    for page in calls.pages("sagemaker", "ListEndpoints", page_size=_PAGE):
        for one in listing.each(page, "Endpoints", listed_endpoint):
            yield one.name, one


def _describe(calls: AwsCalls, name: str) -> tuple[Endpoint | None, bool]:
    """The endpoint, and whether it was deleted since it was listed; None where it may not be described either."""
    found, gone = None, False
    with calls.context.part("descriptions", of=THINGS):
        try:
            answer = calls.call("sagemaker", "DescribeEndpoint", EndpointName=name)
            found = Listing[Endpoint](calls.context, THINGS).read(answer, lambda item: endpoint_of(calls, item))
        except Gone:
            gone = True
    return found, gone


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
