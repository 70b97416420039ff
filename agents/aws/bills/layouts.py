"""What the columns of AWS's bills are in a CostLine: of FOCUS as anywhere, of Cost and Usage Reports as here.

BilledCost is the unblended cost, each line's own, so that the lines add up to the bill to the last digit. EffectiveCost
is the amortized one: what is covered by a commitment costs its share of it, and the fee costs what of it was not used.
Sums of two columns are made after the folding, from exact sums (agents.aws.bills.lines): SQL's own would round.
"""

from __future__ import annotations

from agents.aws.bills import lines
from agents.aws.bills.columns import CurColumns, by_type, first
from agents.aws.cost.types import CATEGORIES
from agents.core.bills.focus import focus_layout
from agents.core.bills.layouts import NOTHING, Columns, Layout, quoted
from telemetry.errors import CollectionFailed

_COVERED = ("DiscountedUsage", "SavingsPlanCoveredUsage")
_USAGE = ("Usage", *_COVERED)
_PLANS = ("SavingsPlanNegation", "SavingsPlanUpfrontFee")
"""Cost nothing where costs are amortized: what they pay for costs its share."""
_DETAILS = {
    "ProductCode": "line_item_product_code",
    "UsageType": "line_item_usage_type",
    "Operation": "line_item_operation",
    "BillingEntity": "bill_billing_entity",
    "BillType": "bill_bill_type",
    "PayerAccountId": "bill_payer_account_id",
    "LegalEntity": "line_item_legal_entity",
    "TaxType": "line_item_tax_type",
    "ProductFamily": "product_product_family",
    "InstanceType": "product_instance_type",
    "CostCategory": "cost_category",
    lines.PARENT: "split_line_item_parent_resource_id",
}


def layout_of(columns: Columns) -> Layout:
    """For the columns of an export; CollectionFailed where they are those of no bill."""
    cur = CurColumns(columns)
    if "line_item_unblended_cost" in cur:
        return _cur_layout(cur)
    if "recommendation_id" in cur:
        raise CollectionFailed("these are recommendations, and no bill: take the export out of aws.bill_exports")
    if any(name.lower() == "billedcost" for name in columns.names):
        return focus_layout(columns)
    raise CollectionFailed(
        f"neither line_item_unblended_cost (CUR) nor BilledCost (FOCUS) is among the {len(columns.names)} columns "
        f"({', '.join(columns.names[:10])} ...): select it in the export's query"
    )


def _cur_layout(cur: CurColumns) -> Layout:
    for name in ("line_item_line_item_type", "line_item_usage_start_date", "line_item_currency_code"):
        if name not in cur:
            raise CollectionFailed(f"the column {name} is not in the export: select it in the export's query")
    kind, billed, parent = (
        cur.text(name)
        for name in ("line_item_line_item_type", "line_item_unblended_cost", "split_line_item_parent_resource_id")
    )
    split = _split(cur, billed, parent)
    net = cur.text("line_item_net_unblended_cost")
    list_cost = by_type(kind, {_USAGE: cur.text("pricing_public_on_demand_cost")}, NOTHING)
    return Layout(
        start=cur.text("line_item_usage_start_date", "bill_billing_period_start_date"),
        end=cur.text("line_item_usage_end_date", "bill_billing_period_end_date"),
        currency=cur.text("line_item_currency_code"),
        fields={**_fields(cur, kind), "breakdown": f"CASE WHEN {split} THEN {quoted(lines.SPLIT)} ELSE '' END"},
        numbers={
            "billed_cost": f"CASE WHEN NOT ({split}) THEN {billed} END",
            "effective_cost": f"CASE WHEN NOT ({split}) THEN {_effective(cur, kind, billed)} END",
            "list_cost": f"CASE WHEN NOT ({split}) THEN {list_cost} END",
            "quantity": f"CASE WHEN {split} THEN {cur.text('split_line_item_split_usage')} "
            f"ELSE {by_type(kind, {_USAGE: cur.text('line_item_usage_amount')}, NOTHING)} END",
        },
        amounts={
            "NetUnblendedCost": net,
            "NetAmortizedCost": _net_effective(cur, kind, net),
            **{name: by_type(kind, {(of,): cur.text(column)}, NOTHING) for name, of, column in lines.FEES},
            **{name: cur.text(column) for name, column in lines.SPLITS.items()},
            "TotalDiscount": first(cur.text("discount_total_discount"), cur.entry("discount", "total_discount")),
        },
        tags=cur.text("resource_tags"),
        tag_columns=cur.tags(),
        details={**{name: cur.text(column) for name, column in _DETAILS.items()}, **cur.cost_categories()},
        # AWS leaves the id of the invoice out until the bill is final.
        estimated=f"CASE WHEN {cur.text('bill_invoice_id')} IS NULL THEN 'true' ELSE 'false' END"
        if "bill_invoice_id" in cur
        else NOTHING,
        only=f"NOT ({parent} IS NOT NULL AND {billed} IS NULL AND NOT ({split}))",
    )


