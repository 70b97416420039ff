"""What AWS has invoiced: of which months there are invoices, and whether they are still the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from agents.aws.bills.manifests import Month, months_back
from agents.aws.invoices.configured import parts_of
from agents.aws.invoices.summaries import API, PERMISSIONS, invoices_of, invoicing, version_of
from agents.core.bill_months import MONTHS
from agents.core.context import Context
from agents.core.service import Estimate, Service, service
from telemetry.deliveries import Delivery, DeliveryState
from telemetry.errors import BudgetReached, CollectionFailed, DeadlineReached, Denied, Throttled, Unavailable
from telemetry.records import Record
from telemetry.settings.providers import Account, ProviderSettings
from telemetry.target import Target, Window

_OF_ALL = (BudgetReached, DeadlineReached, Denied, Throttled, Unavailable)
"""What the next month would meet, too."""


@service("aws", "invoice_deliveries")
class InvoiceDeliveries(Service):
    """Invoices of the last fourteen billing months, once a day: which months have any, and whether they changed.

    Other invoices than before, a credit memo among them, have `invoices` read that month.
    """

    interval = timedelta(days=1)
    fixed_interval = True
    delay = timedelta(0)
    regional = False
    delivers = "invoices"
    permissions = PERMISSIONS

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """A version for each month that has invoices, by all that they say."""
        del target, window
        calls = invoicing(context)
        for month in reversed(months_back(context.shared.now(), MONTHS)):
            try:
                found = invoices_of(calls, month[0])
            except _OF_ALL:
                raise
            except CollectionFailed as error:
                context.partial(f"the invoices of {month[0]:%Y-%m}", str(error), of="invoices")
                yield _told(month, DeliveryState.MISSING, reason=str(error)[:2000])
                continue
            if found:
                yield _told(month, DeliveryState.SEEN, version=version_of(found))

    def parts(self, section: ProviderSettings, account: Account) -> tuple[str, ...]:
        """One, of an account whose invoices are to be read."""
        return parts_of(section, account)

    def estimate(self, window: Window, resources: int) -> Estimate:
        """A page a month; Invoicing is free."""
        del window, resources
        return Estimate(
            {API: MONTHS, "sts:GetCallerIdentity": 1},
            Decimal(0),
            more="a call for each further 100 invoices of a month",
            less="the account's number is asked for once",
        )


def _told(month: Month, state: DeliveryState, *, version: str = "", reason: str = "") -> Delivery:
    return Delivery(state=state, period_start=month[0], period_end=month[1], version=version, reason=reason)
