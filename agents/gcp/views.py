"""The dictionaries of OpenFinOps's API, from the records of the services. What is missing is nan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from agents.core.reading import Reading
from telemetry.costs import ChargeCategory, CostLine
from telemetry.target import Window, format_time

_NAN = float("nan")


def instance_view(reading: Reading) -> dict[str, Any]:
    """A Compute Engine instance."""
    rate = reading.rate
    return {
        "cpu_utilization": reading.value("cpu_utilization"),
        "memory_utilization": reading.value("memory_utilization"),
        "gpu_utilization": reading.value("gpu_utilization"),
        "network_in": reading.total("network_in"),
        "network_out": reading.total("network_out"),
        "cost_per_hour": reading.cost_per_hour,
        "currency": None if rate is None else rate.currency,
        "price_basis": None if rate is None else rate.basis,
        "machine_type": reading.resource.type,
        "state": None,  # of an instance that the inventory does not have
        **_common(reading),
    }


def endpoint_view(reading: Reading) -> dict[str, Any]:
    """A Vertex AI endpoint."""
    return {
        "prediction_count": reading.total("prediction_count"),
        "latency_p50_ms": reading.value("latency_p50"),
        "latency_p95_ms": reading.value("latency_p95"),
        "error_rate": reading.value("error_rate"),
        "error_count": reading.total("error_count"),
        "response_count": reading.total("response_count"),
        "replicas": reading.value("replicas"),
        **_common(reading),
    }


def bill_view(lines: Iterable[CostLine], window: Window, missing: Sequence[str] = ()) -> dict[str, Any]:
    """A bill. Amounts of two currencies are never added: then ``by_currency`` alone has them.

    ``missing``, which is looked at after the last of the lines, says what it lacks: without an amount there is no
    total.
    """
    bills: defaultdict[str, _Bill] = defaultdict(_Bill)
    for line in lines:
        bills[line.currency].add(line)
    views = {currency: bill.view() for currency, bill in sorted(bills.items())}
    alone = next(iter(views)) if len(views) == 1 else None
    nothing = {"total": _NAN, "cost": _NAN, "credits": _NAN, "by_service": {}, "by_project": {}}
    whole = not any(reason.startswith("amounts") for reason in missing)
    return {
        **(views[alone] if alone is not None and whole else nothing),
        "partial": list(missing),
        "currency": alone,
        "by_currency": views,
        "start": format_time(window.start),
        "end": format_time(window.end),
    }


@dataclass
class _Bill:
    """What was charged in one currency, exactly."""

    cost: Decimal = Decimal(0)
    credits: Decimal = Decimal(0)
    services: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    projects: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def add(self, line: CostLine) -> None:
        amount = line.billed_cost or Decimal(0)
        if line.charge_category == ChargeCategory.CREDIT:
            self.credits += amount
        else:
            self.cost += amount
        self.services[line.service_name] += amount
        self.projects[line.sub_account_id] += amount

    def view(self) -> dict[str, Any]:
        return {
            "total": float(self.cost + self.credits),
            "cost": float(self.cost),
            "credits": float(self.credits),
            "by_service": {name: float(amount) for name, amount in sorted(self.services.items())},
            "by_project": {name: float(amount) for name, amount in sorted(self.projects.items())},
        }


def _common(reading: Reading) -> dict[str, Any]:
    resource = reading.resource
    return {
        "name": resource.name or resource.resource_id.rpartition("/")[2],
        "project": resource.account,
        "region": resource.region,
        "resource_id": resource.resource_id,
        "tags": dict(resource.tags),
        "period_start": min((format_time(point.start) for point in reading.points), default=None),
        **resource.attributes,
    }
