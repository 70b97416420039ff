"""What FOCUS calls Azure's charge types. One that is not here has no category: none is guessed."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from telemetry.costs import ChargeCategory

CATEGORIES: Mapping[str, ChargeCategory] = MappingProxyType(
    {
        "usage": ChargeCategory.USAGE,
        # What a commitment costs while nothing uses it.
        "unusedreservation": ChargeCategory.USAGE,
        "unusedsavingsplan": ChargeCategory.USAGE,
        "purchase": ChargeCategory.PURCHASE,
        "tax": ChargeCategory.TAX,
        "credit": ChargeCategory.CREDIT,
        "refund": ChargeCategory.ADJUSTMENT,
        "adjustment": ChargeCategory.ADJUSTMENT,
        "roundingadjustment": ChargeCategory.ADJUSTMENT,
    }
)
"""By charge types in small letters, without blanks."""


def category_of(charge_type: str) -> str:
    """The FOCUS ChargeCategory of a ChargeType, or an empty string."""
    return CATEGORIES.get(charge_type.replace(" ", "").lower(), "")
