"""What FOCUS calls AWS's record types. One that is not here has no category: none is guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from telemetry.costs import ChargeCategory

_SPACES = re.compile(r"[\s_-]+")
# AWS writes one type in several ways: SavingsPlanCoveredUsage, Savings Plan Covered Usage.
CATEGORIES: Mapping[str, ChargeCategory] = MappingProxyType(
    {
        "usage": ChargeCategory.USAGE,
        "discountedusage": ChargeCategory.USAGE,
        "reservationappliedusage": ChargeCategory.USAGE,
        "savingsplancoveredusage": ChargeCategory.USAGE,
        # Takes back what the covered usage would have cost, and so belongs to it.
        "savingsplannegation": ChargeCategory.USAGE,
        "bundleddiscount": ChargeCategory.USAGE,
        "fee": ChargeCategory.PURCHASE,
        "rifee": ChargeCategory.PURCHASE,
        "upfront": ChargeCategory.PURCHASE,
        "upfrontreservationfee": ChargeCategory.PURCHASE,
        "recurring": ChargeCategory.PURCHASE,
        "recurringreservationfee": ChargeCategory.PURCHASE,
        "savingsplanupfrontfee": ChargeCategory.PURCHASE,
        "savingsplanrecurringfee": ChargeCategory.PURCHASE,
        "tax": ChargeCategory.TAX,
        "credit": ChargeCategory.CREDIT,
        "refund": ChargeCategory.ADJUSTMENT,
    }
)


def category_of(record_type: str) -> str:
    """The FOCUS ChargeCategory of a RECORD_TYPE, or an empty string."""
    return CATEGORIES.get(_SPACES.sub("", record_type).lower(), "")
