"""RDS: database instances, what CloudWatch knows of them, and what they cost an hour."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

from agents.aws import metrics
from agents.aws.arns import place_of
from agents.aws.calls import AwsCalls
from agents.aws.metrics import Metric, MetricReader, Query
from agents.aws.pricing import price_list as pricing
from agents.aws.pricing.rds import THINGS, RdsPrices
from agents.core.context import Context
from agents.core.items import Item, Listing
from agents.core.pricing import Price
from agents.core.pricing.unknown import Priced, with_reason
from agents.core.rates import LATE, LISTED, STOPPED, is_present, part_since, rate
from agents.core.service import Estimate, Service, service
from agents.core.sightings import sightings
from telemetry.records import AttributeValue, CostRate, Record, Resource
from telemetry.target import Target, Window, format_time

_PAGE = 100
_CPU = ("CPUUtilization", "Average", "cpu_utilization", "percent")
_CONNECTIONS = ("DatabaseConnections", "Average", "database_connections", "count")
_MEMORY = ("FreeableMemory", "Average", "freeable_memory", "bytes")
_STORAGE = ("FreeStorageSpace", "Average", "free_storage", "bytes")


def _metrics(namespace: str, *metrics: tuple[str, str, str, str]) -> tuple[Metric, ...]:
    return tuple(Metric(namespace, *metric) for metric in metrics)


# Aurora's storage, and that of the two that are built like it, is their cluster's, and has no end.
_AURORA = _metrics("AWS/RDS", _CPU, _CONNECTIONS, _MEMORY)
_OWN_STORAGE = _metrics("AWS/RDS", _CPU, _CONNECTIONS, _MEMORY, _STORAGE)
_MEASURED: Mapping[str, tuple[Metric, ...]] = MappingProxyType(
    {
        "aurora": _AURORA,
        # RDS lists them too, and CloudWatch has them under names of their own.
        "docdb": _metrics("AWS/DocDB", _CPU, _CONNECTIONS, _MEMORY),
        "neptune": _metrics("AWS/Neptune", _CPU, _MEMORY),
        **dict.fromkeys(
            ("custom-oracle", "custom-sqlserver", "db2", "mariadb", "mysql", "oracle", "postgres", "sqlserver"),
            _OWN_STORAGE,
        ),
    }
)
"""What CloudWatch has of an engine, by the first words of its name."""
_NOT_MEASURED = "where CloudWatch keeps those of the engine {} is not known, and what is asked is paid"
_RUNNING = frozenset({"available", "backing-up", "storage-full", "storage-optimization"})
"""Statuses in which it runs and is not being changed."""
_SINCE_WHEN = "they are stopped, and RDS does not tell since when: the next windows will"


@service("aws", "rds")
class Rds(Service):
    """RDS instances: CPU, connections, free memory and storage, and the on-demand list price of the instance.

    MariaDB, MySQL and PostgreSQL have a price; Aurora, Multi-AZ clusters and licensed engines have none here: theirs
    depends on more than the instance tells, and so does that of a version past its standard support. An instance says
    why in ``price_unknown``. A stopped instance costs no compute. Storage is not in the price. RDS tells the class of
    now and not since when: a window that is collected more than an hour late has no prices, and says so. DocumentDB
    and Neptune are listed by RDS, and measured under their own names.
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
        reader = MetricReader(calls, window, of=THINGS)
        rates = _Rates(calls, window)
        self.say_late(context, window, "RDS")
        listing: Listing[_Database] = Listing(context, THINGS, key=lambda one: one.resource.resource_id)
        for page in calls.pages("rds", "DescribeDBInstances", page_size=_PAGE):
            for one in listing.each(page, "DBInstances", _read):
                resource, found = rates.of(one)
                yield resource
                yield from found
                if rates.may_have_data(one):
                    yield from reader.add(*_queries(context, resource, one.item))
        yield from reader.finish()

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Pages of 100 instances, and four metrics each. The price of a kind of instance is looked up once a day."""
        asked = metrics.estimate(window, resources * len(_OWN_STORAGE))
        pages = max(1, math.ceil(resources / _PAGE))
        less = "three metrics of Aurora and DocumentDB, two of Neptune, none of what is stopped" if resources else ""
        return Estimate({"rds:DescribeDBInstances": pages, **asked.calls}, asked.cost_usd, less=less)

    def check_interval(self, interval: timedelta) -> str:
        """CloudWatch has values for whole minutes."""
        return metrics.check_interval(interval)


@dataclass(frozen=True)
class _Database:
    """One instance, as RDS lists it."""

    resource: Resource
    item: Item
    status: str
    #: None where RDS does not say.
    created: datetime | None


class _Rates:
    """What instances cost an hour now; of a window that is long past the listing says nothing."""

    def __init__(self, calls: AwsCalls, window: Window) -> None:
        self._context = calls.context
        self._prices = RdsPrices(calls)
        self._nothing = Price(Decimal(0), pricing.currency_of(calls.partition))
        self._window = window
        self._now = calls.context.shared.now()

    def of(self, one: _Database) -> tuple[Resource, list[CostRate]]:
        """An instance with its rates: none where its price or its state is unknown, and then it says why."""
        part = None if one.created is None else part_since(self._window, one.created, self._now)
        if part is None:
            return one.resource, []
        price, basis = self._priced(one, part)
        if isinstance(price, Price):
            return one.resource, [rate(one.resource, part.start, part.end, price, basis)]
        return with_reason(one.resource, price), []

    def _priced(self, one: _Database, part: Window) -> tuple[Priced | None, str]:
        """Its price over a part of the window, and on which basis; None where its state is unknown, which is said."""
        stopped = self._stopped(one)
        if stopped is not None and stopped <= part.start:
            return self._nothing, STOPPED
        why = ""
        # Its events would tell of changes: RDS asks not to rely on their existence.
        if not is_present(self._window, self._now):
            why = f"{LATE}, and RDS tells their class and state of now only"
        elif stopped is not None:
            why = _SINCE_WHEN
        elif one.status not in _RUNNING:
            why = f"their status is {one.status or 'not told'}, which does not tell what they cost"
        if why:
            self._context.partial("rates", why, of=THINGS)
        return None if why else self._prices.on_demand(one.item, part), LISTED

    def may_have_data(self, one: _Database) -> bool:
        """Whether it can have run in a part of the window. What is asked of CloudWatch is paid, data or not."""
        if one.created is not None and one.created >= self._window.end:
            return False
        # One that is being made has no time of its making yet.
        if one.created is None and one.status == "creating":
            return False
        stopped = self._stopped(one)
        return stopped is None or stopped > self._window.start

    def _stopped(self, one: _Database) -> datetime | None:
        """Since when it is known to be stopped; None where it is not. RDS tells when it will start again, a week on."""
        seen = sightings(self._context.shared)
        if one.status != "stopped":
            seen.forget(one.resource.resource_id)
            return None
        return seen.since(one.resource.resource_id, one.item.time("AutomaticRestartTime"), self._now)


def _queries(context: Context, resource: Resource, item: Item) -> Iterator[Query]:
    engine = item.text("Engine")
    asked = next((found for name, found in _MEASURED.items() if engine == name or engine.startswith(f"{name}-")), None)
    if asked is None:
        context.partial("metrics", _NOT_MEASURED.format(engine or "(not told)"), of=THINGS)
    dimensions = (("DBInstanceIdentifier", resource.name),)
    yield from (Query(resource, metric, dimensions) for metric in asked or ())


def _read(item: Item) -> _Database:
    arn = item.key("DBInstanceArn")
    region, account = place_of(arn)
    resource = Resource(
        provider="aws",
        account=account,
        region=region,
        service="rds",
        resource_id=arn,
        type=item.needed("DBInstanceClass"),
        name=item.key("DBInstanceIdentifier"),
        tags=item.pairs("TagList"),
        attributes=_attributes(item),
        whole=item.has("TagList") and not item.faults,
    )
    created = item.time("InstanceCreateTime")
    status = item.needed("DBInstanceStatus")
    if created is None and status != "creating":
        item.fault("InstanceCreateTime")
    return _Database(resource, item, status, created)


def _attributes(item: Item) -> dict[str, AttributeValue]:
    created = item.time("InstanceCreateTime")
    attributes: dict[str, AttributeValue] = {
        "status": item.text("DBInstanceStatus") or None,
        "engine": item.needed("Engine") or None,
        "engine_version": item.text("EngineVersion") or None,
        "multi_az": item.flag("MultiAZ"),
        "availability_zone": item.text("AvailabilityZone") or None,
        "storage_type": item.text("StorageType") or None,
        "allocated_storage_gb": item.number("AllocatedStorage"),
        "cluster": item.text("DBClusterIdentifier") or None,
        "license_model": item.text("LicenseModel") or None,
        "lifecycle_support": item.text("EngineLifecycleSupport") or None,
        "creation_time": None if created is None else format_time(created),
    }
    return {name: value for name, value in attributes.items() if value is not None}
