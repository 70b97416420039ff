"""One item of the price list, and the regions and sizes that there are items of."""

import uuid
from decimal import Decimal
from typing import Any, NamedTuple

Item = dict[str, Any]
_NAMES = uuid.UUID("7a0b7c52-9b0f-4d9c-8a3e-0b8a4ad3d1f5")

#: Region -> (name for people, factor of its prices).
REGIONS: dict[str, tuple[str, Decimal]] = {
    "eastus": ("US East", Decimal("1.00")),
    "eastus2": ("US East 2", Decimal("1.00")),
    "westus2": ("US West 2", Decimal("1.00")),
    "westeurope": ("EU West", Decimal("1.15")),
    "northeurope": ("EU North", Decimal("1.08")),
    "germanywestcentral": ("DE West Central", Decimal("1.19")),
    "uksouth": ("UK South", Decimal("1.12")),
    "southeastasia": ("AP Southeast", Decimal("1.21")),
}


class Size(NamedTuple):
    """A size of virtual machine: US dollars an hour for Linux in eastus, and what Windows adds."""

    name: str
    series: str
    linux: str
    windows: str

    @property
    def sku(self) -> str:
        """As in the price list: `D2s v5`."""
        return self.name.removeprefix("Standard_").replace("_", " ")


SIZES = (
    Size("Standard_B2ms", "BS", "0.0832", "0.0080"),
    Size("Standard_D2s_v3", "DSv3", "0.096", "0.092"),
    Size("Standard_D2s_v5", "Dsv5", "0.096", "0.092"),
    Size("Standard_D4s_v5", "Dsv5", "0.192", "0.184"),
    Size("Standard_D8s_v5", "Dsv5", "0.384", "0.368"),
    Size("Standard_E4s_v5", "Esv5", "0.252", "0.184"),
    Size("Standard_F8s_v2", "FSv2", "0.338", "0.368"),
    Size("Standard_D4ps_v5", "Dpsv5", "0.154", "0"),
    Size("Standard_NC24ads_A100_v4", "NCads A100 v4", "3.673", "1.104"),
    Size("Standard_ND96asr_v4", "NDasrA100v4", "27.197", "4.416"),
)
UNPRICED_SIZES = frozenset({"Standard_D2als_v6"})
"""Sizes that virtual machines are seeded with, and that the price list does not have."""


def make_item(
    region: str, *, service: str, family: str, product: str, sku: str, meter: str, price: Decimal, **more: Any
) -> Item:
    """One item; `more` overrides any field."""
    told = "/".join([region, product, sku, meter, *(str(more.get(name)) for name in ("type", "reservationTerm"))])
    location = REGIONS[region][0] if region in REGIONS else region
    return {
        "currencyCode": "USD",
        "tierMinimumUnits": 0.0,
        "retailPrice": price,
        "unitPrice": price,
        "armRegionName": region,
        "location": location,
        "effectiveStartDate": "2025-04-01T00:00:00Z",
        "meterId": str(uuid.uuid5(_NAMES, told)),
        "meterName": meter,
        "productId": f"DZH{uuid.uuid5(_NAMES, product).hex[:9].upper()}",
        "skuId": f"DZH{uuid.uuid5(_NAMES, product).hex[:9].upper()}/{uuid.uuid5(_NAMES, sku).hex[:4].upper()}",
        "productName": product,
        "skuName": sku,
        "serviceName": service,
        "serviceId": f"DZH{uuid.uuid5(_NAMES, service).hex[:9].upper()}",
        "serviceFamily": family,
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "isPrimaryMeterRegion": True,
        "armSkuName": "",
        **more,
    }
