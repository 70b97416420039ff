"""What the services have in common: one call, one answer, its items as records."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import ClassVar

from agents.core.service import Estimate
from finfleet_opencost.answers import Item, Reader
from finfleet_opencost.calls import OpenCostCalls
from finfleet_opencost.mapping import ItemMapping
from telemetry.records import Record, Resource
from telemetry.target import Target, Window, format_time

ALLOCATION = "opencost:allocation"
ASSETS = "opencost:assets"


def estimate(api: str) -> Estimate:
    """One call a window, whatever the cluster's size; nothing is paid."""
    return Estimate({api: 1}, Decimal(0))


class Question:
    """A question to OpenCost for one window of one cluster."""

    def __init__(self, calls: OpenCostCalls, target: Target, window: Window) -> None:
        """Ask nothing yet."""
        self.calls = calls
        self.target = target
        self.window = window

    def records(
        self, api: str, path: str, parameters: Mapping[str, str], mapping: ItemMapping, resources: Resources
    ) -> Iterator[Record]:
        """The answer as records; what of it is missing is said."""
        context = self.calls.context
        reader = Reader(self.window)
        asked = {"window": f"{format_time(self.window.start)},{format_time(self.window.end)}", **parameters}
        for item in reader.items(self.calls.get(api, path, asked)):
            context.check_deadline()
            yield from mapping.records(context, item, resources.of(item))
        for why, count in reader.left_out.items():
            context.partial("everything", why, of=self.target.service, count=count)
        if mapping.currency is None:
            context.partial("amounts", "OpenCost does not tell its currency: set opencost.currency")


class Resources(ABC):
    """How items are named; derived for allocations and for assets."""

    #: The properties that are kept as attributes.
    kept: ClassVar[tuple[str, ...]] = ()

    def __init__(self, target: Target) -> None:
        """``target`` is whose they are."""
        self.target = target

    def of(self, item: Item) -> Resource:
        """The resource that an item is of."""
        properties = item.texts("properties")
        return Resource(
            provider=self.target.provider,
            account=self.target.account,
            region=self.target.region,
            service=self.target.service,
            resource_id=item.name,
            type=self.kind(item, properties),
            name=self.named(item, properties),
            tags=self.tags(item),
            attributes={key: properties[key] for key in self.kept if properties.get(key)},
        )

    @abstractmethod
    def kind(self, item: Item, properties: Mapping[str, str]) -> str:
        """The kind of thing."""

    @abstractmethod
    def named(self, item: Item, properties: Mapping[str, str]) -> str:
        """What people call it."""

    @abstractmethod
    def tags(self, item: Item) -> dict[str, str]:
        """Its labels."""
