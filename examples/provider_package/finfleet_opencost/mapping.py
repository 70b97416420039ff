"""From OpenCost's items to records: a resource, its metrics, and its rate where the currency is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from agents.core.context import Context
from finfleet_opencost.answers import Item
from telemetry.records import CostRate, MetricPoint, Record, Resource
from telemetry.target import Target

_HOUR = 3600
_EXACT = Decimal("1e-12")
"""OpenCost writes five or six digits: what is below this comes of dividing by the time."""


class Metric(NamedTuple):
    """A field of OpenCost's, and what we call it."""

    source: str
    name: str
    unit: str
    statistic: str = "average"
    #: A field that must be more than 0 for this one to mean anything.
    given: str = ""


@dataclass(frozen=True)
class ItemMapping:
    """How the items of one service become records."""

    target: Target
    currency: str | None
    #: Of its rates, so that nobody takes them for another's.
    basis: str
    metrics: tuple[Metric, ...]
    #: Fields that are amounts of the currency, summed over the time of the item.
    costs: tuple[str, ...]

    def records(self, context: Context, item: Item, resource: Resource) -> Iterator[Record]:
        """The resource of ``item`` and what is known of it; what is wrong with a field of it is said, and left out."""
        yield resource
        for metric in self.metrics:
            value = item.number(metric.source)
            if value is not None and (not metric.given or (item.number(metric.given) or 0) > 0):
                yield _point(resource, item, metric, value)
        if self.currency is not None:
            yield from self._amounts(context, item, resource, self.currency)
        for name in sorted(set(item.broken)):
            context.partial(name, "is no number", of=f"{self.target.service}")

    def _amounts(self, context: Context, item: Item, resource: Resource, currency: str) -> Iterator[Record]:
        for source in self.costs:
            value = item.number(source)
            if value is not None:
                yield _point(resource, item, Metric(source, _snake(source), currency, "sum"), value)
        total = item.amount("totalCost")
        if total is None or total < 0:
            why = "its total cost is not told" if total is None else "its total cost is below zero: it is no price"
            context.partial("rates", why, of=self.target.service)
            return
        yield CostRate(
            resource=resource,
            start=item.start,
            period=item.seconds,
            amount=(total * _HOUR / item.seconds).quantize(_EXACT).normalize() + Decimal(0),
            currency=currency,
            basis=self.basis,
        )


def _point(resource: Resource, item: Item, metric: Metric, value: float) -> MetricPoint:
    return MetricPoint(
        resource=resource,
        metric=metric.name,
        source_metric=metric.source,
        unit=metric.unit,
        statistic=metric.statistic,
        start=item.start,
        period=item.seconds,
        value=value,
    )


def _snake(name: str) -> str:
    """``loadBalancerCostAdjustment``: ``load_balancer_cost_adjustment``."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
