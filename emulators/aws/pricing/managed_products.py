"""Products of RDS, Lambda and EKS."""

from collections.abc import Iterator
from decimal import Decimal
from functools import cache

from emulators.aws.data import load
from emulators.aws.pricing.product import Product, Tier
from emulators.aws.pricing.regions import PricedRegion, priced_regions

_DB_FAMILIES = ("t3", "m5", "r5")
_DB_ENGINES = (("PostgreSQL", "0014"), ("MySQL", "0002"), ("MariaDB", "0018"))
_DB_FACTOR = Decimal("1.85")
# (group, usage type, unit, tiers)
_LAMBDA = (
    (
        "AWS-Lambda-Duration",
        "Lambda-GB-Second",
        "Lambda-GB-Second",
        (
            ("0", "6000000000", "0.0000166667"),
            ("6000000000", "15000000000", "0.0000150000"),
            ("15000000000", "Inf", "0.0000133334"),
        ),
    ),
    (
        "AWS-Lambda-Duration-ARM",
        "Lambda-GB-Second-ARM",
        "Lambda-GB-Second",
        (
            ("0", "7500000000", "0.0000133334"),
            ("7500000000", "18750000000", "0.0000120001"),
            ("18750000000", "Inf", "0.0000106667"),
        ),
    ),
    ("AWS-Lambda-Requests", "Request", "Requests", (("0", "Inf", "0.0000002"),)),
    ("AWS-Lambda-Requests-ARM", "Request-ARM", "Requests", (("0", "Inf", "0.0000002"),)),
    ("AWS-Lambda-Storage-Duration", "Lambda-Storage-GB-Second", "GB-Second", (("0", "Inf", "0.0000000309"),)),
)
_EKS = (
    ("perCluster", "CreateOperation", "0.10"),
    ("extendedSupport", "ExtendedSupport", "0.50"),
)


@cache
def managed_products() -> tuple[Product, ...]:
    """Every product of RDS, Lambda and EKS in the sample data."""
    return tuple(
        product for region in priced_regions() for product in (*_databases(region), *_lambda(region), *_eks(region))
    )


def _databases(region: PricedRegion) -> Iterator[Product]:
    for name, facts in load("ec2_prices.json")["types"].items():
        if name.partition(".")[0] not in _DB_FAMILIES:
            continue
        base = Decimal(facts["linux_usd_per_hour"]) * _DB_FACTOR
        for engine, code in _DB_ENGINES:
            for option, usage, factor in (("Single-AZ", "InstanceUsage", 1), ("Multi-AZ", "Multi-AZUsage", 2)):
                attributes = region.attributes(
                    "AmazonRDS",
                    f"{region.prefix}{usage}:db.{name}",
                    f"CreateDBInstance:{code}",
                    instanceType=f"db.{name}",
                    databaseEngine=engine,
                    deploymentOption=option,
                    licenseModel="No license required",
                    vcpu=str(facts["vcpu"]),
                    memory=f"{facts['memory_gib']:g} GiB",
                    servicename="Amazon Relational Database Service",
                )
                description = f"RDS db.{name} {option} instance hour running {engine}"
                tiers = (Tier(region.usd(base * factor)),)
                yield Product("AmazonRDS", "Database Instance", attributes, "Hrs", description, tiers)
    for volume, usage, usd in (
        ("General Purpose", "RDS:GP2-Storage", "0.115"),
        ("General Purpose-GP3", "RDS:GP3-Storage", "0.115"),
    ):
        attributes = region.attributes(
            "AmazonRDS", f"{region.prefix}{usage}", "CreateDBInstance", volumeType=volume, deploymentOption="Single-AZ"
        )
        description = f"GB-month of {volume} storage"
        yield Product("AmazonRDS", "Database Storage", attributes, "GB-Mo", description, (Tier(region.usd(usd)),))


def _lambda(region: PricedRegion) -> Iterator[Product]:
    for group, usage, unit, ranges in _LAMBDA:
        attributes = region.attributes(
            "AWSLambda", f"{region.prefix}{usage}", "", group=group, servicename="AWS Lambda"
        )
        tiers = tuple(Tier(region.usd(usd), begin, end) for begin, end, usd in ranges)
        yield Product("AWSLambda", "Serverless", attributes, unit, f"unit of {group}", tiers)


def _eks(region: PricedRegion) -> Iterator[Product]:
    for kind, operation, usd in _EKS:
        attributes = region.attributes(
            "AmazonEKS",
            f"{region.code}AmazonEKS-Hours:{kind}",
            operation,
            servicename="Amazon Elastic Container Service for Kubernetes",
            tiertype="HAStandard",
        )
        yield Product("AmazonEKS", "Compute", attributes, "Hours", f"hour of EKS {kind}", (Tier(region.usd(usd)),))
