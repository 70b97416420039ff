"""Compute Engine's SKUs: what prices a machine, and the many that look alike and do not."""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from emulators.gcp.billing.catalog import Sku
from emulators.gcp.billing.places import PLACES

COMPUTE = "6F81-5844-456A"
SPOT_SHARE = Decimal("0.3")
_CENT_OF_MICRO = Decimal("0.000000001")


class Rates(NamedTuple):
    """USD per vCPU hour and per GiB hour in the Americas, and the words in front of `Core` and `Ram`."""

    core: Decimal
    memory: Decimal
    words: str
    custom_words: str | None
    """None where custom machines of the family have no SKUs of their own."""


# Machine family -> its rates.
FAMILIES: dict[str, Rates] = {
    "e2": Rates(Decimal("0.02181159"), Decimal("0.00292353"), "E2 Instance", None),
    "n1": Rates(Decimal("0.031611"), Decimal("0.004237"), "N1 Predefined Instance", "Custom Instance"),
    "n2": Rates(Decimal("0.031611"), Decimal("0.004237"), "N2 Instance", "N2 Custom Instance"),
    "n2d": Rates(Decimal("0.027502"), Decimal("0.003686"), "N2D AMD Instance", "N2D AMD Custom Instance"),
    "c2": Rates(Decimal("0.03398"), Decimal("0.00455"), "Compute optimized", None),
    "c3": Rates(Decimal("0.03398"), Decimal("0.00456"), "C3 Instance", None),
    "c4": Rates(Decimal("0.03465"), Decimal("0.003938"), "C4 Instance", None),
    "n4": Rates(Decimal("0.0303"), Decimal("0.00344"), "N4 Instance", "N4 Custom Instance"),
    "t2d": Rates(Decimal("0.027502"), Decimal("0.003686"), "T2D AMD Instance", None),
    "m1": Rates(Decimal("0.0348"), Decimal("0.0051"), "Memory-optimized Instance", None),
    "a2": Rates(Decimal("0.031611"), Decimal("0.004237"), "A2 Instance", None),
    "a3": Rates(Decimal("0.02932"), Decimal("0.00255"), "A3 Instance", None),
    "g2": Rates(Decimal("0.024988"), Decimal("0.002927"), "G2 Instance", None),
}
_CUSTOM_FACTOR = Decimal("1.05")

# Accelerator type -> (words in the description, USD per hour in the Americas).
GPUS: dict[str, tuple[str, Decimal]] = {
    "nvidia-tesla-t4": ("Nvidia Tesla T4 GPU", Decimal("0.35")),
    "nvidia-tesla-v100": ("Nvidia Tesla V100 GPU", Decimal("2.48")),
    "nvidia-tesla-p100": ("Nvidia Tesla P100 GPU", Decimal("1.46")),
    "nvidia-l4": ("Nvidia L4 GPU", Decimal("0.560004")),
    "nvidia-tesla-a100": ("Nvidia Tesla A100 GPU", Decimal("2.933908")),
    "nvidia-a100-80gb": ("Nvidia Tesla A100 80GB GPU", Decimal("3.92781")),
    "nvidia-h100-80gb": ("Nvidia H100 80GB GPU", Decimal("9.796552")),
}


def compute_skus() -> Iterator[Sku]:
    """Every SKU of Compute Engine."""
    for place in PLACES:
        for rates in FAMILIES.values():
            yield from _machines(rates, place)
        yield from _gpus(place)
        yield from _shared_core(place)
        yield _sku(f"Storage PD Capacity in {place}", "Storage", "PDStandard", "OnDemand", place, "GiBy.mo", "0.04")
        yield _sku(
            f"Network Internet Egress from {place}", "Network", "GoogleEgress", "OnDemand", place, "GiBy", "0.12"
        )
    yield from _licences()


def rate(amount: Decimal, place: str) -> Decimal:
    """A rate of the Americas as it is at a place, to the nano that the catalogue can say."""
    return (amount * PLACES[place][1]).quantize(_CENT_OF_MICRO)


def custom_rate(amount: Decimal) -> Decimal:
    """What a custom machine's core or memory costs in the Americas."""
    return (amount * _CUSTOM_FACTOR).quantize(_CENT_OF_MICRO)


