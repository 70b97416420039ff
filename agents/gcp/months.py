"""What a table of an export of Cloud Billing holds by invoice months: its change tokens.

Tables are appended to and never changed: the time of the last export of a month, with the number of its rows, is
another one whenever the month is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.core.bill_months import month_of
from agents.gcp import bigquery
from agents.gcp.calls import GcpCalls
from agents.gcp.errors import NotPartitioned
from agents.gcp.settings import BillTable
from telemetry.errors import CollectionFailed
from telemetry.target import Window, format_time

_FOCUS = re.compile(r"\.gcp_billing_export_focus")
_DETAILED = re.compile(r"\.gcp_billing_export_resource_v1_")
_EARLY = timedelta(days=31)
"""A charge of the last days of a month may be on the invoice of the next, and be exported before that begins."""
PARTITION = "_PARTITIONTIME"


@dataclass(frozen=True)
class Month:
    """One invoice month of a table."""

    window: Window
    #: When the last of its rows was exported.
    exported: datetime
    rows: int
    #: None of its rows is in an earlier partition.
    partition: datetime
    #: The column that tells a row's partition: that of BigQuery, or of a view the time of the export.
    by: str

    @property
    def version(self) -> str:
        """The change token."""
        return version_of(self.exported, self.rows)


def version_of(exported: datetime, rows: int) -> str:
    """The change token of a month."""
    return f"{format_time(exported)}/{rows}"


def kind_of(table: BillTable) -> str:
    """``standard``, ``detailed`` or ``focus``."""
    if table.kind is not None:
        return table.kind
    if _FOCUS.search(table.table):
        return "focus"
    return "detailed" if _DETAILED.search(table.table) else "standard"


def exported_column(kind: str) -> str:
    """The column of the time of a row's export."""
    return "x_ExportTime" if kind == "focus" else "export_time"


def months(calls: GcpCalls, table: BillTable, since: datetime) -> Iterator[Month]:
    """The invoice months from that of ``since`` on; a row without one is counted and said."""
    kind, parameters = kind_of(table), {"partition": since - _EARLY, "since": since}
    try:
        yield from _months(calls, sql_of(table.table, kind, PARTITION), parameters, PARTITION)
    except NotPartitioned:  # which costs nothing, and comes before any row
        by = exported_column(kind)
        yield from _months(calls, sql_of(table.table, kind, by), parameters, by)


def month(calls: GcpCalls, table: BillTable, window: Window) -> Month | None:
    """The month of ``window``; None where the table has no row of it."""
    return next((one for one in months(calls, table, window.start) if one.window == window), None)


def sql_of(table: str, kind: str, by: str) -> str:
    """The query of the change tokens: few columns, which is what it costs by."""
    exported = exported_column(kind)
    if kind == "focus":
        name, wanted = "FORMAT_TIMESTAMP('%Y%m', BillingPeriodStart)", "BillingPeriodStart >= @since"
    else:
        name, wanted = "invoice.month", "invoice.month >= FORMAT_TIMESTAMP('%Y%m', @since)"
    columns = f"{name} AS month,\n  MAX({exported}) AS exported,\n  COUNT(*) AS found,\n  MIN({by}) AS partition_time"
    return f"SELECT\n  {columns}\nFROM `{table}`\nWHERE {by} >= @partition AND {wanted}\nGROUP BY 1"


def _months(calls: GcpCalls, sql: str, parameters: bigquery.Parameters, by: str) -> Iterator[Month]:
    for row in bigquery.query(calls, sql, parameters):
        yield _month(row, by)


def _month(row: Mapping[str, Any], by: str) -> Month:
    try:
        window, rows = month_of(row["month"]), row["found"]
        exported, partition = row["exported"].astimezone(UTC), row["partition_time"].astimezone(UTC)
        if window is None or type(rows) is not int or rows < 1:
            raise ValueError("no month, or no rows")  # noqa: TRY301 - as whatever else comes of a row of another form
    except Exception as error:  # noqa: BLE001 - whatever comes of a row of another form
        why = f"the table has an invoice month in a form that is not known ({type(error).__name__})"
        raise CollectionFailed(f"{bigquery.API}: {why}") from None
    return Month(window, exported, rows, partition, by)
