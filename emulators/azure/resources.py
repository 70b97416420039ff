"""What there is in every subscription, as Resource Graph and the Resource Manager tell it."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class AzureResource:
    """One resource. `type` is in the Resource Manager's own spelling: `Microsoft.Compute/virtualMachines`."""

    subscription: str
    group: str
    type: str
    name: str
    location: str
    properties: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] | None = None
    kind: str = ""
    sku: dict[str, Any] | None = None
    zones: list[str] | None = None
    identity: dict[str, Any] | None = None
    managed_by: str = ""
    plan: dict[str, Any] | None = None
    extended_location: dict[str, Any] | None = None

    @property
    def id(self) -> str:
        """Its full id; a type of several parts has as many parts of the name, by `/`."""
        namespace, *types = self.type.split("/")
        tail = "/".join(f"{kind}/{name}" for kind, name in zip(types, self.name.split("/"), strict=True))
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.group}/providers/{namespace}/{tail}"

    def row(self, tenant: str) -> dict[str, Any]:
        """As a row of Resource Graph's table, which has types and groups in lower case."""
        return {
            "id": self.id,
            "name": self.name,
            "type": self.type.lower(),
            "tenantId": tenant,
            "kind": self.kind,
            "location": self.location,
            "resourceGroup": self.group.lower(),
            "subscriptionId": self.subscription,
            "managedBy": self.managed_by,
            "sku": self.sku,
            "plan": self.plan,
            "properties": self.properties,
            "tags": self.tags,
            "identity": self.identity,
            "zones": self.zones,
            "extendedLocation": self.extended_location,
        }

    def as_json(self, properties: dict[str, Any] | None = None) -> dict[str, Any]:
        """As the Resource Manager lists it; with other `properties` where they are given."""
        told: dict[str, Any] = {
            "id": self.id,
            "name": self.name,
            "type": self.type,
            "location": self.location,
            "properties": self.properties if properties is None else properties,
        }
        further = {"tags": self.tags, "kind": self.kind, "sku": self.sku, "zones": self.zones}
        further |= {"identity": self.identity, "managedBy": self.managed_by}
        return told | {name: value for name, value in further.items() if value}


ROW = tuple(AzureResource("", "", "a/b", "", "").row(""))
"""The columns of Resource Graph's table."""


@dataclass(frozen=True)
class Change:
    """What Resource Graph notes when a resource is made, changed or deleted."""

    resource: str
    #: Of the resource, in the Resource Manager's own spelling.
    type: str
    #: `Create`, `Update` or `Delete`.
    what: str
    at: datetime
    #: The new values by the paths of the properties.
    changes: dict[str, Any] = field(default_factory=dict)

    def row(self, number: int) -> dict[str, Any]:
        """As a row of Resource Graph's table of changes."""
        return {
            "id": f"{self.resource}/providers/Microsoft.Resources/changes/{number:08}",
            "type": "microsoft.resources/changes",
            "subscriptionId": self.resource.split("/")[2],
            "properties": {
                "targetResourceId": self.resource,
                "targetResourceType": self.type.lower(),
                "changeType": self.what,
                "changeAttributes": {"timestamp": self.at.isoformat(), "changesCount": len(self.changes)},
                "changes": {path: {"newValue": value} for path, value in self.changes.items()},
            },
        }


CHANGE_ROW = tuple(Change("/subscriptions/0", "", "", datetime.min.replace(tzinfo=UTC)).row(0))
"""The columns of the table of changes."""


class ResourceStore:
    """Every resource, by its id without regard to case."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: dict[str, AzureResource] = {}
        #: Noted by who makes them: time is theirs.
        self.changes: list[Change] = []

    def add(self, resources: Iterable[AzureResource]) -> None:
        """Put resources in, in the place of any with the same id."""
        with self._lock:
            self._all |= {one.id.lower(): one for one in resources}

    def remove(self, resource_id: str) -> None:
        """Delete one; harmless where there is none."""
        with self._lock:
            self._all.pop(resource_id.lower(), None)

    def clear(self) -> None:
        """Delete all."""
        with self._lock:
            self._all.clear()
            self.changes.clear()

    def get(self, resource_id: str) -> AzureResource | None:
        """The resource with that id."""
        return self._all.get(resource_id.lower())

    def of(self, subscriptions: Iterable[str], kind: str | None = None) -> list[AzureResource]:
        """The resources of some subscriptions, of one type where it is named, in the order in which they came."""
        wanted = {one.lower() for one in subscriptions}
        with self._lock:
            found = [one for one in self._all.values() if one.subscription.lower() in wanted]
        return found if kind is None else [one for one in found if one.type.lower() == kind.lower()]