def _machines(rates: Rates, place: str) -> Iterator[Sku]:
    kinds = [(rates.words, rates.core, rates.memory)]
    if rates.custom_words is not None:
        kinds.append((rates.custom_words, custom_rate(rates.core), custom_rate(rates.memory)))
    for words, core, memory in kinds:
        yield from _on_demand_and_spot(words, core, memory, place)
    name = rates.words.removesuffix(" Instance").removesuffix(" Predefined")
    for part, amount, unit in (("Core", rates.core, "h"), ("Ram", rates.memory, "GiBy.h")):
        group = _group(rates.words, part)
        sole = f"{name} Sole Tenancy Instance {part} running in {place}"
        yield _sku(sole, "Compute", group, "OnDemand", place, unit, amount)
        reserved = f"DWS Defined Duration {name} Instance {part} running in {place}"
        yield _sku(reserved, "Compute", group, "OnDemand", place, unit, amount * Decimal("0.6"))
        what = "Cpu" if part == "Core" else "Ram"
        for usage, years, share in (("Commit1Yr", "1 Year", "0.63"), ("Commit3Yr", "3 Years", "0.45")):
            commitment = f"Commitment v1: {name} {what} in {place} for {years}"
            yield _sku(commitment, "Compute", group, usage, place, unit, amount * Decimal(share))
    if rates.custom_words is not None:
        extended = f"{rates.custom_words.removesuffix(' Instance')} Extended Instance Ram running in {place}"
        yield _sku(extended, "Compute", "RAM", "OnDemand", place, "GiBy.h", rates.memory * Decimal("2.26"))


def _on_demand_and_spot(words: str, core: Decimal, memory: Decimal, place: str) -> Iterator[Sku]:
    for part, amount, unit in (("Core", core, "h"), ("Ram", memory, "GiBy.h")):
        group = _group(words, part)
        yield _sku(f"{words} {part} running in {place}", "Compute", group, "OnDemand", place, unit, amount)
        spot = f"Spot Preemptible {words} {part} running in {place}"
        yield _sku(spot, "Compute", group, "Preemptible", place, unit, amount * SPOT_SHARE)


def _gpus(place: str) -> Iterator[Sku]:
    for words, amount in GPUS.values():
        yield _sku(f"{words} running in {place}", "Compute", "GPU", "OnDemand", place, "h", amount)
        spot = f"{words} attached to Spot Preemptible VMs running in {place}"
        yield _sku(spot, "Compute", "GPU", "Preemptible", place, "h", amount * SPOT_SHARE)
        commitment = f"Commitment v1: {words} running in {place} for 1 Year"
        yield _sku(commitment, "Compute", "GPU", "Commit1Yr", place, "h", amount * Decimal("0.63"))


def _shared_core(place: str) -> Iterator[Sku]:
    micro = f"Micro Instance with burstable CPU running in {place}"
    yield _sku(micro, "Compute", "F1Micro", "OnDemand", place, "h", "0.0076")
    small = f"Small Instance with 1 VCPU running in {place}"
    yield _sku(small, "Compute", "G1Small", "OnDemand", place, "h", "0.0257")


def _licences() -> Iterator[Sku]:
    for edition in ("2019", "2022"):
        for part, amount in (("CPU cost", "0.046"), ("RAM cost", "0"), ("GPU cost", "0")):
            description = f"Licensing Fee for Windows Server {edition} Datacenter Edition ({part})"
            yield _sku(description, "License", "Google", "OnDemand", None, "h", amount)
    yield _sku(
        "Licensing Fee for RedHat Enterprise Linux 8 on VM with 1 to 4 VCPU",
        "License", "Google", "OnDemand", None, "h", "0.06",
    )  # fmt: skip


def _group(words: str, part: str) -> str:
    if words == "N1 Predefined Instance":
        return "N1Standard"
    return "CPU" if part == "Core" else "RAM"


def _sku(  # noqa: PLR0917  # one line a SKU reads as a price list
    description: str, family: str, group: str, usage: str, place: str | None, unit: str, amount: Decimal | str
) -> Sku:
    regions = PLACES[place][0] if place else ()
    price = rate(Decimal(amount), place) if place else Decimal(amount)
    return Sku(COMPUTE, description, family, group, usage, regions, unit, ((0.0, price),))
