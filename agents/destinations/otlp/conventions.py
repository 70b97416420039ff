"""Names, attributes and units by the conventions of others.

Attributes: OpenTelemetry's semantic conventions (``cloud.*``, ``host.*``, ``service.*``); what they have no word for is
``finfleet.*``. Units: UCUM, where things that are counted and currencies are annotations in braces, as OpenTelemetry's
conventions for metrics have it.
"""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from telemetry.push.batches import PROVIDER
from telemetry.records import Resource

NOT_A_CLOUD = PROVIDER
"""What was pushed, polled, or measured on a machine of one's own."""
_NO_REGION = "global"
_UNITS = {
    "percent": "%",
    "ratio": "1",
    "bytes": "By",
    "bits": "bit",
    "kilobytes": "kBy",
    "megabytes": "MBy",
    "gigabytes": "GBy",
    "bytes_per_second": "By/s",
    "count_per_second": "{count}/s",
    "hours": "h",
    "seconds": "s",
    "milliseconds": "ms",
    "microseconds": "us",
    "nanoseconds": "ns",
    "celsius": "Cel",
    "watts": "W",
    "joules": "J",
}
_HOST_IDS = ("instance_id", "vm_id", "host")
"""Attributes of a record that are the id of a machine: its own, or that of the machine that it is a part of."""
_OF_A_MACHINE = "boot_time"
"""The attribute of a record that is itself a machine whose id is the record's."""


def ucum(unit: str) -> str:
    """A unit of ours, or of whoever pushed it, in UCUM."""
    return _UNITS.get(unit) or annotation(unit)


def annotation(text: str) -> str:
    """What is counted, as a unit: ``{count}``, ``{USD}``; empty where nothing can be said in ASCII."""
    kept = "".join(char for char in text if "!" <= char <= "~" and char not in "{}")
    return f"{{{kept}}}" if kept else ""


def pairs(values: Mapping[str, str | int]) -> list[KeyValue]:
    """Attributes, without those that have no value, in the order of their names: the same bytes each time."""
    return [KeyValue(key=key, value=_value(value)) for key, value in sorted(values.items()) if value != ""]


def _value(value: str | int) -> AnyValue:
    return AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value)


def tags(given: Mapping[str, str]) -> dict[str, str]:
    """Tags as attributes."""
    return {f"finfleet.tag.{key}": value for key, value in given.items()}


def place(provider: str, account: str, region: str) -> dict[str, str]:
    """Where something is; ``account`` is the provider's own id."""
    if provider == NOT_A_CLOUD:
        return {"finfleet.account.id": account}
    where = "" if region == _NO_REGION else region
    return {"cloud.provider": provider, "cloud.account.id": account, "cloud.region": where}


def attributes_of(resource: Resource, account: str) -> dict[str, str]:
    """The attributes of a resource; ``account`` is the account's name in the configuration."""
    found = {
        **place(resource.provider, resource.account, resource.region),
        # Unique together, as the conventions ask.
        "service.namespace": resource.provider,
        "service.name": resource.service,
        "service.instance.id": resource.resource_id,
        "finfleet.account": account,
        **tags(resource.tags),
    }
    if resource.provider != NOT_A_CLOUD:
        found["cloud.resource_id"] = resource.resource_id
    host = next((str(value) for name in _HOST_IDS if (value := resource.attributes.get(name))), "")
    if not host and _OF_A_MACHINE in resource.attributes:
        host = resource.resource_id
    if host and "host" not in resource.attributes:
        return found | {"host.id": host, "host.name": resource.name, "host.type": resource.type}
    return found | {
        "host.id": host,
        "finfleet.resource.name": resource.name,
        "finfleet.resource.type": resource.type,
    }
