"""The price catalogue: services, and their SKUs with tiered prices in USD."""

import hashlib
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

# USD to each currency; the catalogue knows no other.
CURRENCIES = {
    "USD": Decimal(1),
    "EUR": Decimal("0.92"),
    "GBP": Decimal("0.79"),
    "JPY": Decimal("149.5"),
    "CHF": Decimal("0.88"),
}


@dataclass(frozen=True)
class Service:
    """`service_id` as `XXXX-XXXX-XXXX`."""

    service_id: str
    name: str


@dataclass(frozen=True)
class Sku:
    """A SKU. `tiers` are (from this amount of `unit` on, USD per unit); an empty `regions` is global.

    `unit` is Google's `usage_unit`: `h`, `GiBy.h`, `GiBy.mo`, `count`, ...
    """

    service_id: str
    description: str
    family: str
    group: str
    usage_type: str
    regions: tuple[str, ...]
    unit: str
    tiers: tuple[tuple[float, Decimal], ...]

    @property
    def sku_id(self) -> str:
        """The same for the same service, description and regions, always."""
        text = f"{self.service_id}/{self.description}/{self.regions}"
        digest = hashlib.sha256(text.encode()).hexdigest()[:12].upper()
        return "-".join(digest[at : at + 4] for at in (0, 4, 8))


class Catalog:
    """Every service and SKU, in the order in which they were added."""

    def __init__(self, services: Iterable[Service] = (), skus: Iterable[Sku] = ()) -> None:
        self._lock = threading.Lock()
        self._services = {service.service_id: service for service in services}
        self._skus: dict[str, dict[str, Sku]] = {}
        for sku in skus:
            self.add(sku)

    def add(self, sku: Sku) -> None:
        """Add a SKU, or replace the one of the same id."""
        with self._lock:
            self._skus.setdefault(sku.service_id, {})[sku.sku_id] = sku

    def remove(self, sku: Sku) -> None:
        """Take a SKU out: what it priced has no price."""
        with self._lock:
            self._skus.get(sku.service_id, {}).pop(sku.sku_id, None)

    def services(self) -> list[Service]:
        """The services."""
        return list(self._services.values())

    def service(self, service_id: str) -> Service | None:
        """A service by id."""
        return self._services.get(service_id)

    def skus(self, service_id: str) -> list[Sku]:
        """The SKUs of a service."""
        with self._lock:
            return list(self._skus.get(service_id, {}).values())

    def find(self, description: str, region: str | None = None) -> list[Sku]:
        """The SKUs of exactly this description, of any service; in a region where one is given."""
        with self._lock:
            every = [sku for held in self._skus.values() for sku in held.values()]
        return [sku for sku in every if sku.description == description and (not region or region in sku.regions)]
