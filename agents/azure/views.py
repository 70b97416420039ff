"""The dictionaries of OpenFinOps's API, from the records of the services. What is missing is nan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from agents.azure.costs import Charge
from agents.core.reading import Reading
from telemetry.target import Window, format_time

_NAN = float("nan")


def vm_view(reading: Reading) -> dict[str, Any]:
    """A virtual machine."""
    rate = reading.rate
    return {
        "name": reading.resource.name,
        "cpu_utilization": reading.value("cpu_utilization"),
        "memory_utilization": reading.value("memory_utilization"),
        "disk_iops": reading.value("disk_read_iops") + reading.value("disk_write_iops"),
        "cost_per_hour": reading.cost_per_hour,
        "network_in": reading.total("network_in"),
        "network_out": reading.total("network_out"),
        "vm_size": reading.resource.type,
        "currency": None if rate is None else rate.currency,
        "price_basis": None if rate is None else rate.basis,
        **_common(reading),
    }


def workspace_view(reading: Reading, month: Mapping[str, dict[str, Decimal]] | None) -> dict[str, Any]:
    """A Machine Learning workspace; ``month`` holds what resources cost, by id and currency, None where unknown."""
    costs = None if month is None else month.get(reading.resource.resource_id, {})
    cost, currency = _one_amount(costs)
    return {
        "name": reading.resource.name,
        "active_jobs": reading.total("active_jobs"),
        "completed_jobs": reading.total("completed_jobs"),
        "failed_jobs": reading.total("failed_jobs"),
        "compute_hours": reading.value("compute_hours"),
        "monthly_cost": cost,
        "currency": currency,
        "active_nodes": reading.value("active_nodes"),
        "cpu_utilization": reading.value("cpu_utilization"),
        "gpu_utilization": reading.value("gpu_utilization"),
        **_common(reading),
    }


def costs_by_resource(charges: Iterable[Charge]) -> dict[str, dict[str, Decimal]]:
    """What resources cost, by id in lower case and by currency."""
    found: defaultdict[str, defaultdict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for charge in charges:
        found[charge.values["ResourceId"].lower()][charge.currency] += charge.amount
    return {resource: dict(amounts) for resource, amounts in found.items()}


def cost_view(charges: Iterable[Charge], window: Window) -> dict[str, Any]:
    """What services cost, by their names; two currencies have no sum."""
    found: defaultdict[str, defaultdict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for charge in charges:
        found[charge.currency][charge.values["ServiceName"]] += charge.amount
    by_currency = {
        currency: {
            "total": float(sum(services.values(), Decimal(0))),
            "by_service": {name: float(amount) for name, amount in sorted(services.items())},
        }
        for currency, services in sorted(found.items())
    }
    one = next(iter(by_currency)) if len(by_currency) == 1 else None
    return {
        "by_service": by_currency[one]["by_service"] if one else {},
        "total": by_currency[one]["total"] if one else (_NAN if by_currency else 0.0),
        "currency": one,
        "by_currency": by_currency,
        "start": format_time(window.start),
        "end": format_time(window.end),
    }


def _one_amount(costs: Mapping[str, Decimal] | None) -> tuple[float, str | None]:
    if costs is None or len(costs) > 1:
        return _NAN, None
    # Azure knows of no charge: so far there is none.
    return next(((float(amount), currency) for currency, amount in costs.items()), (0.0, None))


def _common(reading: Reading) -> dict[str, Any]:
    resource = reading.resource
    return {
        "subscription": resource.account,
        "region": resource.region,
        "resource_id": resource.resource_id,
        "tags": dict(resource.tags),
        **resource.attributes,
        "period_start": min((format_time(point.start) for point in reading.points), default=None),
    }
