"""On-demand list prices of EC2 instances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from agents.aws.calls import AwsCalls
from agents.aws.pricing.price_list import PriceList
from agents.core.pricing import Price

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
        self._region = calls.region
        self._list = PriceList(calls)

    def on_demand(self, instance: Mapping[str, Any]) -> Price | None:
        """The list price of an instance an hour, or None where it is unknown: counted once for each kind."""
        product = Ec2Product.of(instance, self._region)
        if product is None:
            self._list.unknown(f"{instance.get('InstanceType')} {instance.get('PlatformDetails')}")
            return None
        fields = {
            "instanceType": product.instance_type,
            "regionCode": product.region,
            "tenancy": product.tenancy,
            "operatingSystem": product.operating_system,
            "preInstalledSw": product.preinstalled,
            "licenseModel": product.license_model,
            "capacitystatus": "Used",
        }
        return self._list.hourly("AmazonEC2", fields)


def _price_region(zone: str, region: str) -> str:
    """``us-west-2`` for zone ``us-west-2a``, ``us-west-2-lax-1`` for the local zone ``us-west-2-lax-1a``."""
    code = zone[:-1] if zone[-1:].isalpha() else zone
    return code if code.startswith(region) else region
