"""Which invoice months of the exported bill there are, and in which state."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from agents.core.bill_months import DeliveryService, first_month, refused, silent
from agents.core.context import Context
from agents.core.service import Estimate, service
from agents.gcp import bigquery
from agents.gcp.bill_tables import calls_of, estimate, table_names, table_of
from agents.gcp.calls import GcpCalls
from agents.gcp.months import months
from telemetry.deliveries import DeliveredFile, Delivery, DeliveryState
from telemetry.errors import Denied
from telemetry.records import Record
from telemetry.settings.providers import Account, ProviderSettings
from telemetry.target import Target, Window


@service("gcp", "bill_deliveries")
class BillDeliveries(DeliveryService):
    """Which invoice months the tables of ``bill_tables`` have, by their change tokens.

    A query asks for the last export and the number of rows of each of the last 14 months. A month whose token is
    another one is then read by ``bill_tables``. A table that is not written any more, or may not be read, is a gap with
    that reason.
    """

    delivers = "bill_tables"
    permissions = bigquery.PERMISSIONS
    paid = bigquery.PAID

    def parts(self, section: ProviderSettings, account: Account) -> tuple[str, ...]:
        """The tables that the account reads."""
        return table_names(section, account)

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """A delivery for each month."""
        del window
        calls = GcpCalls(context)
        table = table_of(context.shared, target)
        try:
            found = list(months(calls, table, first_month(context.shared.now()).start))
        except Denied as error:
            yield from refused(context, error)
            return
        for month in found:
            yield Delivery(
                state=DeliveryState.SEEN,
                period_start=month.window.start,
                period_end=month.window.end,
                version=month.version,
                submitted_at=month.exported,
                files=[DeliveredFile(name=table.table, rows=month.rows)],
            )
        yield from silent(context, max((one.exported for one in found), default=None), table.table)

    def estimate(self, window: Window, resources: int) -> Estimate:
        """One query."""
        del window, resources
        return estimate(1)

    def estimate_for(self, window: Window, resources: int, section: ProviderSettings, account: Account) -> Estimate:
        """And one that asks what it will cost, where there is a budget; nothing where there is no table."""
        del window, resources
        if not table_names(section, account):
            return Estimate({}, Decimal(0))
        return estimate(calls_of(section))
