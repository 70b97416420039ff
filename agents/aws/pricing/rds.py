"""On-demand list prices of RDS instances."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType

from agents.aws.calls import AwsCalls
from agents.aws.pricing.price_list import PriceList
from agents.core.items import Item
from agents.core.pricing.unknown import Priced
from telemetry.target import Window

THINGS = "rds instances"
_ENGINES: Mapping[str, str] = MappingProxyType({"mariadb": "MariaDB", "mysql": "MySQL", "postgres": "PostgreSQL"})
"""What the price list calls the engines that have one price. The others' depends on a licence or a kind of storage."""
_FREE_DAYS = 7
_FREE = frozenset({"", "general-public-license", "postgresql-license"})
"""Licences that are paid to nobody."""

_STANDARD_SUPPORT: Mapping[str, Mapping[str, date]] = MappingProxyType(
    {
        "mysql": {"5.7": date(2024, 2, 29), "8.0": date(2026, 7, 31), "8.4": date(2029, 7, 31)},
        "postgres": {
            "11": date(2024, 2, 29),
            "12": date(2025, 2, 28),
            "13": date(2026, 2, 28),
            "14": date(2027, 2, 28),
            "15": date(2028, 2, 28),
            "16": date(2029, 2, 28),
            "17": date(2030, 2, 28),
        },
    }
)
"""The last day of each major version's standard support, as AWS publishes it; past it every vCPU costs more.

A version that is not here has no price: AWS may have moved nothing forward, and a new one is added with its date.
"""
_NOT_EXTENDED = "open-source-rds-extended-support-disabled"
"""What EngineLifecycleSupport says of an instance that is upgraded at the end of the standard support instead."""


class RdsPrices:
    """The prices that one collection asks for."""

    def __init__(self, calls: AwsCalls) -> None:
        self._region = calls.region
        self._list = PriceList(calls, THINGS)

    def on_demand(self, instance: Item, part: Window) -> Priced:
        """The list price of an instance an hour over ``part``, or why it is unknown: counted once for each kind."""
        why = why_unknown(instance, self._region, part)
        kind, engine = instance.text("DBInstanceClass"), instance.text("Engine")
        if why:
            return self._list.unknown(f"rds {engine} {kind} {why}", why)
        fields = {
            "instanceType": kind,
            "regionCode": self._region,
            "locationType": "AWS Region",
            "productFamily": "Database Instance",
            "databaseEngine": _ENGINES[engine],
            "deploymentOption": "Multi-AZ" if instance.flag("MultiAZ") else "Single-AZ",
        }
        return self._list.hourly("AmazonRDS", fields)


def why_unknown(instance: Item, region: str, part: Window) -> str:
    """What of an instance of DescribeDBInstances has no list price over ``part``; empty for nothing."""
    engine, zone, licence = (instance.text(name) for name in ("Engine", "AvailabilityZone", "LicenseModel"))
    reasons = {
        "its class is not told": not instance.text("DBInstanceClass"),
        f"no one price is known of the engine {engine or '(not told)'}": engine not in _ENGINES,
        "it is part of a cluster": instance.has("DBClusterIdentifier"),
        "whether it has a standby is not told": instance.flag("MultiAZ") is None,
        "it is on an Outpost": _on_outpost(instance),
        "it is in a local zone": bool(zone) and not (zone[:-1] == region and zone[-1:].isalpha()),
        f"no price is known of the licence {licence}": licence not in _FREE,
        "its insights are billed by the vCPU": _pays_for_insights(instance),
    }
    why = next((reason for reason, applies in reasons.items() if applies), "")
    return why or _support(engine, instance, part)


def _pays_for_insights(instance: Item) -> bool:
    """Whether what RDS keeps of its load is paid, or may be: a week of it is free."""
    mode = instance.text("DatabaseInsightsMode") if instance.has("DatabaseInsightsMode") else "standard"
    kept = instance.number("PerformanceInsightsRetentionPeriod")
    told = instance.has("PerformanceInsightsRetentionPeriod")
    on = instance.has("PerformanceInsightsEnabled") and instance.flag("PerformanceInsightsEnabled") is not False
    return mode != "standard" or (on and told and (kept is None or kept > _FREE_DAYS))


def _on_outpost(instance: Item) -> bool:
    """Whether anything of it names an Outpost. Where its backups are is told by a word, of which one is harmless."""
    group = instance.item("DBSubnetGroup")
    return (
        any(subnet.item("SubnetOutpost").has("Arn") for subnet in group.items("Subnets"))
        or instance.text("BackupTarget") not in {"", "region"}
        or bool(instance.flag("CustomerOwnedIpEnabled"))
    )


def _support(engine: str, instance: Item, part: Window) -> str:
    """Why its price may hold a part for the extended support of its version; empty where it does not."""
    if engine not in _STANDARD_SUPPORT or instance.text("EngineLifecycleSupport") == _NOT_EXTENDED:
        return ""
    version = instance.text("EngineVersion")
    numbers = version.split(".")
    major = ".".join(numbers[:2]) if engine == "mysql" else numbers[0]
    last = _STANDARD_SUPPORT[engine].get(major)
    if last is None:
        return f"until when {engine} {major or '(not told)'} has standard support is not known"
    end = datetime.combine(last + timedelta(days=1), time(), UTC)
    return "" if part.end <= end else f"{engine} {major} is past its standard support, which is billed by the vCPU"
