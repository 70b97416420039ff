"""The products, and the filters that choose among them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from emulators.aws.pricing.product import Product


class Catalog:
    """The price list. Products may be added and taken out at run time."""

    def __init__(self, products: Iterable[Product] = ()) -> None:
        self._products: defaultdict[str, dict[str, Product]] = defaultdict(dict)
        self.add(products)

    def add(self, products: Iterable[Product]) -> None:
        """List products, each in the place of one with the same attributes."""
        for product in products:
            self._products[product.service_code][product.sku] = product

    def remove(self, service_code: str, **attributes: str) -> int:
        """Take out the products with these attributes; gives how many there were."""
        filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in attributes.items()]
        found = self.find(service_code, filters)
        for product in found:
            del self._products[service_code][product.sku]
        return len(found)

    def service_codes(self) -> list[str]:
        """The services that have products."""
        return sorted(code for code, products in self._products.items() if products)

    def find(self, service_code: str, filters: Sequence[dict[str, Any]]) -> list[Product]:
        """The products that pass every filter, in an order that stays the same."""
        products = self._products.get(service_code, {})
        return [product for product in products.values() if all(_passes(product, one) for one in filters)]

    def values(self, service_code: str, attribute: str) -> list[str]:
        """The values that an attribute takes."""
        products = self._products.get(service_code, {}).values()
        return sorted({p.attributes[attribute] for p in products if attribute in p.attributes})


def _passes(product: Product, condition: dict[str, Any]) -> bool:
    value = product.attributes.get(condition["Field"])
    if condition["Field"] in {"ServiceCode", "servicecode"}:
        value = product.service_code
    elif condition["Field"] == "productFamily":
        value = product.family
    wanted = condition["Value"]
    if value is None:
        return False
    match condition["Type"]:
        case "CONTAINS":
            return wanted in value
        case "ANY_OF":
            return value in wanted.split(",")
        case "NONE_OF":
            return value not in wanted.split(",")
    return bool(value == wanted)
