"""Prices that fall with the quantity: so much a unit up to here, less beyond."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any

from telemetry.amounts import parse_amount


@dataclass(frozen=True)
class Tier:
    """What a unit costs from ``begin`` on, up to ``end``; None for no end."""

    begin: Decimal
    end: Decimal | None
    amount: Decimal


@dataclass(frozen=True)
class TieredPrice:
    """All tiers of a price, from nothing on, without a gap."""

    tiers: tuple[Tier, ...]
    #: ISO 4217.
    currency: str

    def cost(self, quantity: Decimal) -> Decimal:
        """What ``quantity`` units cost together."""
        total = Decimal(0)
        for tier in self.tiers:
            end = quantity if tier.end is None else min(quantity, tier.end)
            total += max(Decimal(0), end - tier.begin) * tier.amount
        return total


def tiered_price(product: Mapping[str, Any], unit: str) -> TieredPrice | None:
    """The on-demand price of a product of AWS's Pricing API.

    None unless it is plain: one term, one currency, no gap between the tiers.
    """
    terms = list(product.get("terms", {}).get("OnDemand", {}).values())
    if len(terms) != 1:
        return None
    try:
        read = [_tier(one) for one in terms[0]["priceDimensions"].values() if one["unit"] == unit]
    except (KeyError, ValueError):
        return None
    tiers = tuple(sorted((tier for tier, _ in read), key=lambda tier: tier.begin))
    currencies = {currency for _, currency in read}
    return TieredPrice(tiers, currencies.pop()) if len(currencies) == 1 and _is_whole(tiers) else None


def read_product(item: str) -> dict[str, Any]:
    """A product from the text of JSON that the Pricing API gives it as: no digit passes through a float."""
    product: dict[str, Any] = json.loads(item, parse_float=Decimal)
    return product


def _tier(dimension: Mapping[str, Any]) -> tuple[Tier, str]:
    ((currency, amount),) = dimension["pricePerUnit"].items()
    end = dimension["endRange"]
    tier = Tier(
        parse_amount(dimension["beginRange"]), None if end == "Inf" else parse_amount(end), parse_amount(amount)
    )
    if not all(number >= 0 for number in (tier.begin, tier.end, tier.amount) if number is not None):
        raise ValueError("not an amount")
    return tier, currency


def _is_whole(tiers: tuple[Tier, ...]) -> bool:
    return bool(tiers) and all(this == that for this, that in _borders(tiers))


def _borders(tiers: tuple[Tier, ...]) -> Iterator[tuple[Decimal | None, Decimal | None]]:
    yield tiers[0].begin, Decimal(0)
    for tier, following in pairwise(tiers):
        yield tier.end, following.begin
    yield tiers[-1].end, None
