"""On-demand list prices of EC2 instances, from AWS's Pricing API."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

from agents.aws.calls import AwsCalls
from agents.pricing import Price, price_book

PERMISSIONS = ("pricing:GetProducts",)

_PRICING_REGIONS: Mapping[str, str] = MappingProxyType({"aws": "us-east-1", "aws-cn": "cn-northwest-1"})
"""Where the Pricing API answers, by partition. The others have none that their credentials reach."""
_PAGE = 100
_HOUR = "Hrs"
_INCLUDED = "No License required"
_OWN_LICENSE = "Bring your own license"


@dataclass(frozen=True)
class _Software:
    """What the price list calls the software of an instance."""

    operating_system: str
    preinstalled: str = "NA"
    license_model: str = _INCLUDED


# AWS's own names of what an instance is billed for (PlatformDetails) -> the price list's.
_PLATFORMS: Mapping[str, _Software] = MappingProxyType(
    {
        "Linux/UNIX": _Software("Linux"),
        "Red Hat BYOL Linux": _Software("Linux"),
        "Red Hat Enterprise Linux": _Software("RHEL"),
        "Red Hat Enterprise Linux with HA": _Software("Red Hat Enterprise Linux with HA"),
        "SUSE Linux": _Software("SUSE"),
        "Ubuntu Pro": _Software("Ubuntu Pro"),
        "Windows": _Software("Windows"),
        "Windows BYOL": _Software("Windows", license_model=_OWN_LICENSE),
        **{
            f"{platform} with SQL Server {edition}": _Software(system, f"SQL {short}")
            for platform, system in {"Windows": "Windows", "Linux": "Linux", "Red Hat Enterprise Linux": "RHEL"}.items()
            for edition, short in {"Enterprise": "Ent", "Standard": "Std", "Web": "Web"}.items()
        },
    }
)
# An instance on a dedicated host is billed with its host: the list has it at zero, which is not its price.
_TENANCIES: Mapping[str, str] = MappingProxyType({"default": "Shared", "dedicated": "Dedicated"})


@dataclass(frozen=True)
class Ec2Product:
    """An instance as the price list knows it."""

    instance_type: str
    #: The region's code, or that of the local zone.
    region: str
    tenancy: str
    operating_system: str
    preinstalled: str
    license_model: str

    @classmethod
    def of(cls, instance: Mapping[str, Any], region: str) -> Ec2Product | None:
        """The product of an on-demand instance of DescribeInstances; None where the list has no price for it."""
        placement = instance.get("Placement", {})
        software = _PLATFORMS.get(instance.get("PlatformDetails", ""))
        tenancy = _TENANCIES.get(placement.get("Tenancy", "default"))
        if software is None or tenancy is None or instance.get("InstanceLifecycle") or instance.get("OutpostArn"):
            return None
        return cls(
            instance["InstanceType"],
            _price_region(placement.get("AvailabilityZone", ""), region),
            tenancy,
            software.operating_system,
            software.preinstalled,
            software.license_model,
        )


class Ec2Prices:
    """The prices that one collection asks for."""

    def __init__(self, calls: AwsCalls) -> None:
        self._calls = calls
        self._book = price_book(calls.context.shared)
        self._asked: dict[Ec2Product | str, Price | None] = {}

    def on_demand(self, instance: Mapping[str, Any]) -> Price | None:
        """The list price of an instance an hour, or None where it is unknown: counted once for each kind."""
        product = Ec2Product.of(instance, self._calls.region)
        kind = product or f"{instance.get('InstanceType')} {instance.get('PlatformDetails')}"
        if kind not in self._asked:
            price = self._find(product) if product else None
            if price is None:
                self._calls.context.meter.unknown_price()
            self._asked[kind] = price
        return self._asked[kind]

    def _find(self, product: Ec2Product) -> Price | None:
        region = _PRICING_REGIONS.get(self._calls.partition)
        if region is None:
            return None
        key = "/".join(["aws", "ec2", self._calls.partition, *astuple(product)])
        return self._book.find(key, lambda: self._look_up(product, region))

    def _look_up(self, product: Ec2Product, region: str) -> Price | None:
        fields = {
            "instanceType": product.instance_type,
            "regionCode": product.region,
            "tenancy": product.tenancy,
            "operatingSystem": product.operating_system,
            "preInstalledSw": product.preinstalled,
            "licenseModel": product.license_model,
            "capacitystatus": "Used",
        }
        pages = self._calls.pages(
            "pricing",
            "GetProducts",
            region=region,
            page_size=_PAGE,
            ServiceCode="AmazonEC2",
            Filters=[{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in fields.items()],
        )
        return hourly_price(item for page in pages for item in page["PriceList"])


def currency_of(partition: str) -> str:
    """What a partition's prices are in."""
    return "CNY" if partition == "aws-cn" else "USD"


def hourly_price(price_list: Iterable[str]) -> Price | None:
    """The on-demand price an hour of the products in ``price_list``, each a text of JSON as the Pricing API gives it.

    None unless every product has exactly one hourly on-demand price, above zero, and all agree on it.
    """
    prices: set[Price | None] = set()
    for item in price_list:
        found = list(_hourly(json.loads(item, parse_float=Decimal)))
        prices.add(found[0] if len(found) == 1 else None)
    return prices.pop() if len(prices) == 1 else None


def _hourly(product: Mapping[str, Any]) -> Iterator[Price | None]:
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            if dimension.get("unit") == _HOUR:
                yield _price(dimension["pricePerUnit"])


def _price(per_unit: Mapping[str, Any]) -> Price | None:
    if len(per_unit) != 1:
        return None
    ((currency, text),) = per_unit.items()
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return Price(amount, currency) if amount.is_finite() and amount > 0 else None


def _price_region(zone: str, region: str) -> str:
    """``us-west-2`` for zone ``us-west-2a``, ``us-west-2-lax-1`` for the local zone ``us-west-2-lax-1a``."""
    code = zone[:-1] if zone[-1:].isalpha() else zone
    return code if code.startswith(region) else region
