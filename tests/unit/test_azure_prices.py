"""The price of a virtual machine among the dozen that its size has."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from agents.azure.pricing.retail import VmPrices, vm_prices
from agents.core.pricing import Price

_NOW = datetime(2026, 11, 24, tzinfo=UTC)


def _item(price: float = 0.096, **fields: Any) -> dict[str, Any]:
    return {
        "currencyCode": "USD",
        "tierMinimumUnits": 0.0,
        "retailPrice": price,
        "productName": "Virtual Machines Dsv5 Series",
        "skuName": "D2s v5",
        "meterName": "D2s v5",
        "serviceName": "Virtual Machines",
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "effectiveStartDate": "2025-04-01T00:00:00Z",
        **fields,
    }


def _usd(text: str) -> Price:
    return Price(Decimal(text), "USD")


def test_every_form_has_its_own_price() -> None:
    windows = "Virtual Machines Dsv5 Series Windows"
    found = [
        _item(),
        _item(0.188, productName=windows),
        _item(0.02, skuName="D2s v5 Spot", meterName="D2s v5 Spot"),
        _item(0.04, productName=windows, meterName="D2s v5 Spot"),
        _item(0.019, skuName="D2s v5 Low Priority"),
        _item(0.5, productName="Dsv5 Series Cloud Services", serviceName="Cloud Services"),
        _item(0.6, productName="Dsv5 Series CloudServices"),
        _item(500, type="Reservation", reservationTerm="1 Year"),
        _item(0.09, type="DevTestConsumption"),
        _item(0.3, effectiveEndDate="2025-12-31T23:59:59Z"),
        _item(0.4, effectiveStartDate="2027-01-01T00:00:00Z"),
    ]
    prices = vm_prices(iter(found), "USD", _NOW)
    assert prices == VmPrices(_usd("0.096"), _usd("0.188"), _usd("0.02"), _usd("0.04"), _usd("0.019"))
    assert prices.of(windows=True, priority="spot") == _usd("0.04")
    assert prices.of(windows=False, priority="") == _usd("0.096")
    assert prices.of(windows=True, priority="Low") is None
    assert prices.of(windows=False, priority="Unheard") is None


@pytest.mark.parametrize(
    "found",
    [
        [],
        [_item(unitOfMeasure="1/Month")],
        [_item(unitOfMeasure="100 Hours")],
        [_item(currencyCode="EUR")],
        [_item(0)],
        [_item(-1)],
        [_item(retailPrice=None)],
        [_item(tierMinimumUnits=10.0)],
        [_item(0.1), _item(0.2)],
        [_item(0.1), _item(0.1, unitOfMeasure="1/Month")],
        [_item(serviceName="Cloud Services")],
    ],
)
def test_what_is_not_one_price_an_hour_is_unknown(found: list[dict[str, Any]]) -> None:
    assert vm_prices(iter(found), "USD", _NOW) is None


def test_the_same_price_twice_is_one_price() -> None:
    assert vm_prices(iter([_item(), _item(meterId="other")]), "USD", _NOW) == VmPrices(linux=_usd("0.096"))
