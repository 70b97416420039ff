"""The regions that have prices, and how each is written in a usage type."""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from emulators.aws.data import load

_PARTS = Decimal("0.0000000001")


class PricedRegion(NamedTuple):
    """`prefix` begins the usage types of older services (none in us-east-1); `code` (`USE1-`) those of newer ones."""

    name: str
    location: str
    prefix: str
    factor: Decimal

    @property
    def code(self) -> str:
        """The prefix that us-east-1 has too."""
        return self.prefix or "USE1-"

    def usd(self, base: str | Decimal) -> Decimal:
        """A price of us-east-1 in this region."""
        return (Decimal(base) * self.factor).quantize(_PARTS)

    def attributes(self, service_code: str, usage_type: str, operation: str, **more: str) -> dict[str, str]:
        """What every product says, and `more`."""
        return {
            "regionCode": self.name,
            "location": self.location,
            "locationType": "AWS Region",
            "servicecode": service_code,
            "usagetype": usage_type,
            "operation": operation,
            **more,
        }


def priced_regions() -> Iterator[PricedRegion]:
    """Every region of the sample data."""
    for name, place in load("ec2_prices.json")["regions"].items():
        yield PricedRegion(name, place["location"], place["usage_prefix"], Decimal(place["factor"]))
