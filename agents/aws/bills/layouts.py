"""What the columns of AWS's bills are in a CostLine: of FOCUS as anywhere, of Cost and Usage Reports as here.

BilledCost is the unblended cost, each line's own, so that the lines add up to the bill to the last digit. EffectiveCost
is the amortized one: what is covered by a commitment costs its share of it, and the fee costs what of it was not used.
What is a sum of two columns is made of two sums after the folding (agents.aws.bills.lines): SQL's own would round.
"""

from __future__ import annotations

from dataclasses import replace

from agents.aws.bills import lines
from agents.aws.bills.columns import NEVER, CurColumns, by_type, either, entry, first
from agents.aws.cost.types import CATEGORIES
from agents.core.bills.bill_layouts import BillLayout
from agents.core.bills.focus import focus_begun, focus_layout, is_focus
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


def cur_begun(columns: Columns) -> str:
    """The text of when the billing period of a line begins."""
    return CurColumns(columns).text("bill_billing_period_start_date")


def layout_of(columns: Columns) -> Layout:
    """For the columns of an export; CollectionFailed where they are those of no bill."""
    cur = CurColumns(columns)
    if "line_item_unblended_cost" in cur:
        return _cur_layout(cur)
    if "recommendation_id" in cur:
        raise CollectionFailed(
            "these are recommendations, and no bill: name the export in aws.recommendation_exports instead"
        )
    if any(name.lower() == "billedcost" for name in columns.names):
        return _focus_layout(columns)
    raise CollectionFailed(
        f"neither line_item_unblended_cost (CUR) nor BilledCost (FOCUS) is among the {len(columns.names)} columns "
        f"({', '.join(columns.names[:10])} ...): select it in the export's query"
    )


def _focus_layout(columns: Columns) -> Layout:
    """With the sum of discounts. Their amounts differ from line to line: details of them would keep lines apart."""
    layout = focus_layout(columns)
    name = next((one for one in layout.details if one.lower() == "x_discounts"), None)
    if name is None:
        return layout
    details = {one: expression for one, expression in layout.details.items() if one != name}
    total = entry(layout.details[name], "total_discount")
    return replace(layout, details=details, amounts={**layout.amounts, "TotalDiscount": total})


def _cur_layout(cur: CurColumns) -> Layout:
    for name in ("line_item_line_item_type", "line_item_usage_start_date", "line_item_currency_code"):
        if name not in cur:
            raise CollectionFailed(f"the column {name} is not in the export: select it in the export's query")
    kind, billed = cur.text("line_item_line_item_type"), cur.text("line_item_unblended_cost")
    split = _split(cur, billed)
    quantity = by_type(kind, {_USAGE: cur.text("line_item_usage_amount")})
    numbers, amounts = _costs(cur, kind, billed, split)
    begun, ended = cur.text("line_item_usage_start_date"), cur.text("line_item_usage_end_date")
    return Layout(
        # What tells no time of its own is of the whole period.
        start=cur.text("line_item_usage_start_date", "bill_billing_period_start_date"),
        end=either(f"{begun} IS NULL", cur.text("bill_billing_period_end_date"), ended),
        currency=cur.text("line_item_currency_code"),
        fields={**_fields(cur, kind), "breakdown": either(split, quoted(lines.SPLIT), "''")},
        numbers={**numbers, "quantity": either(split, cur.text("split_line_item_split_usage"), quantity)},
        amounts=amounts,
        tags=cur.text("resource_tags"),
        tag_columns=cur.tags(),
        details={**{name: cur.text(column) for name, column in _DETAILS.items()}, **cur.cost_categories()},
        # AWS leaves the id of the invoice out until the bill is final.
        estimated=f"CASE WHEN {cur.text('bill_invoice_id')} IS NULL THEN 'true' ELSE 'false' END"
        if "bill_invoice_id" in cur
        else NOTHING,
    )


def _costs(cur: CurColumns, kind: str, billed: str, split: str) -> tuple[dict[str, str], dict[str, str]]:
    """Numbers and amounts. What is a sum or a difference of two columns has its second one under a name of its own."""
    net = cur.text("line_item_net_unblended_cost")
    share = "split_line_item_"
    numbers = {
        "billed_cost": either(split, NOTHING, billed),
        "effective_cost": either(split, cur.text(f"{share}split_cost"), _effective(cur, kind, billed)),
        "list_cost": either(
            split,
            cur.text(f"{share}public_on_demand_split_cost"),
            by_type(kind, {_USAGE: cur.text("pricing_public_on_demand_cost")}),
        ),
    }
    second: dict[tuple[str, ...], str] = {
        ("RIFee",): cur.text("reservation_unused_recurring_fee"),
        ("SavingsPlanRecurringFee",): cur.text("savings_plan_used_commitment"),
    }
    net_second: dict[tuple[str, ...], str] = {("RIFee",): cur.text("reservation_net_unused_recurring_fee")}
    amounts = {
        "NetUnblendedCost": either(split, NOTHING, net),
        lines.NET: either(split, cur.text(f"{share}net_split_cost"), _net_effective(cur, kind, net)),
        "TotalDiscount": first(cur.text("discount_total_discount"), entry(cur.text("discount"), "total_discount")),
        lines.SECOND: either(split, cur.text(f"{share}unused_cost"), by_type(kind, second)),
        lines.NET_SECOND: either(split, cur.text(f"{share}net_unused_cost"), by_type(kind, net_second)),
        lines.LIST_SECOND: either(split, cur.text(f"{share}public_on_demand_unused_cost")),
    }
    return numbers, amounts


