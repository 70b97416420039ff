"""The layout of FOCUS, from 1.0 to 1.4, whoever writes it."""

from __future__ import annotations

from dataclasses import replace

from agents.core.bills.bill_layouts import BillLayout, within
from agents.core.bills.layouts import NOTHING, Columns, Layout, quoted
from agents.core.provider import providers
from telemetry.costs import BILLED_PROVIDER
from telemetry.errors import CollectionFailed
from telemetry.target import Window

_FIELDS = {
    "charge_category": ("ChargeCategory",),
    "charge_class": ("ChargeClass",),
    "charge_description": ("ChargeDescription",),
    "service_name": ("ServiceName",),
    "service_category": ("ServiceCategory",),
    "sub_account_id": ("SubAccountId",),
    "sub_account_name": ("SubAccountName",),
    # 1.0-preview had Region.
    "region_id": ("RegionId", "Region"),
    "availability_zone": ("AvailabilityZone",),
    "resource_id": ("ResourceId",),
    "sku_id": ("SkuId",),
    "sku_price_id": ("SkuPriceId",),
    "invoice_id": ("InvoiceId",),
    "pricing_category": ("PricingCategory",),
    "pricing_unit": ("PricingUnit",),
    "unit": ("ConsumedUnit", "UsageUnit"),
    "commitment_discount_id": ("CommitmentDiscountId",),
    "commitment_discount_status": ("CommitmentDiscountStatus",),
    "commitment_discount_type": ("CommitmentDiscountType",),
}
_NUMBERS = {
    "billed_cost": ("BilledCost",),
    # 1.0-preview had AmortizedCost.
    "effective_cost": ("EffectiveCost", "AmortizedCost"),
    "list_cost": ("ListCost",),
    "contracted_cost": ("ContractedCost",),
    "quantity": ("ConsumedQuantity", "UsageQuantity"),
    "pricing_quantity": ("PricingQuantity",),
}
_NEEDED = ("BillingCurrency", "BilledCost", "ChargePeriodStart")
#: Names of older versions, by the newest one, for what CostLine has no field of.
_DETAILS = {
    "ServiceProviderName": ("ServiceProviderName", "ProviderName", "Provider"),
    "HostProviderName": ("HostProviderName", "PublisherName", "Publisher"),
    "InvoiceIssuerName": ("InvoiceIssuerName", "InvoiceIssuer"),
}
_PERIODS = frozenset({"billingperiodstart", "billingperiodend"})
"""The window's."""
_EACH_ITS_OWN = frozenset({
    "x_lineitemid", "x_identitylineitemid", "x_chargeid", "x_invoicelineitemid", "x_exporttime", "x_ingestiontime",
    "x_sourcename", "x_sourceversion", "x_billedunitprice", "x_effectiveunitprice", "oci_referencenumber",
    "oci_backreferencenumber", "x_updatedat",
})  # fmt: skip
"""What differs from line to line, or follows from other columns, and tells nothing of the charge: with it nothing would
be folded."""
_LEFT_OUT = _EACH_ITS_OWN | _PERIODS
_SUMMED = ("cost", "costinusd", "quantity", "oci_costoverage", "oci_billedquantityoverage", "oci_attributedusage")
"""Ends of the names of what is summed. A price or a rate is not: it tells lines apart."""


