"""Lines of a bill, in the terms of FOCUS 1.2, whatever the provider."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

WHOLE = ""
"""The breakdown whose lines are the bill, each charge once."""
INVOICED = "invoice"
"""The breakdown of what a provider's invoices come to: a line each, with its number, and ``Tax`` among its amounts."""


class ChargeCategory(StrEnum):
    """FOCUS ChargeCategory."""

    USAGE = "Usage"
    PURCHASE = "Purchase"
    TAX = "Tax"
    CREDIT = "Credit"
    ADJUSTMENT = "Adjustment"


class CostLine(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What was charged for one period, for one combination of what the lines of its breakdown are told apart by.

    Amounts are sums of the period in ``currency``; the one that a line does not tell is None, never zero. Each column
    of amounts can be summed by itself over the lines of one breakdown and one currency, and over nothing else.
    """

    #: Empty for the lines that are the bill, each charge once. Any other name is the same money cut another way
    #: (``region``, ``tag:team`` ...), which must never be added to the first.
    breakdown: str = WHOLE
    #: FOCUS ChargePeriodStart and ChargePeriodEnd, half-open, inside the window.
    start: datetime
    end: datetime
    #: FOCUS BillingCurrency, ISO 4217.
    currency: str
    #: FOCUS BilledCost: what is invoiced for the period.
    billed_cost: Decimal | None = None
    #: FOCUS EffectiveCost: with purchases spread over what they are for.
    effective_cost: Decimal | None = None
    list_cost: Decimal | None = None
    contracted_cost: Decimal | None = None
    #: Further amounts that the provider tells apart, by its own names: ``NetUnblendedCost`` ...
    amounts: dict[str, Decimal] = {}
    #: A :class:`ChargeCategory`; empty where the breakdown does not tell.
    charge_category: str = ""
    #: FOCUS ChargeClass: ``Correction``, or empty.
    charge_class: str = ""
    #: The provider's own word for the kind of charge: a record type, a charge type, a cost type.
    charge_type: str = ""
    charge_description: str = ""
    service_name: str = ""
    sub_account_id: str = ""
    sub_account_name: str = ""
    region_id: str = ""
    #: The provider's own full id.
    resource_id: str = ""
    sku_id: str = ""
    #: FOCUS ConsumedQuantity and ConsumedUnit.
    quantity: Decimal | None = None
    unit: str = ""
    tags: dict[str, str] = {}
    #: Whether the provider still calls the amounts an estimate; None where it does not say.
    estimated: bool | None = None
    #: FOCUS BillingPeriodStart and BillingPeriodEnd, half-open: of the invoice that the charge is on, which need not be
    #: that of the time of its use. Both None where the provider does not say.
    billing_period_start: datetime | None = None
    billing_period_end: datetime | None = None
    # With defaults at the end, as all that follows: messages of an older release lack it.
    #: How many lines of the provider's own this one is the sum of.
    lines: int = 1
    #: FOCUS ServiceCategory, AvailabilityZone, InvoiceId and PricingCategory.
    service_category: str = ""
    availability_zone: str = ""
    invoice_id: str = ""
    pricing_category: str = ""
    #: FOCUS PricingQuantity and PricingUnit.
    pricing_quantity: Decimal | None = None
    pricing_unit: str = ""
    #: FOCUS SkuPriceId.
    sku_price_id: str = ""
    #: FOCUS CommitmentDiscountId, CommitmentDiscountStatus and CommitmentDiscountType.
    commitment_discount_id: str = ""
    commitment_discount_status: str = ""
    commitment_discount_type: str = ""
    #: What else was told: columns of FOCUS that have no field here, and the provider's own (``x_...``), by their names.
    details: dict[str, str] = {}


BILLED_PROVIDER = "x_finfleet_provider"
"""In the details of a line that another provider's bill may tell, too: that provider, by its name in finfleet."""


def _of_type(kind: object) -> tuple[str, ...]:
    return tuple(field.name for field in msgspec.structs.fields(CostLine) if field.type == kind)


# What else knows the columns of a line is made from it: the checks and the wire by these names, the table and COPY by
# storage/cost_columns.py. A test walks through all of them.
TEXTS = _of_type(str)
NUMBERS = _of_type(Decimal | None)
QUANTITIES = ("quantity", "pricing_quantity")
COSTS = tuple(name for name in NUMBERS if name not in QUANTITIES)
"""Of which a line has one at the least, or one of ``amounts``."""
