"""Prices that fall with the quantity: what a quantity costs, and which lists are plain."""

from decimal import Decimal
from typing import Any

import pytest

from agents.aws.pricing.s3 import STORAGE_TYPES, S3Prices
from agents.core.context import LocalPriceCache
from agents.core.pricing import PriceBook
from agents.core.pricing.tiers import Tier, TieredPrice, tiered_price

STANDARD = (("0", "51200", "0.023"), ("51200", "512000", "0.022"), ("512000", "Inf", "0.021"))


def _product(
    *tiers: tuple[str, str, str], unit: str = "GB-Mo", currency: str = "USD", terms: int = 1
) -> dict[str, Any]:
    dimensions = {
        f"rate{number}": {"unit": unit, "beginRange": begin, "endRange": end, "pricePerUnit": {currency: usd}}
        for number, (begin, end, usd) in enumerate(tiers)
    }
    return {"terms": {"OnDemand": {f"term{number}": {"priceDimensions": dimensions} for number in range(terms)}}}


@pytest.mark.parametrize(
    ("quantity", "cost"),
    [
        ("0", "0"),
        ("1", "0.023"),
        ("51200", "1177.6"),
        ("51201", "1177.622"),
        ("512000", "11315.2"),
        ("1000000", "21563.2"),
        ("0.5", "0.0115"),
    ],
)
def test_each_unit_costs_what_its_tier_says(quantity: str, cost: str) -> None:
    price = tiered_price(_product(*reversed(STANDARD)), "GB-Mo")
    assert price is not None
    assert price.cost(Decimal(quantity)) == Decimal(cost)
    assert price.currency == "USD"


@pytest.mark.parametrize(
    "product",
    [
        _product(),
        {},
        _product(("0", "Inf", "0.01"), unit="Hrs"),
        _product(("0", "Inf", "0.01"), terms=2),
        _product(("1", "Inf", "0.01")),
        _product(("0", "100", "0.01")),
        _product(("0", "100", "0.02"), ("200", "Inf", "0.01")),
        _product(("0", "Inf", "0.02"), ("0", "Inf", "0.01")),
        _product(("0", "Inf", "-1")),
        _product(("0", "Inf", "NaN")),
        _product(("0", "Inf", "free")),
    ],
)
def test_a_list_that_is_not_plain_is_no_price(product: dict[str, Any]) -> None:
    assert tiered_price(product, "GB-Mo") is None


def test_tiers_come_out_of_the_cache_digit_by_digit() -> None:
    book = PriceBook(LocalPriceCache())
    price = TieredPrice((Tier(Decimal(0), Decimal("51200.0"), Decimal("0.0230000000")),), "USD")
    assert book.find_as(S3Prices, "s3", lambda: S3Prices({"a": price})) == S3Prices({"a": price})
    kept = book.find_as(S3Prices, "s3", lambda: pytest.fail("looked up again"))
    assert kept is not None
    assert str(kept.by_usage["a"].tiers[0]) == str(price.tiers[0])


def test_overheads_of_archives_are_billed_where_aws_bills_them() -> None:
    assert STORAGE_TYPES["GlacierObjectOverhead"].usage == STORAGE_TYPES["GlacierStorage"].usage
    assert STORAGE_TYPES["GlacierS3ObjectOverhead"].usage == STORAGE_TYPES["StandardStorage"].usage
    assert STORAGE_TYPES["DeepArchiveObjectOverhead"].usage == STORAGE_TYPES["DeepArchiveStorage"].usage
