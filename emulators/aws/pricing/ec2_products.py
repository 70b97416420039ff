"""EC2's products: every type, region and platform, and the rows that a careless reader takes for the price.

Beside the price that applies (tenancy Shared, capacitystatus Used, preInstalledSw NA) AWS lists the same type at
nothing for capacity that is allocated already, at the same price for unused reservations, dearer with SQL Server
inside or on dedicated tenancy, and cheaper where the Windows licence is the customer's own.
"""

from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from emulators.aws.data import load
from emulators.aws.pricing.product import Product, Tier
from emulators.aws.pricing.regions import PricedRegion, priced_regions

_WINDOWS_PER_VCPU = Decimal("0.046")
_RHEL_PER_VCPU = Decimal("0.0288")
_SQL_STANDARD_PER_VCPU = Decimal("0.12")
_DEDICATED = Decimal("1.06")


class _Variant(NamedTuple):
    platform: str
    operation: str
    usage: str
    extra_per_vcpu: Decimal = Decimal(0)
    factor: Decimal = Decimal(1)
    tenancy: str = "Shared"
    capacity: str = "Used"
    software: str = "NA"
    license_model: str = "No License required"


_VARIANTS = (
    _Variant("Linux", "RunInstances", "BoxUsage"),
    _Variant("Linux", "RunInstances", "UnusedBox", capacity="UnusedCapacityReservation"),
    _Variant("Linux", "RunInstances", "Reservation", factor=Decimal(0), capacity="AllocatedCapacityReservation"),
    _Variant("Linux", "RunInstances", "DedicatedUsage", factor=_DEDICATED, tenancy="Dedicated"),
    _Variant("RHEL", "RunInstances:0010", "BoxUsage", _RHEL_PER_VCPU),
    _Variant("Windows", "RunInstances:0002", "BoxUsage", _WINDOWS_PER_VCPU),
    _Variant("Windows", "RunInstances:0800", "BoxUsage", license_model="Bring your own license"),
    _Variant(
        "Windows", "RunInstances:0006", "BoxUsage", _WINDOWS_PER_VCPU + _SQL_STANDARD_PER_VCPU, software="SQL Std"
    ),
    _Variant("Windows", "RunInstances:0002", "DedicatedUsage", _WINDOWS_PER_VCPU, _DEDICATED, tenancy="Dedicated"),
)


@cache
def ec2_products() -> tuple[Product, ...]:
    """Every EC2 product of the sample data."""
    return tuple(_products())


def _products() -> Iterator[Product]:
    for region in priced_regions():
        for name, facts in load("ec2_prices.json")["types"].items():
            for variant in _VARIANTS:
                yield _product(region, name, facts, variant)


def _product(region: PricedRegion, name: str, facts: dict[str, Any], variant: _Variant) -> Product:
    base = Decimal(facts["linux_usd_per_hour"]) + variant.extra_per_vcpu * facts["vcpu"]
    attributes = region.attributes(
        "AmazonEC2",
        f"{region.prefix}{variant.usage}:{name}",
        variant.operation,
        instanceType=name,
        operatingSystem=variant.platform,
        tenancy=variant.tenancy,
        capacitystatus=variant.capacity,
        preInstalledSw=variant.software,
        licenseModel=variant.license_model,
        vcpu=str(facts["vcpu"]),
        memory=f"{facts['memory_gib']:g} GiB",
        gpu=str(facts["gpu"] or "NA"),
        instanceFamily=facts["family"],
        currentGeneration="Yes",
        marketoption="OnDemand",
        processorArchitecture="64-bit",
        storage="EBS only",
        servicename="Amazon Elastic Compute Cloud",
    )
    words = {"Used": "On Demand", "UnusedCapacityReservation": "Unused Reservation"}.get(
        variant.capacity, "Reservation"
    )
    description = f"{words} {variant.platform} {name} Instance Hour"
    tiers = (Tier(region.usd(base * variant.factor)),)
    return Product("AmazonEC2", "Compute Instance", attributes, "Hrs", description, tiers)
