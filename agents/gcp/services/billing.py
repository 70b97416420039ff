"""Billing: what Google charges, from the Cloud Billing export in BigQuery."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from agents.core.context import Context
from agents.core.service import Estimate, Service, service
from agents.gcp import bigquery, export
from agents.gcp.calls import GcpCalls
from agents.gcp.credentials import Identity
from agents.gcp.export_lookup import WHAT_TO_DO
from agents.gcp.session import section_of
from agents.gcp.settings import GcpSettings
from telemetry.errors import Denied
from telemetry.records import Record
from telemetry.settings.providers import Account, ProviderSettings
from telemetry.target import Target, Window

_DAY = timedelta(days=1)


@service("gcp", "billing")
class Billing(Service):
    """The bill by service, SKU, project, region, resource, labels and currency: costs, and credits as lines apart.

    A window is a day of usage in UTC. Rows arrive for days, and are corrected until the month is closed: a day is read
    again after 2, 3, 5, 10, 20 and 40 days, whole, as the export then has it. A table that several accounts share is
    read by the first of them, for all projects in it.
    """

    interval = _DAY
    fixed_interval = True
    brings_bills = True
    delay = _DAY
    regional = False
    refresh = tuple(timedelta(days=days) for days in (2, 3, 5, 10, 20, 40))
    permissions = bigquery.PERMISSIONS
    paid = bigquery.PAID

    def collect(self, context: Context, target: Target, window: Window) -> Iterator[Record]:
        """A line for each combination that was charged in the window."""
        section = section_of(context.shared)
        table = Identity.of(section, context.account.options).billing_export_table
        if table is None:
            raise Denied(f"gcp/{context.account.name}: there is no bill to read: {WHAT_TO_DO}")
        if _reader_of(section, table, target.service) == context.account.name:
            yield from export.lines(GcpCalls(context), table, window)

    def estimate(self, window: Window, resources: int) -> Estimate:
        """One query, which BigQuery bills for 10 MiB at the least: how much it scans, the export's size decides."""
        del window, resources
        return _estimate(1)

    def estimate_for(self, window: Window, resources: int, section: ProviderSettings, account: Account) -> Estimate:
        """Nothing where there is no table, or another account reads it; where there is a budget, the price is asked."""
        if not isinstance(section, GcpSettings):
            return self.estimate(window, resources)
        table = Identity.of(section, account.options).billing_export_table
        if table is None or _reader_of(section, table, self.name) != account.name:
            return Estimate({}, Decimal(0))
        return _estimate(1 if section.budget_usd_per_day is None else 2)

    def check_interval(self, interval: timedelta) -> str:
        """The bill is kept by days."""
        return "" if interval % _DAY == timedelta(0) else "the bill is kept by days: use a multiple of 1d"


def _estimate(queries: int) -> Estimate:
    least = bigquery.PAID[bigquery.API] * bigquery.LEAST_MIB
    more, less = "what a query scans beyond 10 MiB, and its pages", "what BigQuery has in its cache costs nothing"
    return Estimate({bigquery.API: queries}, least, more, less)


def _reader_of(section: GcpSettings, table: str, service: str) -> str:
    """The first account whose bill is in the table."""
    return next(
        account.name
        for account in section.accounts_of("gcp")
        if Identity.of(section, account.options).billing_export_table == table
        and (not account.services or service in account.services)
    )
