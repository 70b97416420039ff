"""List prices from the Cloud Billing Catalog: money exactly, and the SKUs of one service page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from agents.gcp.calls import GcpCalls, Sending
from agents.gcp.session import section_of

API = "cloudbilling:ListSkus"
PERMISSIONS = ("serviceusage.services.use",)
_PAGE = 5000
_GIB_PER_GB = Decimal(2**30) / Decimal(10**9)


@dataclass(frozen=True)
class Sku:
    """One price, an hour of a whole unit."""

    description: str
    #: ``OnDemand``, ``Preemptible``, ``Commit1Yr`` ...
    usage_type: str
    regions: tuple[str, ...]
    #: ``h`` or ``GiBy.h``.
    unit: str
    amount: Decimal


def currency_of(calls: GcpCalls) -> str:
    """What list prices are asked for in."""
    return section_of(calls.context.shared).currency


def skus(calls: GcpCalls, service: str) -> Iterator[Sku]:
    """The hourly prices of a service (its id in the catalogue) that are one figure, above zero, from the first unit on.

    The catalogue of Compute Engine has tens of thousands: no more than a page of them is held.
    """
    currency = currency_of(calls)

    def ask(sending: Sending, token: str) -> Any:
        request = {
            "parent": f"services/{service}",
            "currency_code": currency,
            "page_size": _PAGE,
            "page_token": token,
        }
        return sending.session.catalog.list_skus(request=request, **sending.options)

    for page in calls.pages(API, ask):
        for sku in page.skus:
            found = _sku(sku, currency)
            if found is not None:
                yield found


def money(units: int, nanos: int) -> Decimal:
    """google.type.Money, exactly."""
    return Decimal(units) + Decimal(nanos).scaleb(-9)


def _sku(sku: Any, currency: str) -> Sku | None:
    if not sku.pricing_info:
        return None
    expression = sku.pricing_info[-1].pricing_expression
    if len(expression.tiered_rates) != 1 or expression.tiered_rates[0].start_usage_amount != 0:
        return None
    price = expression.tiered_rates[0].unit_price
    amount = money(price.units, price.nanos)
    unit = expression.usage_unit
    if price.currency_code != currency or amount <= 0:
        return None
    if unit == "GBy.h":
        unit, amount = "GiBy.h", amount * _GIB_PER_GB
    return Sku(sku.description, sku.category.usage_type, tuple(sku.service_regions), unit, amount)
