"""A resource as one window shows it: what the dictionaries of the public classes are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from telemetry.records import CostRate, MetricPoint, Resource

Rows = list[dict[str, Any]]


@dataclass
class Reading:
    """A resource with what was read of it in one window."""

    resource: Resource
    points: list[MetricPoint] = field(default_factory=list)
    rates: list[CostRate] = field(default_factory=list)

    def value(self, metric: str) -> float:
        """The last value of a metric; nan where there is none."""
        found = [point for point in self.points if point.metric == metric]
        return max(found, key=lambda point: point.start).value if found else float("nan")

    def total(self, metric: str) -> float:
        """All values of a metric together; nan where there is none."""
        found = [point.value for point in self.points if point.metric == metric]
        return _whole(sum(found)) if found else float("nan")

    @property
    def rate(self) -> CostRate | None:
        """The price in the last state that was seen; None where it is unknown."""
        return max(self.rates, key=lambda rate: rate.start, default=None)

    @property
    def cost_per_hour(self) -> float:
        """The last price as a number; nan where it is unknown."""
        return float("nan") if self.rate is None else float(self.rate.amount)


def _whole(value: float) -> float:
    """A number of things as an int, which prints without a fraction."""
    return int(value) if float(value).is_integer() else value
