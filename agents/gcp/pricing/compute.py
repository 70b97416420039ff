"""List prices of Compute Engine: composed of the prices of cores, memory and GPUs."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from agents.core.pricing import Price, price_book
from agents.core.pricing.unknown import Priced, Unknown
from agents.gcp.calls import GcpCalls
from agents.gcp.machines import Shape, shape_of
from agents.gcp.pricing.catalog import Sku, currency_of, skus

COMPUTE_ENGINE = "6F81-5844-456A"
"""Compute Engine's id in the catalogue."""

_FAMILY = re.compile(r"([A-Z]\d[A-Z]?)(?: AMD| Arm)?(?: Predefined)?( Custom)?( Extended)? Instance (Core|Ram)")
_OLD_CUSTOM = re.compile(r"Custom( Extended)? Instance (Core|Ram)")
_NAMED = re.compile(r"(Compute optimized|Memory-optimized)(?: Instance)? (Core|Ram)")
_GPU = re.compile(r"(Nvidia .+) GPU(?: attached to Spot Preemptible VMs)?")
_PLACE = re.compile(r" (?:running )?in .+$")
_SPOT = re.compile(r"^(?:Spot )?Preemptible ")
_NAMED_FAMILIES = MappingProxyType({"Compute optimized": "c2", "Memory-optimized": "m1"})
_WHOLE = MappingProxyType(
    {"Micro Instance with burstable CPU": "f1-micro", "Small Instance with 1 VCPU": "g1-small"},
)
# The catalogue's words for a GPU -> the accelerator type's name.
_GPU_TYPES = MappingProxyType(
    {
        "Nvidia Tesla K80": "nvidia-tesla-k80",
        "Nvidia Tesla P4": "nvidia-tesla-p4",
        "Nvidia Tesla P100": "nvidia-tesla-p100",
        "Nvidia Tesla V100": "nvidia-tesla-v100",
        "Nvidia Tesla T4": "nvidia-tesla-t4",
        "Nvidia Tesla A100": "nvidia-tesla-a100",
        "Nvidia Tesla A100 80GB": "nvidia-a100-80gb",
        "Nvidia L4": "nvidia-l4",
        "Nvidia H100 80GB": "nvidia-h100-80gb",
    }
)
_UNITS = MappingProxyType({"ram": "GiBy.h", "extended": "GiBy.h"})
_USAGE = MappingProxyType({"OnDemand": "", "Preemptible": "spot/"})


@dataclass(frozen=True)
class ComputePrices:
    """The whole list in compact form, which the fleet shares."""

    currency: str
    #: Region -> part (``n2/core``, ``spot/n2-custom/ram``, ``gpu/nvidia-l4``, ``whole/f1-micro``) -> price an hour.
    regions: dict[str, dict[str, Decimal]]


@dataclass(frozen=True)
class Machine:
    """What an instance is priced by."""

    region: str
    machine_type: str
    spot: bool
    #: Accelerator type and number, as the instance has them.
    gpus: tuple[tuple[str, int], ...] = ()
    #: Why the parts above are not all that it costs; empty where they are.
    unpriced: str = ""


