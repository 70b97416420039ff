"""What follows from the sums of a Cost and Usage Report: sums of sums, and the names of tags."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, localcontext

import msgspec

from telemetry.costs import CostLine

SPLIT = "split"
"""The breakdown of pods and tasks: shares of instances, whose own lines have the costs."""
PARENT = "ParentResourceId"
FEES = (
    ("UnusedAmortizedUpfrontFee", "RIFee", "reservation_unused_amortized_upfront_fee_for_billing_period"),
    ("UnusedRecurringFee", "RIFee", "reservation_unused_recurring_fee"),
    ("NetUnusedAmortizedUpfrontFee", "RIFee", "reservation_net_unused_amortized_upfront_fee_for_billing_period"),
    ("NetUnusedRecurringFee", "RIFee", "reservation_net_unused_recurring_fee"),
    ("TotalCommitment", "SavingsPlanRecurringFee", "savings_plan_total_commitment_to_date"),
    ("UsedCommitment", "SavingsPlanRecurringFee", "savings_plan_used_commitment"),
)
"""Amounts of fees: name, kind of line, column."""
SPLITS = {
    "SplitCost": "split_line_item_split_cost",
    "UnusedCost": "split_line_item_unused_cost",
    "NetSplitCost": "split_line_item_net_split_cost",
    "NetUnusedCost": "split_line_item_net_unused_cost",
    "PublicOnDemandSplitCost": "split_line_item_public_on_demand_split_cost",
    "PublicOnDemandUnusedCost": "split_line_item_public_on_demand_unused_cost",
}
_DIGITS = 100
_USER = "user_"


def finished(line: CostLine) -> CostLine:
    """A line with what follows from its sums, and with the keys of tags as their owners know them."""
    changes = {**_costs(line)}
    tags = _tags(line.tags)
    if tags != line.tags:
        changes["tags"] = tags
    return msgspec.structs.replace(line, **changes) if changes else line


def _costs(line: CostLine) -> dict[str, object]:
    with localcontext(prec=_DIGITS):
        if line.breakdown == SPLIT:
            return {
                "effective_cost": _sum(line.amounts, "SplitCost", "UnusedCost"),
                "list_cost": _sum(line.amounts, "PublicOnDemandSplitCost", "PublicOnDemandUnusedCost"),
            }
        if line.charge_type == "RIFee":
            net = _sum(line.amounts, "NetUnusedAmortizedUpfrontFee", "NetUnusedRecurringFee")
            more = {} if net is None else {"amounts": {**line.amounts, "NetAmortizedCost": net}}
            return {"effective_cost": _sum(line.amounts, "UnusedAmortizedUpfrontFee", "UnusedRecurringFee"), **more}
        if line.charge_type == "SavingsPlanRecurringFee":
            total, used = (line.amounts.get(name) for name in ("TotalCommitment", "UsedCommitment"))
            return {"effective_cost": None if total is None or used is None else total - used}
    return {}


def _sum(amounts: Mapping[str, Decimal], *names: str) -> Decimal | None:
    """None where one of them is not told."""
    if not all(name in amounts for name in names):
        return None
    return sum((amounts[name] for name in names), Decimal(0))


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Without tags that have no value, and without AWS's mark of a user's own, where no other has the name.

    CUR 2.0 writes a key in small letters with ``_`` for anything else: ``user_cost_center`` for ``Cost Center``.
    """
    told = {key: value for key, value in tags.items() if value}
    return {_key(key, told): value for key, value in told.items()}


def _key(key: str, others: Mapping[str, str]) -> str:
    own = key.removeprefix(_USER)
    return own if own and own not in others else key
