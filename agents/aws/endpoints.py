"""Endpoints of SageMaker: their variants, and the instances that these run on."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from agents.aws.arns import place_of
from agents.aws.calls import AwsCalls
from agents.core.errors import Gone
from agents.core.items import Item
from telemetry.records import AttributeValue, Resource
from telemetry.target import format_time

THINGS = "sagemaker endpoints"
_KEPT = 10_000
_KINDS = ("ProductionVariants", "ShadowProductionVariants")


@dataclass(frozen=True)
class Machine:
    """What a configuration says of a variant's instances."""

    #: Empty where it does not name one.
    instance_type: str = ""
    #: What of it the price of the instance type does not hold; empty for nothing.
    beside: str = ""


Machines = Mapping[str, Machine]
"""By the names of variants."""


@dataclass(frozen=True)
class Variant:
    """One variant of an endpoint."""

    name: str
    machine: Machine
    #: None where it is not told; that is not zero.
    instances: int | None
    #: Whether it runs on no instances of its own.
    serverless: bool
    #: Megabytes; None where it runs on instances, or it is not told.
    serverless_mb: int | None
    #: Gets a copy of the requests, and answers nobody.
    shadow: bool


@dataclass(frozen=True)
class Endpoint:
    """One endpoint, as SageMaker describes it."""

    resource: Resource
    variants: list[Variant]
    #: Whether all of its variants could be read: no sum over a part of them is one of the endpoint's.
    whole: bool
    status: str
    created: datetime | None
    modified: datetime | None


def endpoint_of(calls: AwsCalls, item: Item) -> Endpoint:
    """An endpoint of DescribeEndpoint, which knows how many instances; their types are its configuration's.

    A configuration never changes, and which one an endpoint has does only by an update: it is read once for each.
    """
    arn, config = item.key("EndpointArn"), item.needed("EndpointConfigName")
    times = {name: item.time(name) for name in ("CreationTime", "LastModifiedTime")}
    for name in (name for name, time in times.items() if time is None):
        item.fault(name)
    machines = _machines(calls, (arn, config, times["LastModifiedTime"])) if config else {}
    before = set(item.faults)
    variants = list(dict.fromkeys(one for kind in _KINDS for one in _variants(item, kind, machines)))
    names = {(one.name, one.shadow) for one in variants}
    whole = item.faults == before and len(names) == len(variants) and all(one.name for one in variants)
    status = item.needed("EndpointStatus")
    if status == "InService" and not variants:
        item.fault("ProductionVariants")
        whole = False
    resource = _resource(item, arn, status, times, variants=variants, whole=whole)
    return Endpoint(resource, variants, whole, status, times["CreationTime"], times["LastModifiedTime"])


def listed_endpoint(item: Item) -> Resource:
    """What the listing alone tells of an endpoint."""
    times = {name: item.time(name) for name in ("CreationTime", "LastModifiedTime")}
    return _resource(item, item.key("EndpointArn"), item.text("EndpointStatus"), times, variants=[], whole=False)


def _resource(
    item: Item, arn: str, status: str, times: Mapping[str, datetime | None], *, variants: list[Variant], whole: bool
) -> Resource:
    region, account = place_of(arn)
    kinds = sorted({"serverless" if one.serverless else one.machine.instance_type for one in variants} - {""})
    created, modified = (times[name] for name in ("CreationTime", "LastModifiedTime"))
    attributes: dict[str, AttributeValue] = {
        "status": status or None,
        "endpoint_config": item.text("EndpointConfigName") or None,
        "creation_time": None if created is None else format_time(created),
        "last_modified_time": None if modified is None else format_time(modified),
        **(_attributes(variants) if whole else {}),
    }
    return Resource(
        provider="aws",
        account=account,
        region=region,
        service="sagemaker",
        resource_id=arn,
        type=", ".join(kinds),
        name=item.key("EndpointName"),
        attributes={name: value for name, value in attributes.items() if value is not None},
        # The listing alone, and variants without the configuration, leave its types unknown.
        whole=whole and not item.faults and all(one.serverless or one.machine.instance_type for one in variants),
    )


def _attributes(variants: list[Variant]) -> dict[str, AttributeValue]:
    numbers = [one.instances for one in variants if not one.serverless]
    attributes: dict[str, AttributeValue] = {
        "serverless": bool(variants) and all(one.serverless for one in variants),
        "instances": None if None in numbers else sum(number or 0 for number in numbers),
        "variants": len(variants),
    }
    for one in variants:
        if one.serverless:
            attributes[f"variant.{one.name}.serverless_memory_mb"] = one.serverless_mb
        else:
            attributes[f"variant.{one.name}.instance_type"] = one.machine.instance_type or None
            attributes[f"variant.{one.name}.instances"] = one.instances
        if one.shadow:
            attributes[f"variant.{one.name}.shadow"] = True
    return attributes


def _variants(endpoint: Item, kind: str, machines: Machines) -> Iterator[Variant]:
    for item in endpoint.items(kind):
        name = item.needed("VariantName")
        serverless = item.has("CurrentServerlessConfig")
        machine = machines.get(name, Machine())
        if not serverless and item.number("CurrentInstanceCount") is None:
            item.fault("CurrentInstanceCount")
        yield Variant(
            name=name,
            machine=Machine(machine.instance_type, machine.beside or _beside(item)),
            instances=item.number("CurrentInstanceCount"),
            serverless=serverless,
            serverless_mb=item.item("CurrentServerlessConfig").number("MemorySizeInMB"),
            shadow=kind.startswith("Shadow"),
        )


def _machines(calls: AwsCalls, key: tuple[str, str, datetime | None]) -> Machines:
    """None where nobody tells them: a configuration can be deleted while the endpoint lives, or may not be read."""
    kept = calls.context.shared.once(_Configurations, _Configurations)
    machines = kept.get(key)
    if machines is None:
        with calls.context.part("instance types", of=THINGS):
            try:
                answer = calls.call("sagemaker", "DescribeEndpointConfig", EndpointConfigName=key[1])
            except Gone:
                answer = {}
            config = Item(answer)
            found = [one for kind in _KINDS for one in config.items(kind)]
            machines = {one.text("VariantName"): Machine(one.text("InstanceType"), _beside(one)) for one in found}
            kept.put(key, machines)
    return machines or {}


def _beside(item: Item) -> str:
    """What of a variant is billed otherwise than by its instance type."""
    if item.has("AcceleratorType"):
        return "its accelerators are billed beside"
    return "it runs on reserved capacity" if item.has("CapacityReservationConfig") else ""


@dataclass
class _Configurations:
    """The latest configurations that were read."""

    _kept: OrderedDict[tuple[str, str, datetime | None], Machines] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: tuple[str, str, datetime | None]) -> Machines | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: tuple[str, str, datetime | None], machines: Machines) -> None:
        with self._lock:
            self._kept[key] = machines
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
