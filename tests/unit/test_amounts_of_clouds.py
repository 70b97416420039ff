"""Amounts in the answers of clouds: what is no plain amount is an error in words, or a price that is not known."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.aws import spot
from agents.aws.cost import costs as aws_costs
from agents.aws.pricing import price_list as aws
from agents.azure import costs as azure_costs
from agents.azure.pricing import retail as azure
from agents.core.context import LocalPriceCache
from agents.core.items import Item
from agents.core.pricing import PriceBook
from agents.core.pricing.tiers import tiered_price
from telemetry.errors import CollectionFailed

_TEXTS = ["1_000", "\u0661", "NaN", "1e999999999", "9" * 5000, "", "abc"]


@pytest.mark.parametrize("text", _TEXTS)
def test_an_amount_of_a_bill_is_named(text: str) -> None:
    group = {"Keys": ["EC2"], "Metrics": {"UnblendedCost": {"Unit": "USD", "Amount": text}}}
    read = aws_costs._group(Item(group), [aws_costs.Key("SERVICE")], ("2026-01-01", "2026-01-02", False))
    assert not read.amounts
    assert "an amount of EC2" in read.fault
    assert "an amount in ASCII digits" in read.fault or not text


@pytest.mark.parametrize("text", _TEXTS)
def test_a_spot_price_that_cannot_be_read_is_not_known(text: str) -> None:
    kind = {"InstanceType": "m5.large", "ProductDescription": "Linux/UNIX", "AvailabilityZone": "us-east-1a"}
    item = Item({**kind, "Timestamp": datetime(2026, 1, 1, tzinfo=UTC), "SpotPrice": text})
    assert spot._change(item)[2] is None
    assert item.faults == {"SpotPrice"}


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), 10**5000, True, None, "1"], ids=lambda _: "")
def test_an_amount_of_azure_is_a_number(amount: Any) -> None:
    with pytest.raises(CollectionFailed, match="is no number"):
        azure_costs._money(amount)


@pytest.mark.parametrize("text", _TEXTS)
def test_a_price_that_cannot_be_read_is_not_known(text: str) -> None:
    assert aws._price({"USD": text}) is None
    item = {"unitOfMeasure": "1 Hour", "currencyCode": "USD", "retailPrice": text}
    assert azure._price(item, "USD") is None
    rate = {"unit": "GB-Mo", "beginRange": "0", "endRange": "Inf", "pricePerUnit": {"USD": text}}
    assert tiered_price({"terms": {"OnDemand": {"a": {"priceDimensions": {"b": rate}}}}}, "GB-Mo") is None


@pytest.mark.parametrize(
    "text", ["{", "[" * 100_000, '{"amount": 1}', '{"amount": "x", "currency": "USD"}', '"\\ud800"']
)
def test_a_spoilt_cache_of_prices_is_asked_again(text: str) -> None:
    cache = LocalPriceCache()
    cache.put("key", text, timedelta(hours=1))  # by somebody else
    price = aws._price({"USD": "0.5"})
    assert PriceBook(cache).find("key", lambda: price) == price
