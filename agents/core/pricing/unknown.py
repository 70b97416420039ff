"""Why something has no price. The reason is an attribute of the resource, under one name for every provider."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from agents.core.pricing.book import Price
from telemetry.records import Resource

PRICE_UNKNOWN = "price_unknown"
"""The attribute: a resource that has it has no price, and this is why."""
REFUSED = "the price list was not answered"
NOT_LISTED = "the price list has no single price for it"


@dataclass(frozen=True)
class Unknown:
    """A price that is not known, and why: in a few words, the same for every resource of its kind."""

    reason: str


Priced = Price | Unknown
"""A price, or why there is none."""


def reason_of(price: Priced | None) -> dict[str, str]:
    """The attribute of a resource with that price: none where it is known, or nobody asked for it."""
    return {PRICE_UNKNOWN: price.reason} if isinstance(price, Unknown) else {}


def with_reason(resource: Resource, price: Priced | None) -> Resource:
    """The resource with that attribute, where its price is not known."""
    reason = reason_of(price)
    if not reason:
        return resource
    return msgspec.structs.replace(resource, attributes={**resource.attributes, **reason})