class ComputePriceList:
    """The prices that one collection asks for. Each kind of instance without one is counted once in its report."""

    def __init__(self, calls: GcpCalls) -> None:
        self._calls = calls
        self._list: ComputePrices | None = None
        self._is_refused = False
        self._asked: dict[Machine, Priced | None] = {}

    def hourly(self, machine: Machine) -> Priced | None:
        """The price of vCPUs, memory and GPUs an hour, or why it is unknown.

        Discounts for sustained or committed use are the bill's: they depend on the month and on all instances together.
        None where the price list was refused: the report says that, and it may be answered again.
        """
        if machine not in self._asked:
            price = self._compose(machine)
            if not isinstance(price, Price):
                self._calls.context.meter.unknown_price()
            self._asked[machine] = price
        return self._asked[machine]

    def nothing(self) -> Price:
        """The price of an instance that is not running."""
        return Price(Decimal(0), currency_of(self._calls))

    def _compose(self, machine: Machine) -> Priced | None:
        if machine.unpriced:
            return Unknown(machine.unpriced)
        shape = shape_of(machine.machine_type)
        if shape is None:
            return Unknown(f"what {machine.machine_type or 'its machine type'} consists of is not known")
        found = self._prices()
        if self._is_refused:
            return None
        prices = found.regions.get(machine.region, {})
        total = Decimal(0)
        for part, number in _parts(shape, machine).items():
            price = prices.get(part)
            if price is None:
                return Unknown(f"the price list has no single price of {part} in {machine.region}")
            total += price * number
        return Price(total, found.currency)

    def _prices(self) -> ComputePrices:
        """The whole list, asked for once: where it is refused, instances and metrics count all the same."""
        if self._list is None:
            self._list, self._is_refused = ComputePrices(currency_of(self._calls), {}), True
            with self._calls.context.part("list prices"):
                key = f"gcp/compute/{self._list.currency}"
                found = price_book(self._calls.context.shared).find_as(ComputePrices, key, self._read)
                self._list, self._is_refused = found or self._list, False
        return self._list

    def _read(self) -> ComputePrices | None:
        prices = compose_list(currency_of(self._calls), skus(self._calls, COMPUTE_ENGINE))
        return prices if prices.regions else None


def compose_list(currency: str, found: Iterable[Sku]) -> ComputePrices:
    """The parts that machines are priced by; where two SKUs claim one part with different prices, it is unknown."""
    regions: defaultdict[str, dict[str, Decimal]] = defaultdict(dict)
    doubtful: set[tuple[str, str]] = set()
    for sku in found:
        part = part_of(sku)
        if part is None:
            continue
        for region in sku.regions:
            if regions[region].setdefault(part, sku.amount) != sku.amount:
                doubtful.add((region, part))
    for region, part in doubtful:
        del regions[region][part]
    return ComputePrices(currency, dict(regions))


def part_of(sku: Sku) -> str | None:
    """The part that a SKU is the price of, or None where it is none of ours: commitments, sole tenancy, licenses ..."""
    usage = _USAGE.get(sku.usage_type)
    spot = _SPOT.match(sku.description) is not None or "Spot Preemptible" in sku.description
    if usage is None or spot != bool(usage):
        return None
    name = _component(_PLACE.sub("", _SPOT.sub("", sku.description)))
    if name is None or sku.unit != _UNITS.get(name.rpartition("/")[2], "h"):
        return None
    return f"{usage}{name}"


def _component(name: str) -> str | None:
    if name in _WHOLE:
        return f"whole/{_WHOLE[name]}"
    gpu = _GPU.fullmatch(name)
    if gpu:
        return f"gpu/{_GPU_TYPES[gpu[1]]}" if gpu[1] in _GPU_TYPES else None
    named = _NAMED.fullmatch(name)
    if named:
        return f"{_NAMED_FAMILIES[named[1]]}/{named[2].lower()}"
    custom = _OLD_CUSTOM.fullmatch(name)
    if custom:
        return f"n1-custom/{'extended' if custom[1] else custom[2].lower()}"
    family = _FAMILY.fullmatch(name)
    if family:
        kind = f"{family[1].lower()}{'-custom' if family[2] else ''}"
        return f"{kind}/{'extended' if family[3] else family[4].lower()}"
    return None


def _parts(shape: Shape, machine: Machine) -> Mapping[str, Decimal]:
    usage = "spot/" if machine.spot else ""
    if shape.whole:
        parts = {f"{usage}whole/{shape.family}": Decimal(1)}
    else:
        parts = {f"{usage}{shape.family}/core": shape.vcpus, f"{usage}{shape.family}/ram": shape.memory_gib}
    if shape.extended_gib:
        parts[f"{usage}{shape.family}/extended"] = shape.extended_gib
    gpus = machine.gpus or ((shape.gpu,) if shape.gpu is not None else ())
    for kind, number in gpus:
        part = f"{usage}gpu/{kind}"
        parts[part] = parts.get(part, Decimal(0)) + number
    return parts
