"""On-demand list prices of EC2 instances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from agents.aws.calls import AwsCalls
from agents.aws.pricing.price_list import PriceList
from agents.core.items import Item
from agents.core.pricing.unknown import Priced, Unknown

_INCLUDED = "No License required"
_OWN_LICENSE = "Bring your own license"
THINGS = "ec2 instances"


@dataclass(frozen=True)
class _Software:
    """What the price list calls the software of an instance."""

    #: What it is billed as (UsageOperation), beside its name: the two must agree.
    operation: str
    operating_system: str
    preinstalled: str = "NA"
    license_model: str = _INCLUDED


# AWS's own names of what an instance is billed for (PlatformDetails) -> the price list's.
_PLATFORMS: Mapping[str, _Software] = MappingProxyType(
    {
        "Linux/UNIX": _Software("RunInstances", "Linux"),
        "Red Hat BYOL Linux": _Software("RunInstances:00g0", "Linux"),
        "Red Hat Enterprise Linux": _Software("RunInstances:0010", "RHEL"),
        "Red Hat Enterprise Linux with HA": _Software("RunInstances:1010", "Red Hat Enterprise Linux with HA"),
        "SUSE Linux": _Software("RunInstances:000g", "SUSE"),
        "Ubuntu Pro": _Software("RunInstances:0g00", "Ubuntu Pro"),
        "Windows": _Software("RunInstances:0002", "Windows"),
        "Windows BYOL": _Software("RunInstances:0800", "Windows", license_model=_OWN_LICENSE),
        **{
            f"{platform} with SQL Server {edition}": _Software(f"RunInstances:{operation}", system, f"SQL {short}")
            for platform, system, edition, short, operation in (
                ("Windows", "Windows", "Enterprise", "Ent", "0102"),
                ("Windows", "Windows", "Standard", "Std", "0006"),
                ("Windows", "Windows", "Web", "Web", "0202"),
                ("Linux", "Linux", "Enterprise", "Ent", "0100"),
                ("Linux", "Linux", "Standard", "Std", "0004"),
                ("Linux", "Linux", "Web", "Web", "0200"),
                ("Red Hat Enterprise Linux", "RHEL", "Enterprise", "Ent", "0110"),
                ("Red Hat Enterprise Linux", "RHEL", "Standard", "Std", "0014"),
                ("Red Hat Enterprise Linux", "RHEL", "Web", "Web", "0210"),
            )
        },
    }
)
# An instance on a dedicated host is billed with its host: the list has it at zero, which is not its price.
_PAID_EBS = frozenset({"c1", "c3", "g2", "i2", "m1", "m2", "m3", "r3"})
_TENANCIES: Mapping[str, str] = MappingProxyType({"default": "Shared", "dedicated": "Dedicated"})


def why_unknown(instance: Item, region: str) -> str:
    """What of an instance of DescribeInstances has no list price, at whichever rate it is billed; empty for nothing."""
    placement = instance.item("Placement")
    platform, operation = instance.text("PlatformDetails"), instance.text("UsageOperation")
    software = _PLATFORMS.get(platform)
    tenancy = placement.text("Tenancy")
    snp = instance.item("CpuOptions").text("AmdSevSnp")
    accelerators = ("ElasticGpuAssociations", "ElasticInferenceAcceleratorAssociations")
    reasons = {
        "its type is not told": not instance.text("InstanceType"),
        f"no price is known of the platform {platform or '(not told)'}": software is None,
        f"it is billed as {operation}, which is not {platform}": software is not None
        and operation not in {"", software.operation},
        f"no price is known of the tenancy {tenancy or '(not told)'}": tenancy not in _TENANCIES,
        "it is on an Outpost, which is billed by itself": instance.has("OutpostArn"),
        "its zone is not one of its region that is told": not _price_region(placement.text("AvailabilityZone"), region),
        "its software of the marketplace is billed beside": bool(instance.fields.get("ProductCodes")),
        "AMD SEV-SNP is billed beside": snp not in {"", "disabled"},
        "it is managed by another service, which is billed beside": _is_managed(instance),
        "that it is optimized for EBS is billed beside": _pays_for_ebs(instance),
        "its accelerators are billed beside": any(instance.fields.get(name) for name in accelerators),
    }
    return next((reason for reason, applies in reasons.items() if applies), "")


def _is_managed(instance: Item) -> bool:
    """Whether EKS's Auto Mode, ECS's managed instances or the like run it, or may do so: a fee by the hour."""
    return instance.has("Operator") and instance.item("Operator").flag("Managed") is not False


def _pays_for_ebs(instance: Item) -> bool:
    """Whether the bandwidth for EBS is paid by the hour: of the families that do not have it included."""
    family = instance.text("InstanceType").partition(".")[0]
    return family in _PAID_EBS and instance.has("EbsOptimized") and instance.flag("EbsOptimized") is not False


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
    def of(cls, instance: Mapping[str, Any] | Item, region: str) -> Ec2Product | None:
        """The product of an on-demand instance of DescribeInstances; None where the list has no price for it."""
        item = Item.of(instance)
        if item.has("InstanceLifecycle") or why_unknown(item, region):
            return None
        placement = item.item("Placement")
        software = _PLATFORMS[item.text("PlatformDetails")]
        return cls(
            item.text("InstanceType"),
            _price_region(placement.text("AvailabilityZone"), region),
            _TENANCIES[placement.text("Tenancy")],
            software.operating_system,
            software.preinstalled,
            software.license_model,
        )


class Ec2Prices:
    """The prices that one collection asks for."""

    def __init__(self, calls: AwsCalls) -> None:
        self._region = calls.region
        self._list = PriceList(calls, THINGS)

    def on_demand(self, instance: Item) -> Priced:
        """The list price of an instance an hour, or why it is unknown: counted once for each kind."""
        if instance.has("InstanceLifecycle"):  # prepaid, or scheduled: the list does not price it at all
            lifecycle = instance.text("InstanceLifecycle") or "(not readable)"
            return Unknown(f"no price is known of the lifecycle {lifecycle}")
        product = Ec2Product.of(instance, self._region)
        if product is None:
            return self.unknown(instance, Unknown(why_unknown(instance, self._region)))
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

    def unknown(self, instance: Item, why: Unknown) -> Unknown:
        """Count a price that is unknown without a look at the list."""
        kind = f"{instance.text('InstanceType')} {instance.text('PlatformDetails')} {why.reason}"
        return self._list.unknown(kind, why.reason)


def _price_region(zone: str, region: str) -> str:
    """``us-west-2`` for zone ``us-west-2a``, ``us-west-2-lax-1`` for the local zone ``us-west-2-lax-1a``.

    Empty where the zone is none of the region, or not told: it may be a local one, with prices of its own.
    """
    code = zone[:-1] if zone[-1:].isalpha() else zone
    return code if code == region or code.startswith(f"{region}-") else ""
