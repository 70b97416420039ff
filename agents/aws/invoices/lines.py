"""An invoice as a line of costs: of a breakdown of its own, which is the same money as the bill, as it was invoiced."""

from __future__ import annotations

from agents.aws.invoices.summaries import Invoice
from telemetry.costs import INVOICED, CostLine
from telemetry.target import Window

NOT_OWED = "invoice:not owed"
"""The breakdown of receipts, and of invoices that were cancelled: nothing adds them to anything."""


def line_of(invoice: Invoice, month: Window) -> CostLine:
    """Of its billing month; the tax that is in it is among its amounts, where it is told."""
    return CostLine(
        breakdown=INVOICED if invoice.owed else NOT_OWED,
        start=month.start,
        end=month.end,
        currency=invoice.currency,
        billed_cost=invoice.total,
        amounts={} if invoice.tax is None else {"Tax": invoice.tax},
        charge_type=invoice.kind,
        sub_account_id=invoice.account,
        invoice_id=invoice.number,
        estimated=False,
        billing_period_start=month.start,
        billing_period_end=month.end,
        details=dict(invoice.details),
    )
