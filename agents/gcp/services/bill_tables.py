"""The exported bill by invoice months, from the tables of the Cloud Billing export in BigQuery."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from agents.core.bill_months import BillService, check_month
from agents.core.bills.bill_layouts import BillLayout
from agents.core.bills.stores import ObjectStore
from agents.core.context import Context
from agents.core.service import Estimate, service
from agents.gcp import bigquery, monthly
from agents.gcp.bill_layouts import LAYOUTS
from agents.gcp.bill_store import open_bucket
from agents.gcp.bill_tables import calls_of, estimate, table_names, table_of
from agents.gcp.calls import GcpCalls
from agents.gcp.month_lines import MonthLines
from agents.gcp.months import Month, kind_of, month
from telemetry.errors import CollectionFailed
from telemetry.records import Record
from telemetry.settings.providers import Account, ProviderSettings
from telemetry.target import Target, Window

_QUERIES = 2


@service("gcp", "bill_tables")
class BillTables(BillService):
    """The bill of an invoice month by day, resource, SKU, project, region and labels; credits as lines apart.

    A month is read whole whenever the table has new rows of it, and takes the place of what was read before. The
    charges of an invoice may be of another month than their use. Two queries: what there is of the month, and what it
    adds up to; where the second finds fewer rows than the first, nothing counts.
    """

    permissions = bigquery.PERMISSIONS
    paid = bigquery.PAID

    def bill_layouts(self) -> tuple[BillLayout, ...]:
        """FOCUS, and the export where somebody has put it into a file."""
        return LAYOUTS

    def open_bill(self, context: Context, url: str) -> ObjectStore | None:
        """A bucket of Cloud Storage, with a token of the account."""
        return open_bucket(context, url) if url.startswith("gs://") else None

    def parts(self, section: ProviderSettings, account: Account) -> tuple[str, ...]:
        """The tables that the account reads."""
        return table_names(section, account)

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """A line for each combination that was charged, and the proof that they are all."""
        check_month(window)
        table, calls = table_of(context.shared, target), GcpCalls(context)
        promised = month(calls, table, window)
        if promised is None:
            raise CollectionFailed(
                f"{table.table}: it has no row of the invoice month {window.start:%Y-%m} any more: what was read of it "
                "before stays"
            )
        kind = kind_of(table)
        sql = monthly.sql_of(table.table, kind, table.granularity, promised.by)
        found = MonthLines(window, table.granularity)
        for row in bigquery.query(calls, sql, _parameters(promised, kind)):
            yield found.line(row)
        yield found.proof(table.table, promised.rows)

    def estimate(self, window: Window, resources: int) -> Estimate:
        """Two queries."""
        del window, resources
        return estimate(_QUERIES, _QUERIES)

    def estimate_for(self, window: Window, resources: int, section: ProviderSettings, account: Account) -> Estimate:
        """And two that ask what they will cost, where there is a budget; nothing where there is no table."""
        del window, resources
        if not table_names(section, account):
            return Estimate({}, Decimal(0))
        return estimate(_QUERIES * calls_of(section), _QUERIES)


def _parameters(promised: Month, kind: str) -> bigquery.Parameters:
    window = promised.window
    if kind == "focus":
        return {"partition": promised.partition, "start": window.start, "end": window.end}
    return {"partition": promised.partition, "month": f"{window.start:%Y%m}"}
