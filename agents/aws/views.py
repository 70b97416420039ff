"""The dictionaries of OpenFinOps's API, from the records of the services. What is missing is nan."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

from agents.aws.pricing.s3 import STORAGE_TYPES
from agents.aws.services.s3 import OBJECTS, SIZE, month_hours
from agents.core.reading import Reading
from telemetry.target import format_time

_GB = 2**30


def instance_view(reading: Reading) -> dict[str, Any]:
    """An EC2 instance."""
    attributes = reading.resource.attributes
    return {
        "instance_id": attributes["instance_id"],
        "cpu_utilization": reading.value("cpu_utilization"),
        "memory_utilization": reading.value("memory_utilization"),
        "network_in": reading.total("network_in"),
        "network_out": reading.total("network_out"),
        "cost_per_hour": reading.cost_per_hour,
        "instance_type": reading.resource.type,
        **_common(reading),
        **{name: value for name, value in attributes.items() if name != "instance_id"},
    }


def endpoint_view(reading: Reading) -> dict[str, Any]:
    """A SageMaker endpoint."""
    return {
        "invocations": reading.total("invocations"),
        "model_latency_ms": reading.value("model_latency"),
        "4xx_errors": reading.total("4xx_errors"),
        "5xx_errors": reading.total("5xx_errors"),
        "cost_per_hour": reading.cost_per_hour,
        "instance_type": reading.resource.type,
        **_common(reading),
        **reading.resource.attributes,
    }


def bucket_view(reading: Reading) -> dict[str, Any]:
    """An S3 bucket."""
    classes: Counter[str] = Counter()
    for point in reading.points:
        kind = point.metric.removeprefix(f"{SIZE}.")
        if kind != point.metric:
            classes[STORAGE_TYPES[kind].storage_class if kind in STORAGE_TYPES else kind] += int(point.value)
    most = max(classes, key=lambda name: classes[name], default="")
    return {
        "size_gb": reading.value(SIZE) / _GB,
        "object_count": reading.total(OBJECTS),
        "storage_class": most,
        "monthly_cost": _monthly(reading),
        **_common(reading),
        "storage_classes": {name: size / _GB for name, size in sorted(classes.items())},
        "creation_date": reading.resource.attributes.get("creation_date"),
    }


def _monthly(reading: Reading) -> float:
    rate = reading.rate
    if rate is None:
        return float("nan")
    return float(rate.amount * Decimal(month_hours(rate.start)))


def _common(reading: Reading) -> dict[str, Any]:
    resource, rate = reading.resource, reading.rate
    return {
        "name": resource.name,
        "account": resource.account,
        "region": resource.region,
        "resource_id": resource.resource_id,
        "tags": dict(resource.tags),
        "currency": None if rate is None else rate.currency,
        "price_basis": None if rate is None else rate.basis,
        "period_start": min((format_time(point.start) for point in reading.points), default=None),
    }
