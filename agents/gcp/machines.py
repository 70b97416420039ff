"""What a machine type consists of, as far as its name tells: Cloud Asset Inventory does not say it otherwise.

The names and sizes are those of Google's documentation of machine families.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

_CUSTOM = re.compile(r"(?:([a-z]\d[a-z]?)-)?custom-(\d+|micro|small|medium)-(\d+)(-ext)?")
_PREDEFINED = re.compile(r"([a-z]\d[a-z]?)-(standard|highmem|highcpu)-(\d+)")

# GiB of memory a vCPU.
_MEMORY: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "n1": {"standard": "3.75", "highmem": "6.5", "highcpu": "0.9"},
        "n2": {"standard": "4", "highmem": "8", "highcpu": "1"},
        "n2d": {"standard": "4", "highmem": "8", "highcpu": "1"},
        "n4": {"standard": "4", "highmem": "8", "highcpu": "2"},
        "e2": {"standard": "4", "highmem": "8", "highcpu": "1"},
        "c2": {"standard": "4"},
        "c2d": {"standard": "4", "highmem": "8", "highcpu": "2"},
        "c3": {"standard": "4", "highmem": "8", "highcpu": "2"},
        "c3d": {"standard": "4", "highmem": "8", "highcpu": "2"},
        "t2d": {"standard": "4"},
        "t2a": {"standard": "4"},
        "g2": {"standard": "4"},
    }
)
# Where a size does not keep to its family's ratio, or its name does not tell it: vCPUs and GiB.
_SIZES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "n2-highmem-128": ("128", "864"),
        # A part of a core, by the time that it may use.
        "e2-micro": ("0.25", "1"),
        "e2-small": ("0.5", "2"),
        "e2-medium": ("1", "4"),
        "a2-highgpu-1g": ("12", "85"),
        "a2-highgpu-2g": ("24", "170"),
        "a2-highgpu-4g": ("48", "340"),
        "a2-highgpu-8g": ("96", "680"),
        "a2-megagpu-16g": ("96", "1360"),
        "m1-ultramem-40": ("40", "961"),
        "m1-ultramem-80": ("80", "1922"),
        "m1-ultramem-160": ("160", "3844"),
    }
)
_GPUS: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        **{f"g2-standard-{size}": ("nvidia-l4", n) for size, n in {4: 1, 8: 1, 12: 1, 16: 1, 24: 2, 32: 1}.items()},
        "g2-standard-48": ("nvidia-l4", 4),
        "g2-standard-96": ("nvidia-l4", 8),
        **{f"a2-highgpu-{n}g": ("nvidia-tesla-a100", n) for n in (1, 2, 4, 8)},
        "a2-megagpu-16g": ("nvidia-tesla-a100", 16),
    }
)
_SHARED = MappingProxyType({"micro": Decimal("0.25"), "small": Decimal("0.5"), "medium": Decimal(1)})
_WHOLE = frozenset({"f1-micro", "g1-small"})
"""These have one price as they are."""
_CUSTOM_FAMILIES = frozenset({"e2", "n1", "n2", "n2d", "n4"})
# GiB a vCPU, past which a custom machine's memory is extended memory.
_EXTENDED_FROM = MappingProxyType({"n1": Decimal("6.5"), "n2": Decimal(8), "n2d": Decimal(8), "n4": Decimal(8)})


@dataclass(frozen=True)
class Shape:
    """What a machine type is billed by."""

    #: Its family as the prices are told apart by it: ``n2``, ``n2-custom``, ``f1-micro``.
    family: str
    vcpus: Decimal
    memory_gib: Decimal
    #: GiB that are billed as extended memory, beside ``memory_gib``.
    extended_gib: Decimal = Decimal(0)
    #: One price for the whole of it.
    whole: bool = False
    #: The GPUs that belong to the type: kind and number.
    gpu: tuple[str, int] | None = None


def shape_of(machine_type: str) -> Shape | None:
    """The shape of ``n2-standard-4``, ``n2-custom-4-8192-ext`` ..., or None where its name does not tell."""
    if machine_type in _WHOLE:
        return Shape(machine_type, Decimal(1), Decimal(0), whole=True)
    custom = _CUSTOM.fullmatch(machine_type)
    if custom:
        return _custom(custom)
    family = machine_type.partition("-")[0]
    size = _SIZES.get(machine_type)
    if size is None:
        predefined = _PREDEFINED.fullmatch(machine_type)
        ratio = _MEMORY.get(family, {}).get(predefined[2]) if predefined else None
        if predefined is None or ratio is None:
            return None
        size = (predefined[3], str(Decimal(predefined[3]) * Decimal(ratio)))
    return Shape(family, Decimal(size[0]), Decimal(size[1]), gpu=_GPUS.get(machine_type))


def _custom(found: re.Match[str]) -> Shape | None:
    family = found[1] or "n1"
    if family not in _CUSTOM_FAMILIES:  # of another one the name may not tell all, such as the GPUs of g2
        return None
    vcpus = _SHARED[found[2]] if found[2] in _SHARED else Decimal(found[2])
    memory = Decimal(found[3]) / 1024
    if not found[4]:
        return Shape(f"{family}-custom", vcpus, memory)
    if family not in _EXTENDED_FROM:
        return None
    usual = min(memory, vcpus * _EXTENDED_FROM[family])
    return Shape(f"{family}-custom", vcpus, usual, memory - usual)