def _split(cur: CurColumns, billed: str) -> str:
    """Whether a line is a pod's or a task's share of an instance, whose own line has the cost."""
    parent = cur.text("split_line_item_parent_resource_id")
    told = first(cur.text("split_line_item_split_cost"), cur.text("split_line_item_unused_cost"))
    if NOTHING in {parent, told}:
        return NEVER
    return f"({parent} IS NOT NULL AND {told} IS NOT NULL AND coalesce(TRY_CAST({billed} AS DOUBLE), 0) = 0)"


def _fields(cur: CurColumns, kind: str) -> dict[str, str]:
    """The text fields of a CostLine but for its breakdown."""
    reservation = cur.text("reservation_reservation_a_r_n")
    plan = cur.text("savings_plan_savings_plan_a_r_n")
    usage_type = first(cur.text("line_item_usage_type"), "''")
    standard = either(f"{cur.text('pricing_term')} = 'OnDemand'", "'Standard'")
    spot = either(f"contains({usage_type}, 'SpotUsage')", "'Dynamic'", standard)
    return {
        "charge_type": kind,
        "charge_category": by_type(
            f"lower({kind})", {(of,): quoted(str(into)) for of, into in CATEGORIES.items()}, "''"
        ),
        "charge_description": cur.text("line_item_line_item_description"),
        "service_name": first(
            cur.text("product_product_name"),
            entry(cur.text("product"), "product_name"),
            cur.text("product_servicename", "product_servicecode"),
            cur.text("line_item_product_code"),
        ),
        "sub_account_id": cur.text("line_item_usage_account_id"),
        "sub_account_name": cur.text("line_item_usage_account_name"),
        "region_id": first(cur.text("product_region_code"), entry(cur.text("product"), "region", "region_code")),
        "availability_zone": cur.text("line_item_availability_zone"),
        "resource_id": cur.text("line_item_resource_id"),
        "sku_id": first(cur.text("product_sku"), entry(cur.text("product"), "sku")),
        "sku_price_id": cur.text("pricing_rate_code", "pricing_rate_id"),
        "unit": by_type(kind, {_USAGE: cur.text("pricing_unit")}),
        "invoice_id": cur.text("bill_invoice_id"),
        "pricing_category": by_type(kind, {_COVERED: "'Committed'", ("Usage",): spot}),
        "commitment_discount_id": first(reservation, plan),
        "commitment_discount_status": by_type(kind, {_COVERED: "'Used'"}),
        "commitment_discount_type": f"CASE WHEN {reservation} IS NOT NULL THEN 'Reserved Instance' "
        f"WHEN {plan} IS NOT NULL THEN 'Savings Plan' END",
    }


def _effective(cur: CurColumns, kind: str, billed: str) -> str:
    """The amortized cost; of a fee the first of two columns that are what was not used (agents.aws.bills.lines)."""
    upfront = either(f"{cur.text('reservation_reservation_a_r_n')} IS NOT NULL", "'0'", billed)
    return by_type(
        kind,
        {
            ("DiscountedUsage",): cur.text("reservation_effective_cost"),
            ("SavingsPlanCoveredUsage",): cur.text("savings_plan_savings_plan_effective_cost"),
            _PLANS: "'0'",
            ("Fee",): upfront,
            ("RIFee",): cur.text("reservation_unused_amortized_upfront_fee_for_billing_period"),
            ("SavingsPlanRecurringFee",): cur.text("savings_plan_total_commitment_to_date"),
        },
        billed,
    )


def _net_effective(cur: CurColumns, kind: str, net: str) -> str:
    """The same after all discounts, where a line tells it. Of the fee of a savings plan it cannot be told exactly."""
    if net == NOTHING:
        return NOTHING
    nothing = either(f"{net} IS NOT NULL", "'0'")
    return by_type(
        kind,
        {
            ("DiscountedUsage",): cur.text("reservation_net_effective_cost"),
            ("SavingsPlanCoveredUsage",): cur.text("savings_plan_net_savings_plan_effective_cost"),
            _PLANS: nothing,
            ("Fee",): either(f"{cur.text('reservation_reservation_a_r_n')} IS NOT NULL", nothing, net),
            ("RIFee",): cur.text("reservation_net_unused_amortized_upfront_fee_for_billing_period"),
            ("SavingsPlanRecurringFee",): NOTHING,
        },
        net,
    )


LAYOUTS = (
    BillLayout(
        "cur",
        "Cost and Usage Report: CUR 2.0, or the older one",
        lambda columns: "line_item_unblended_cost" in CurColumns(columns),
        lambda columns: _cur_layout(CurColumns(columns)),
        cur_begun,
        finished=lines.finished,
    ),
    BillLayout("focus", "FOCUS", is_focus, _focus_layout, focus_begun),
)
"""Of files that a person brings."""
