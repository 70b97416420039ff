"""Sample items: one size of virtual machine is sold in a dozen forms, and only one of them is its price."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from emulators.azure.prices.items import REGIONS, SIZES, Item, Size, make_item

_SPOT, _LOW, _RESERVED = Decimal("0.21"), Decimal("0.20"), {"1 Year": Decimal("0.63"), "3 Years": Decimal("0.43")}
_HOURS = {"1 Year": 8760, "3 Years": 26280}


def sample_prices(regions: Sequence[str] = tuple(REGIONS)) -> Iterator[Item]:
    """A price list of virtual machines in every form they are sold in, and of what else the seeds use."""
    for region in regions:
        for size in SIZES:
            yield from _vm_items(region, size)
        yield from _other_items(region)


def _vm_items(region: str, size: Size) -> Iterator[Item]:
    """Linux, Windows, spot, low priority, dev/test, reservations, and the same size in other products."""
    factor = REGIONS[region][1]
    linux, extra = Decimal(size.linux) * factor, Decimal(size.windows)
    systems = [("", linux)] if extra == 0 else [("", linux), (" Windows", linux + extra)]
    for suffix, price in systems:
        product = f"Virtual Machines {size.series} Series{suffix}"
        yield _vm(region, size, product, "", price, savingsPlan=_plans(price) if not suffix else [])
        yield _vm(region, size, product, " Spot", price * _SPOT)
        yield _vm(region, size, product, " Low Priority", price * _LOW)
        if suffix:
            yield _vm(region, size, product, "", linux, type="DevTestConsumption")
    for term, share in _RESERVED.items():
        # What a whole term costs, though the unit says an hour.
        whole = linux * share * _HOURS[term]
        product = f"Virtual Machines {size.series} Series"
        yield _vm(region, size, product, "", whole, type="Reservation", reservationTerm=term)
    services = f"{size.series} Series Cloud Services"
    yield _vm(region, size, services, "", linux + extra, serviceName="Cloud Services")
    yield _vm(
        region,
        size,
        f"Virtual Machines {size.series} Series",
        " Expired",
        linux * 2,
        skuName=size.sku,
        meterName=size.sku,
        effectiveStartDate="2023-01-01T00:00:00Z",
        effectiveEndDate="2025-03-31T23:59:59Z",
    )


def _vm(region: str, size: Size, product: str, suffix: str, price: Decimal, **more: Any) -> Item:
    name = f"{size.sku}{suffix}"
    told = {"armSkuName": size.name, **more}
    return make_item(
        region,
        service="Virtual Machines",
        family="Compute",
        product=product,
        sku=name,
        meter=name,
        price=price,
        **{key: value for key, value in told.items() if value != []},
    )


def _plans(price: Decimal) -> list[dict[str, Any]]:
    shares = {"1 Year": Decimal("0.73"), "3 Years": Decimal("0.54")}
    return [{"unitPrice": price * s, "retailPrice": price * s, "term": term} for term, s in shares.items()]


def _other_items(region: str) -> Iterator[Item]:
    """Blob storage with its tiers, functions with their free grants, and the clusters' uptime."""
    factor = REGIONS[region][1]
    blob: dict[str, Any] = {"service": "Storage", "family": "Storage", "product": "General Block Blob v2"}
    for sku, tiers in _BLOB.items():
        for least, price in tiers:
            yield make_item(
                region,
                **blob,
                sku=sku,
                meter=f"{sku} Data Stored",
                price=Decimal(price) * factor,
                tierMinimumUnits=least,
                unitOfMeasure="1 GB/Month",
            )
        yield make_item(
            region,
            **blob,
            sku=sku,
            meter=f"{sku} Write Operations",
            price=Decimal("0.065") * factor,
            unitOfMeasure="10K",
        )
    functions: dict[str, Any] = {"service": "Functions", "family": "Compute", "product": "Functions", "sku": "Standard"}
    for least, price in ((0.0, "0"), (400_000.0, "0.000016")):
        yield make_item(
            region,
            **functions,
            meter="Standard Execution Time",
            price=Decimal(price) * factor,
            tierMinimumUnits=least,
            unitOfMeasure="1 GB Second",
        )
    for least, price in ((0.0, "0"), (100_000.0, "0.000002")):
        yield make_item(
            region,
            **functions,
            meter="Standard Total Executions",
            price=Decimal(price) * factor,
            tierMinimumUnits=least,
            unitOfMeasure="10",
        )
    for sku, price in (("Standard", "0.10"), ("Premium", "0.60")):
        yield make_item(
            region,
            service="Azure Kubernetes Service",
            family="Compute",
            product="Azure Kubernetes Service",
            sku=sku,
            meter=f"{sku} Uptime SLA" if sku == "Standard" else f"{sku} Long Term Support",
            price=Decimal(price),
        )


_BLOB = {
    "Hot LRS": ((0.0, "0.0184"), (51_200.0, "0.0177"), (512_000.0, "0.017")),
    "Hot GRS": ((0.0, "0.0368"), (51_200.0, "0.0353"), (512_000.0, "0.0339")),
    "Hot ZRS": ((0.0, "0.023"), (51_200.0, "0.0221"), (512_000.0, "0.0212")),
    "Cool LRS": ((0.0, "0.01"),),
    "Archive LRS": ((0.0, "0.00099"),),
}
