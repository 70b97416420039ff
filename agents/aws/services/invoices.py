"""What AWS has invoiced for a month."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Context as DecimalContext
from decimal import Decimal, Inexact

from agents.aws.invoices.configured import parts_of
from agents.aws.invoices.lines import line_of
from agents.aws.invoices.summaries import API, PERMISSIONS, invoices_of, invoicing, version_of
from agents.core.bill_months import BillService, check_month
from agents.core.context import Context
from agents.core.service import Estimate, service
from telemetry.deliveries import Delivery, DeliveryState
from telemetry.records import Record
from telemetry.settings.providers import Account, ProviderSettings
from telemetry.target import Target, Window

_EXACT = DecimalContext(prec=2000, traps=[Inexact])


@service("aws", "invoices")
class Invoices(BillService):
    """Invoices and credit memos of a billing month: number, total, tax and currency of each.

    They are the breakdown `invoice`, beside the bill and never added to it; `reporting.invoices` compares each with the
    lines of the bill that bear its number.
    """

    permissions = PERMISSIONS

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """Each invoice of the month, and last what was read."""
        del target
        check_month(window)
        found = invoices_of(invoicing(context), window.start)
        totals: dict[str, Decimal] = {}
        for invoice in found:
            if invoice.owed:
                totals[invoice.currency] = _EXACT.add(totals.get(invoice.currency, Decimal(0)), invoice.total)
            yield line_of(invoice, window)
        yield Delivery(
            state=DeliveryState.READ,
            period_start=window.start,
            period_end=window.end,
            version=version_of(found),
            rows_read=len(found),
            totals=totals,
        )

    def parts(self, section: ProviderSettings, account: Account) -> tuple[str, ...]:
        """One, of an account whose invoices are to be read."""
        return parts_of(section, account)

    def estimate(self, window: Window, resources: int) -> Estimate:
        """A page; Invoicing is free."""
        del window, resources
        return Estimate(
            {API: 1, "sts:GetCallerIdentity": 1},
            Decimal(0),
            more="a call for each further 100 invoices",
            less="the account's number is asked for once",
        )
