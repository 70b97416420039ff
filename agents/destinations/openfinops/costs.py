"""Lines of costs as OpenFinOps takes them: what a line tells, and totals by currency."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

from telemetry.batch import Batch
from telemetry.costs import WHOLE, CostLine
from telemetry.target import format_time

_TEXTS = (
    "breakdown",
    "charge_category",
    "charge_class",
    "charge_type",
    "charge_description",
    "service_name",
    "sub_account_id",
    "sub_account_name",
    "region_id",
    "resource_id",
    "sku_id",
    "unit",
    "tags",
    "amounts",
    "service_category",
    "availability_zone",
    "invoice_id",
    "pricing_category",
    "pricing_unit",
    "sku_price_id",
    "commitment_discount_id",
    "commitment_discount_status",
    "commitment_discount_type",
    "details",
)
_NUMBERS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost", "quantity", "pricing_quantity")


def cost_lines(batch: Batch) -> list[dict[str, Any]]:
    """The lines of a batch, each with what it tells; a breakdown other than the bill is named by ``breakdown``."""
    return [_line(line) for line in batch.costs]


def cost_totals(batch: Batch) -> dict[str, Any]:
    """Sums of the bill in this batch, by currency: ``billed_cost_by_currency``, ``effective_cost_by_currency``."""
    totals: dict[str, Any] = {}
    for name in ("billed_cost", "effective_cost"):
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for line in batch.costs:
            amount = getattr(line, name)
            if line.breakdown == WHOLE and amount is not None:
                sums[line.currency] += amount
        if sums:
            totals[f"{name}_by_currency"] = dict(sorted(sums.items()))
    return totals


def _line(line: CostLine) -> dict[str, Any]:
    told = {name: getattr(line, name) for name in (*_TEXTS, *_NUMBERS)}
    told = {name: value for name, value in told.items() if value is not None and value not in ("", {})}
    if line.lines > 1:
        told["lines"] = line.lines
    if line.estimated is not None:
        told["estimated"] = line.estimated
    if line.billing_period_start is not None and line.billing_period_end is not None:
        told["billing_period_start"] = format_time(line.billing_period_start)
        told["billing_period_end"] = format_time(line.billing_period_end)
    return {"start": format_time(line.start), "end": format_time(line.end), "currency": line.currency, **told}
