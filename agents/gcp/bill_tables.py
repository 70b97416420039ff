"""The tables of ``gcp.bill_tables``: which of them an account reads, and what a query of one takes."""

from __future__ import annotations

from agents.core.context import Shared
from agents.core.estimating import Estimate
from agents.gcp import bigquery
from agents.gcp.session import section_of
from agents.gcp.settings import BillTable, GcpSettings
from telemetry.errors import CollectionFailed
from telemetry.settings.exports import exports_of
from telemetry.settings.providers import Account, ProviderSettings
from telemetry.target import Target


def table_names(section: ProviderSettings, account: Account) -> tuple[str, ...]:
    """The names of the tables that an account reads."""
    if not isinstance(section, GcpSettings):
        return ()
    return tuple(entry.name for entry in exports_of(account.name, section.bill_tables, section.accounts))


def table_of(shared: Shared, target: Target) -> BillTable:
    """The table that a target names; CollectionFailed where this worker's configuration has none of that name."""
    found = next((entry for entry in section_of(shared).bill_tables if entry.name == target.region), None)
    if found is None:
        raise CollectionFailed(f"{target}: gcp.bill_tables of this worker has no table of that name: add it")
    return found


def calls_of(section: ProviderSettings) -> int:
    """Calls of a query: where there is a budget of the day, what it will cost is asked for first."""
    return 1 if section.budget_usd_per_day is None else 2


def estimate(calls: int, queries: int = 1) -> Estimate:
    """BigQuery bills a query for 10 MiB at the least: how much it scans, the export's size decides."""
    least = bigquery.PAID[bigquery.API] * bigquery.LEAST_MIB * queries
    more, less = "what a query scans beyond 10 MiB, and its pages", "what BigQuery has in its cache costs nothing"
    return Estimate({bigquery.API: calls}, least, more, less)
