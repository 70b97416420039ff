"""Endpoints of SageMaker: their variants, and the instances that these run on."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agents.aws.calls import AwsCalls
from agents.core.errors import Gone
from telemetry.records import AttributeValue, Resource
from telemetry.target import format_time

_KEPT = 10_000

Types = Mapping[str, str]
"""Instance types by the names of variants."""


@dataclass(frozen=True)
class Variant:
    """One variant of an endpoint."""

    name: str
    #: Empty where it is serverless, or its configuration does not name one.
    instance_type: str
    instances: int
    #: Megabytes; None where it runs on instances.
    serverless_mb: int | None
    #: Gets a copy of the requests, and answers nobody.
    shadow: bool

    @property
    def serverless(self) -> bool:
        """Whether it runs on no instances of its own."""
        return self.serverless_mb is not None


def variants_of(calls: AwsCalls, endpoint: Mapping[str, Any]) -> list[Variant]:
    """The variants of an endpoint of DescribeEndpoint, which knows their numbers; the types are its configuration's.

    A configuration never changes, and which one an endpoint has does only by an update: it is read once for each.
    """
    kept = calls.context.shared.once(_Configurations, _Configurations)
    key = (endpoint["EndpointArn"], endpoint["EndpointConfigName"], endpoint["LastModifiedTime"])
    types = kept.get(key)
    if types is None:
        types = _types(calls, endpoint["EndpointConfigName"])
        kept.put(key, types)
    return [*_variants(endpoint, "ProductionVariants", types), *_variants(endpoint, "ShadowProductionVariants", types)]


def endpoint_of(endpoint: Mapping[str, Any], variants: list[Variant]) -> Resource:
    """The endpoint as a resource."""
    arn = endpoint["EndpointArn"]
    _, _, _, region, account, _ = arn.split(":", 5)
    kinds = sorted({"serverless" if one.serverless else one.instance_type for one in variants} - {""})
    return Resource(
        provider="aws",
        account=account,
        region=region,
        service="sagemaker",
        resource_id=arn,
        type=", ".join(kinds),
        name=endpoint["EndpointName"],
        attributes=_attributes(endpoint, variants),
    )


def _attributes(endpoint: Mapping[str, Any], variants: list[Variant]) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {
        "status": endpoint["EndpointStatus"],
        "endpoint_config": endpoint["EndpointConfigName"],
        "creation_time": format_time(endpoint["CreationTime"]),
        "last_modified_time": format_time(endpoint["LastModifiedTime"]),
        "serverless": bool(variants) and all(one.serverless for one in variants),
        "instances": sum(one.instances for one in variants),
        "variants": len(variants),
    }
    for one in variants:
        if one.serverless:
            attributes[f"variant.{one.name}.serverless_memory_mb"] = one.serverless_mb
        else:
            attributes[f"variant.{one.name}.instance_type"] = one.instance_type or None
            attributes[f"variant.{one.name}.instances"] = one.instances
        if one.shadow:
            attributes[f"variant.{one.name}.shadow"] = True
    return {name: value for name, value in attributes.items() if value is not None}


def _variants(endpoint: Mapping[str, Any], kind: str, types: Types) -> Iterator[Variant]:
    for one in endpoint.get(kind) or ():
        serverless = one.get("CurrentServerlessConfig")
        yield Variant(
            name=one["VariantName"],
            instance_type="" if serverless else types.get(one["VariantName"], ""),
            instances=one.get("CurrentInstanceCount", 0),
            serverless_mb=serverless["MemorySizeInMB"] if serverless else None,
            shadow=kind.startswith("Shadow"),
        )


def _types(calls: AwsCalls, name: str) -> Types:
    try:
        answer = calls.call("sagemaker", "DescribeEndpointConfig", EndpointConfigName=name)
    except Gone:  # it can be deleted while the endpoint lives, and then nobody knows the types
        return {}
    variants = [*answer.get("ProductionVariants", ()), *answer.get("ShadowProductionVariants", ())]
    return {one["VariantName"]: one["InstanceType"] for one in variants if "InstanceType" in one}


@dataclass
class _Configurations:
    """The latest configurations that were read."""

    _kept: OrderedDict[tuple[str, str, datetime], Types] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: tuple[str, str, datetime]) -> Types | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: tuple[str, str, datetime], types: Types) -> None:
        with self._lock:
            self._kept[key] = types
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