def _split(cur: CurColumns, billed: str, parent: str) -> str:
    """Whether a line is a pod's or a task's share of an instance, whose own line has the cost."""
    told = first(cur.text("split_line_item_split_cost"), cur.text("split_line_item_unused_cost"))
    free = f"{billed} IS NULL OR TRY_CAST({billed} AS DOUBLE) = 0"
    return f"({parent} IS NOT NULL AND {told} IS NOT NULL AND ({free}))"


def _fields(cur: CurColumns, kind: str) -> dict[str, str]:
    """The text fields of a CostLine but for its breakdown."""
    reservation = cur.text("reservation_reservation_a_r_n")
    plan = cur.text("savings_plan_savings_plan_a_r_n")
    usage_type = first(cur.text("line_item_usage_type"), "''")
    standard = f"CASE WHEN {cur.text('pricing_term')} = 'OnDemand' THEN 'Standard' END"
    spot = f"CASE WHEN contains({usage_type}, 'SpotUsage') THEN 'Dynamic' ELSE {standard} END"
    return {
        "charge_type": kind,
        "charge_category": by_type(
            f"lower({kind})", {(of,): quoted(str(into)) for of, into in CATEGORIES.items()}, "''"
        ),
        "charge_description": cur.text("line_item_line_item_description"),
        "service_name": first(
            cur.text("product_product_name"),
            cur.entry("product", "product_name"),
            cur.text("product_servicename", "product_servicecode"),
            cur.text("line_item_product_code"),
        ),
        "sub_account_id": cur.text("line_item_usage_account_id"),
        "sub_account_name": cur.text("line_item_usage_account_name"),
        "region_id": first(cur.text("product_region_code"), cur.entry("product", "region", "region_code")),
        "availability_zone": cur.text("line_item_availability_zone"),
        "resource_id": cur.text("line_item_resource_id"),
        "sku_id": first(cur.text("product_sku"), cur.entry("product", "sku")),
        "sku_price_id": cur.text("pricing_rate_code", "pricing_rate_id"),
        "unit": by_type(kind, {_USAGE: cur.text("pricing_unit")}, "''"),
        "invoice_id": cur.text("bill_invoice_id"),
        "pricing_category": by_type(kind, {_COVERED: "'Committed'", ("Usage",): spot}, "''"),
        "commitment_discount_id": first(reservation, plan),
        "commitment_discount_status": by_type(kind, {_COVERED: "'Used'"}, "''"),
        "commitment_discount_type": f"CASE WHEN {reservation} IS NOT NULL THEN 'Reserved Instance' "
        f"WHEN {plan} IS NOT NULL THEN 'Savings Plan' END",
    }


def _effective(cur: CurColumns, kind: str, billed: str) -> str:
    """The amortized cost; NULL for a fee, of which it is a sum of what was not used (agents.aws.bills.lines)."""
    upfront = f"CASE WHEN {cur.text('reservation_reservation_a_r_n')} IS NOT NULL THEN '0' ELSE {billed} END"
    return by_type(
        kind,
        {
            ("DiscountedUsage",): cur.text("reservation_effective_cost"),
            ("SavingsPlanCoveredUsage",): cur.text("savings_plan_savings_plan_effective_cost"),
            _PLANS: "'0'",
            ("Fee",): upfront,
            ("RIFee", "SavingsPlanRecurringFee"): NOTHING,
        },
        billed,
    )


def _net_effective(cur: CurColumns, kind: str, net: str) -> str:
    """The same after all discounts, where a line tells it; of a fee it cannot be told exactly."""
    told = f"{net} IS NOT NULL"
    cases = {
        ("DiscountedUsage",): cur.text("reservation_net_effective_cost"),
        ("SavingsPlanCoveredUsage",): cur.text("savings_plan_net_savings_plan_effective_cost"),
        _PLANS: f"CASE WHEN {told} THEN '0' END",
        (
            "Fee",
        ): f"CASE WHEN {cur.text('reservation_reservation_a_r_n')} IS NOT NULL AND {told} THEN '0' ELSE {net} END",
        ("RIFee", "SavingsPlanRecurringFee"): NOTHING,
    }
    return NOTHING if net == NOTHING else by_type(kind, cases, net)
