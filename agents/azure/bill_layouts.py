"""What the columns of Azure's exports are in a line of costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from agents.azure.cost_types import CATEGORIES
from agents.azure.costs import ACTUAL, AMORTIZED
from agents.core.bills.bill_layouts import BillLayout
from agents.core.bills.focus import focus_begun, focus_layout, is_focus
from agents.core.bills.layouts import NOTHING, Columns, Layout, LayoutFor, quoted
from telemetry.errors import CollectionFailed


def layout_of(kind: str) -> LayoutFor:
    """The layout of a type of exports."""
    if kind == "FocusCost":
        return focus
    return lambda columns: _usage(columns, kind)


def focus(columns: Columns) -> Layout:
    """FOCUS, as Azure writes it, from 1.0 to 1.2.

    Ids of resources have whatever case they were written in: they are the same in any. Where Azure knows no list price,
    ListCost and ContractedCost are 0 beside a cost that is not: that is unknown, and not zero.
    """
    made = focus_layout(columns)
    fields = {**made.fields, "resource_id": _lower(made.fields.get("resource_id", NOTHING))}
    cost = f"coalesce({made.numbers.get('effective_cost', NOTHING)}, {made.numbers.get('billed_cost', NOTHING)})"
    unknown = {
        name: _unless_zero(made.numbers[name], cost)
        for name in ("list_cost", "contracted_cost")
        if name in made.numbers
    }
    return replace(made, fields=fields, numbers={**made.numbers, **unknown})


def _usage(columns: Columns, kind: str) -> Layout:
    """ActualCost and AmortizedCost, of an enterprise agreement and of a customer agreement."""
    cost = columns.text("CostInBillingCurrency", "PreTaxCost", "Cost")
    date, currency = (
        columns.text("Date", "UsageDateTime"),
        columns.text("BillingCurrencyCode", "BillingCurrency", "Currency"),
    )
    for name, found in (("CostInBillingCurrency", cost), ("Date", date), ("BillingCurrency", currency)):
        if found == NOTHING:
            raise CollectionFailed(f"an export of {kind} has no column {name}; it has {', '.join(columns.names)[:500]}")
    charge_type = columns.text("ChargeType")
    numbers = {
        "billed_cost" if kind == ACTUAL else "effective_cost": cost,
        "quantity": columns.text("Quantity", "UsageQuantity"),
    }
    return Layout(
        start=date,
        currency=f"upper({currency})",
        fields={
            "charge_type": charge_type,
            "charge_category": _category(charge_type),
            "charge_description": columns.text("ProductName", "Product"),
            "service_name": columns.text("MeterCategory"),
            "service_category": columns.text("ServiceFamily"),
            "sub_account_id": columns.text("SubscriptionId", "SubscriptionGuid"),
            "sub_account_name": columns.text("SubscriptionName"),
            "region_id": columns.text("ResourceLocation", "Location", "MeterRegion"),
            "availability_zone": columns.text("AvailabilityZone"),
            "resource_id": _lower(columns.text("ResourceId", "InstanceId", "InstanceName")),
            "sku_id": columns.text("MeterId"),
            "unit": columns.text("UnitOfMeasure"),
            "invoice_id": columns.text("InvoiceId"),
            "pricing_category": columns.text("PricingModel"),
            "commitment_discount_id": columns.text("BenefitId", "ReservationId"),
        },
        numbers=numbers,
        amounts={kind: cost},
        tags=columns.text("Tags"),
        details={name: found for name, others in _DETAILS.items() if (found := columns.text(name, *others)) != NOTHING},
    )


def _is_usage(columns: Columns) -> bool:
    cost = ("CostInBillingCurrency", "PreTaxCost", "Cost")
    return any(name in columns for name in cost) and ("Date" in columns or "UsageDateTime" in columns)


def _begun(columns: Columns) -> str:
    return columns.text("BillingPeriodStartDate")


_DETAILS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "BenefitName": (),
        "BillingAccountId": (),
        "BillingProfileId": (),
        "ConsumedService": (),
        "CostCenter": (),
        "ExchangeRatePricingToBilling": (),
        "Frequency": (),
        "InvoiceSectionName": (),
        "MeterName": (),
        "MeterSubCategory": (),
        "PartNumber": (),
        "PricingCurrency": ("PricingCurrencyCode",),
        "PublisherName": (),
        "PublisherType": (),
        "ReservationName": (),
        "ResourceGroup": ("ResourceGroupName",),
        "Term": (),
    }
)
"""What else is kept, with other names of it."""


def _lower(expression: str) -> str:
    return NOTHING if expression == NOTHING else f"lower({expression})"


def _unless_zero(amount: str, cost: str) -> str:
    zero, charged = f"TRY_CAST({amount} AS DOUBLE) = 0", f"TRY_CAST({cost} AS DOUBLE) <> 0"
    return f"CASE WHEN {zero} AND {charged} THEN NULL ELSE {amount} END"


def _category(charge_type: str) -> str:
    if charge_type == NOTHING:
        return NOTHING
    known = " ".join(f"WHEN {quoted(one)} THEN {quoted(category)}" for one, category in CATEGORIES.items())
    return f"CASE lower(replace({charge_type}, ' ', '')) {known} END"


LAYOUTS = (
    BillLayout("focus", "FOCUS", is_focus, focus, focus_begun, kinds=("FocusCost",)),
    BillLayout("actual", "actual cost", _is_usage, layout_of(ACTUAL), _begun, kinds=(ACTUAL,)),
    BillLayout("amortized", "amortized cost", _is_usage, layout_of(AMORTIZED), _begun, kinds=(AMORTIZED,)),
)
"""Of files that a person brings. Actual and amortized costs have the same columns: only a manifest tells them apart."""
