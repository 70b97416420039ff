"""One product of the price list, in AWS's own JSON."""

import json
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from hashlib import sha256

_ON_DEMAND_OFFER = "JRTCKXETXF"
_PUBLISHED = "2026-11-01T00:00:00Z"


@dataclass(frozen=True)
class Tier:
    """A price for the units from `begin` up to `end` (`Inf` for no end)."""

    usd: Decimal
    begin: str = "0"
    end: str = "Inf"


@dataclass(frozen=True)
class Product:
    """What is sold: `attributes` as AWS names them, `unit` such as `Hrs` or `GB-Mo`."""

    service_code: str
    family: str
    attributes: dict[str, str]
    unit: str
    description: str
    tiers: tuple[Tier, ...]

    @cached_property
    def sku(self) -> str:
        """An id that is always the same for the same product."""
        identity = json.dumps([self.service_code, self.family, self.attributes], sort_keys=True)
        return sha256(identity.encode()).hexdigest()[:16].upper()

    @cached_property
    def price_list_item(self) -> str:
        """The JSON string that GetProducts gives for it."""
        term = f"{self.sku}.{_ON_DEMAND_OFFER}"
        dimensions = {}
        for number, tier in enumerate(self.tiers):
            rate = f"{term}.{6 + number}YS6EN2CT7"
            price = f"{tier.usd:.10f}"
            dimensions[rate] = {
                "unit": self.unit,
                "endRange": tier.end,
                "description": f"${tier.usd.normalize():f} per {self.description}",
                "appliesTo": [],
                "rateCode": rate,
                "beginRange": tier.begin,
                "pricePerUnit": {"USD": price},
            }
        on_demand = {
            "priceDimensions": dimensions,
            "sku": self.sku,
            "effectiveDate": _PUBLISHED,
            "offerTermCode": _ON_DEMAND_OFFER,
            "termAttributes": {},
        }
        item = {
            "product": {"productFamily": self.family, "attributes": self.attributes, "sku": self.sku},
            "serviceCode": self.service_code,
            "terms": {"OnDemand": {term: on_demand}},
            "version": "20261101000000",
            "publicationDate": _PUBLISHED,
        }
        return json.dumps(item)