def focus_layout(columns: Columns) -> Layout:
    """For the columns of a FOCUS table. Old names, and names in another case, are taken for the new ones.

    What FOCUS has and CostLine has not, and what begins with ``x_``, is kept: numbers of costs in ``amounts``, text in
    ``details``. CollectionFailed where the columns are not those of FOCUS.
    """
    if missing := [name for name in _NEEDED if name not in columns]:
        there = ", ".join(columns.names[:10])
        raise CollectionFailed(f"the file has no column {', '.join(missing)}, so it is not FOCUS; it has {there} ...")
    fields = {name: _told(columns, *names) for name, names in _FIELDS.items()}
    fields["resource_id"] = _resource(fields["resource_id"])
    fields["sub_account_id"] = _subscription(fields["sub_account_id"])
    details = {name: _told(columns, *names) for name, names in _DETAILS.items()}
    layout = Layout(
        start=_told(columns, "ChargePeriodStart"),
        end=_told(columns, "ChargePeriodEnd"),
        currency=_told(columns, "BillingCurrency"),
        fields=fields,
        numbers={name: _told(columns, *names) for name, names in _NUMBERS.items()},
        tags=_told(columns, "Tags"),
    )
    further = [name for name in columns.unused() if name.lower() not in _LEFT_OUT]
    summed = {name: _told(columns, name) for name in further if name.lower().endswith(_SUMMED)}
    # Whoever adds a column names it as they like: x_IsCost is true or false, and a cost may be "n/a".
    amounts = {name: f"CASE WHEN {_is_amount(text)} THEN {text} END" for name, text in summed.items()}
    details |= {name: f"CASE WHEN NOT {_is_amount(text)} THEN {text} END" for name, text in summed.items()}
    details |= {name: _told(columns, name) for name in further if name not in summed}
    return replace(layout, amounts=amounts, details=details)


def of_providers(layout: Layout) -> Layout:
    """The same, and of each line which of the installed providers it is a charge of, by the name that FOCUS has for it.

    For a bill that is not read as that provider's own: the provider's may tell of the same.
    """
    told = layout.details["ServiceProviderName"]
    if told == NOTHING:
        return layout
    known = {name.lower(): one.name for one in providers().values() for name in getattr(one, "bills_as", ())}
    names = " ".join(f"WHEN {quoted(text)} THEN {quoted(name)}" for text, name in sorted(known.items()))
    found = f"CASE lower(trim({told})) {names} END"
    return replace(layout, details={**layout.details, BILLED_PROVIDER: found}) if names else layout


def in_period(layout: Layout, columns: Columns, window: Window) -> Layout:
    """The lines alone whose BillingPeriodStart is in ``window``: where one file has several billing periods.

    A line that tells none is of the period of its charge.
    """
    return within(layout, focus_begun(columns), window)


def focus_begun(columns: Columns) -> str:
    """The text of when the billing period of a row begins."""
    return _told(columns, "BillingPeriodStart")


def is_focus(columns: Columns) -> bool:
    """Whether a file with these columns is in FOCUS."""
    return all(name in columns for name in _NEEDED)


def _resource(found: str) -> str:
    """Azure writes the same id in several cases."""
    if found == NOTHING:
        return found
    return f"CASE WHEN lower({found}) LIKE '/subscriptions/%' THEN lower({found}) ELSE {found} END"


def _subscription(found: str) -> str:
    """Azure's FOCUS writes ``/subscriptions/<id>``, and all else of Azure the id alone: it is one account."""
    if found == NOTHING:
        return found
    return f"CASE WHEN lower({found}) LIKE '/subscriptions/%' THEN split_part(lower({found}), '/', 3) ELSE {found} END"


def _is_amount(text: str) -> str:
    """Whether it is a number of a length that is taken. Most are found to be by the cast, which is quick."""
    plain = f"TRY_CAST({text} AS DECIMAL(38, 18)) IS NOT NULL AND NOT contains({text}, '_')"
    number = f"regexp_full_match({text}, '[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{{1,2}})?')"
    return f"(length({text}) <= 100 AND ({plain} OR {number}))"


def _told(columns: Columns, *names: str) -> str:
    """Text of the first of these that is told. A file of text has no null: some write the word, or a mark of theirs."""
    found = columns.text(*names)
    return NOTHING if found == NOTHING else f"nullif(nullif(nullif({found}, 'NULL'), 'null'), '\\N')"


def _brought(columns: Columns) -> Layout:
    return of_providers(focus_layout(columns))


FOCUS = BillLayout("focus", "FOCUS 1.0 to 1.4", is_focus, _brought, focus_begun)
"""As anybody writes it, with whose charges they are."""
