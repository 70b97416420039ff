"""On-demand list prices from AWS's Pricing API."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from agents.aws.calls import AwsCalls
from agents.core.parts import Part
from agents.core.pricing import Price, price_book
from agents.core.pricing.unknown import NOT_LISTED, REFUSED, Priced, Unknown
from telemetry.amounts import parse_amount
from telemetry.errors import Unavailable

PERMISSIONS = ("pricing:GetProducts",)

_PRICING_REGIONS: Mapping[str, str] = MappingProxyType({"aws": "us-east-1", "aws-cn": "cn-northwest-1"})
"""Where the Pricing API answers, by partition. The others have none that their credentials reach."""
_PAGE = 100
_HOUR = frozenset({"Hrs", "Hours"})


class PriceList:
    """The prices that one collection asks for. Each that is unknown is counted once in its report.

    A price list that refuses is a part by itself: prices are unknown, and the report names the permission.
    """

    def __init__(self, calls: AwsCalls, of: str) -> None:
        """``of`` is what is priced: ``ec2 instances``."""
        self._calls = calls
        self._book = price_book(calls.context.shared)
        self._asked: dict[str, Priced] = {}
        self._part = Part(calls.context, "prices", of)

    def hourly(self, service_code: str, fields: Mapping[str, str]) -> Priced:
        """The price an hour of the product with exactly these attributes (``regionCode`` ...), or why it is unknown."""
        key = "/".join(["aws", service_code, self._calls.partition, *(f"{k}={v}" for k, v in sorted(fields.items()))])
        if key not in self._asked:
            found = self._part.ask(lambda: self._book.find(key, lambda: self._look_up(service_code, fields)))
            if self._part.refused is not None:
                return Unknown(REFUSED)
            self._asked[key] = found if found is not None else self._counted(NOT_LISTED)
        return self._asked[key]

    def unknown(self, what: str, why: str) -> Unknown:
        """Count a price that is unknown without a look at the list: once for ``what``, a kind of things."""
        if what not in self._asked:
            self._asked[what] = self._counted(why)
        return Unknown(why)

    def _counted(self, why: str) -> Unknown:
        self._calls.context.meter.unknown_price()
        return Unknown(why)

    def _look_up(self, service_code: str, fields: Mapping[str, str]) -> Price | None:
        return hourly_price(products(self._calls, service_code, fields))


def products(calls: AwsCalls, service_code: str, fields: Mapping[str, str]) -> Iterator[str]:
    """The products with exactly these attributes, each a text of JSON; none where the partition has no price list."""
    region = _PRICING_REGIONS.get(calls.partition)
    if region is None:
        return
    pages = calls.pages(
        "pricing",
        "GetProducts",
        region=region,
        page_size=_PAGE,
        ServiceCode=service_code,
        Filters=[{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in fields.items()],
    )
    for page in pages:
        listed = page.get("PriceList")
        if not isinstance(listed, list):
            raise Unavailable("pricing:GetProducts: an answer has no list PriceList: it is asked for anew")
        yield from listed


def currency_of(partition: str) -> str:
    """What a partition's prices are in."""
    return "CNY" if partition == "aws-cn" else "USD"


def hourly_price(price_list: Iterable[str]) -> Price | None:
    """The on-demand price an hour of the products in ``price_list``, each a text of JSON as the Pricing API gives it.

    None unless every product has exactly one hourly on-demand price, above zero, and all agree on it.
    """
    prices: set[Price | None] = set()
    for item in price_list:
        try:
            found = list(_hourly(json.loads(item, parse_float=Decimal)))
        except (
            AttributeError,
            KeyError,
            TypeError,
            ValueError,
            RecursionError,
        ):  # not of the form: its price may differ
            found = []
        prices.add(found[0] if len(found) == 1 else None)
    return prices.pop() if len(prices) == 1 else None


def _hourly(product: Mapping[str, Any]) -> Iterator[Price | None]:
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            if dimension.get("unit") in _HOUR:
                yield _price(dimension["pricePerUnit"])


def _price(per_unit: Mapping[str, Any]) -> Price | None:
    if len(per_unit) != 1:
        return None
    ((currency, text),) = per_unit.items()
    try:
        amount = parse_amount(str(text))
    except ValueError:
        return None
    return Price(amount, currency) if amount > 0 else None
