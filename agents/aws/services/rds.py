"""RDS: database instances, what CloudWatch knows of them, and what they cost an hour."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from agents.aws import metrics
from agents.aws.calls import AwsCalls
from agents.aws.metrics import Metric, MetricReader, Query
from agents.aws.pricing import price_list as pricing
from agents.core.context import Context
from agents.core.pricing import Price
from agents.core.rates import LATE, LISTED, STOPPED, is_present, part_since, rate
from agents.core.service import Estimate, Service, service
from telemetry.records import AttributeValue, CostRate, Record, Resource
from telemetry.target import Target, Window, format_time

_PAGE = 100
_NAMESPACE = "AWS/RDS"
_METRICS = (
    Metric(_NAMESPACE, "CPUUtilization", "Average", "cpu_utilization", "percent"),
    Metric(_NAMESPACE, "DatabaseConnections", "Average", "database_connections", "count"),
    Metric(_NAMESPACE, "FreeableMemory", "Average", "freeable_memory", "bytes"),
)
_FREE_STORAGE = Metric(_NAMESPACE, "FreeStorageSpace", "Average", "free_storage", "bytes")
_ENGINES: Mapping[str, str] = MappingProxyType({"mariadb": "MariaDB", "mysql": "MySQL", "postgres": "PostgreSQL"})
"""What the price list calls the engines that have one price. The others' depends on a licence or a kind of storage."""
_THINGS = "rds instances"
_RUNNING = frozenset({"available", "backing-up", "storage-full", "storage-optimization"})
"""Statuses in which it runs and is not being changed."""


@service("aws", "rds")
class Rds(Service):
    """RDS instances: CPU, connections, free memory and storage, and the on-demand list price of the instance.

    MariaDB, MySQL and PostgreSQL have a price; Aurora, Multi-AZ clusters and licensed engines have none here: theirs
    depends on more than the instance tells. A stopped instance costs no compute. Storage is not in the price. RDS tells
    the class of now and not since when: a window that is collected more than an hour late has no prices, and says so.
    """

    owns = ("arn:*:rds:*:*:db:*",)
    interval = timedelta(minutes=5)
    delay = timedelta(minutes=10)
    look_back = metrics.LOOK_BACK
    permissions = ("rds:DescribeDBInstances", metrics.API, *pricing.PERMISSIONS)
    paid = metrics.PAID

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """A resource an instance, with its metrics and rates."""
        calls = AwsCalls(context, target.region)
        reader = MetricReader(calls, window)
        rates = _Rates(calls, window)
        self.say_late(context, window, "RDS")
        for page in calls.pages("rds", "DescribeDBInstances", page_size=_PAGE):
            for instance in page["DBInstances"]:
                resource = _resource(instance)
                yield resource
                yield from rates.of(resource, instance)
                created = instance.get("InstanceCreateTime")
                if created is not None and created < window.end:
                    yield from reader.add(*_queries(resource, instance))
        yield from reader.finish()

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Pages of 100 instances, and four metrics each. The price of a kind of instance is looked up once a day."""
        asked = metrics.estimate(window, resources * (len(_METRICS) + 1))
        pages = max(1, math.ceil(resources / _PAGE))
        return Estimate({"rds:DescribeDBInstances": pages, **asked.calls}, asked.cost_usd)

    def check_interval(self, interval: timedelta) -> str:
        """CloudWatch has values for whole minutes."""
        return metrics.check_interval(interval)


class _Rates:
    """What instances cost an hour now; of a window that is long past the listing says nothing."""

    def __init__(self, calls: AwsCalls, window: Window) -> None:
        self._context = calls.context
        self._prices = pricing.PriceList(calls)
        self._nothing = Price(Decimal(0), pricing.currency_of(calls.partition))
        self._region = calls.region
        self._window = window
        self._now = calls.context.shared.now()

    def of(self, resource: Resource, instance: Mapping[str, Any]) -> Iterator[CostRate]:
        """The rate of one instance; none where its price or its state is unknown."""
        created: datetime | None = instance.get("InstanceCreateTime")
        part = None if created is None else part_since(self._window, created.astimezone(UTC), self._now)
        status = instance["DBInstanceStatus"]
        if part is None:
            return
        # Its events would tell of changes: RDS asks not to rely on their existence.
        if not is_present(self._window, self._now):
            self._context.partial("rates", f"{LATE}, and RDS tells their class and state of now only", of=_THINGS)
        elif status == "stopped":
            yield rate(resource, part.start, part.end, self._nothing, STOPPED)
        elif status in _RUNNING:
            price = self._price(instance)
            if price is not None:
                yield rate(resource, part.start, part.end, price, LISTED)
        else:
            self._context.partial("rates", f"their status is {status}, which does not tell what they cost", of=_THINGS)

    def _price(self, instance: Mapping[str, Any]) -> Price | None:
        engine = _ENGINES.get(instance["Engine"])
        if engine is None or instance.get("DBClusterIdentifier"):
            self._prices.unknown(f"rds {instance['Engine']} {instance['DBInstanceClass']}")
            return None
        fields = {
            "instanceType": instance["DBInstanceClass"],
            "regionCode": self._region,
            "locationType": "AWS Region",
            "productFamily": "Database Instance",
            "databaseEngine": engine,
            "deploymentOption": "Multi-AZ" if instance.get("MultiAZ") else "Single-AZ",
        }
        return self._prices.hourly("AmazonRDS", fields)


def _queries(resource: Resource, instance: Mapping[str, Any]) -> Iterator[Query]:
    dimensions = (("DBInstanceIdentifier", resource.name),)
    # Aurora's storage is its cluster's, and has no end.
    asked = _METRICS if instance["Engine"].startswith("aurora") else (*_METRICS, _FREE_STORAGE)
    yield from (Query(resource, metric, dimensions) for metric in asked)


def _resource(instance: Mapping[str, Any]) -> Resource:
    arn = instance["DBInstanceArn"]
    _, _, _, region, account, _ = arn.split(":", 5)
    return Resource(
        provider="aws",
        account=account,
        region=region,
        service="rds",
        resource_id=arn,
        type=instance["DBInstanceClass"],
        name=instance["DBInstanceIdentifier"],
        tags={tag["Key"]: tag.get("Value", "") for tag in instance.get("TagList", ())},
        attributes=_attributes(instance),
    )


def _attributes(instance: Mapping[str, Any]) -> dict[str, AttributeValue]:
    created = instance.get("InstanceCreateTime")
    attributes: dict[str, AttributeValue] = {
        "status": instance["DBInstanceStatus"],
        "engine": instance["Engine"],
        "engine_version": instance.get("EngineVersion"),
        "multi_az": instance.get("MultiAZ"),
        "availability_zone": instance.get("AvailabilityZone"),
        "storage_type": instance.get("StorageType"),
        "allocated_storage_gb": instance.get("AllocatedStorage"),
        "cluster": instance.get("DBClusterIdentifier"),
        "license_model": instance.get("LicenseModel"),
        "creation_time": None if created is None else format_time(created),
    }
    return {name: value for name, value in attributes.items() if value is not None}
