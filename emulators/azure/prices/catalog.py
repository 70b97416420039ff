"""The price list: its items, and what they cost in a currency."""

import threading
from collections.abc import Iterable
from decimal import Decimal

from emulators.azure.prices.items import Item

_SIX = Decimal("0.000001")


class PriceCatalog:
    """Every item. `rates` are units of a currency for a US dollar; `page_size` may be changed at run time."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        self.page_size = 1000
        self.rates = {
            "USD": Decimal(1),
            "EUR": Decimal("0.9012"),
            "GBP": Decimal("0.7734"),
            "JPY": Decimal("148.25"),
        }
        self._lock = threading.Lock()
        self._items = list(items)

    def add(self, items: Iterable[Item]) -> None:
        """Add items."""
        with self._lock:
            self._items += items

    def remove(self, **fields: str) -> None:
        """Take the items with these values of fields out: `remove(armSkuName="Standard_D2s_v5")`."""
        with self._lock:
            self._items = [
                item for item in self._items if any(item.get(name) != value for name, value in fields.items())
            ]

    def clear(self) -> None:
        """Take every item out."""
        with self._lock:
            self._items = []

    def items(self) -> list[Item]:
        """Every item, with its prices in US dollars."""
        with self._lock:
            return list(self._items)

    def priced(self, item: Item, currency: str, savings: bool) -> Item:
        """An item with its prices in a currency; the savings plans where the API version has them."""
        rate = self.rates[currency]
        told = {name: value for name, value in item.items() if name != "savingsPlan"}
        for name in ("retailPrice", "unitPrice"):
            told[name] = float((item[name] * rate).quantize(_SIX))
        told["currencyCode"] = currency
        if savings and "savingsPlan" in item:
            told["savingsPlan"] = [
                {**plan, **{n: float((plan[n] * rate).quantize(_SIX)) for n in ("retailPrice", "unitPrice")}}
                for plan in item["savingsPlan"]
            ]
        return told
