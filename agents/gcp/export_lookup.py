"""Looks up the table of the Cloud Billing export where a project has exactly one, by BigQuery's listings: for free."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agents.gcp import bigquery
from agents.gcp.calls import GcpCalls
from telemetry.errors import Denied

# As Google names them; the billing account is a part of the name.
_EXPORT = re.compile(r"gcp_billing_export_(?:resource_)?v1_[0-9A-F]{6}_[0-9A-F]{6}_[0-9A-F]{6}")
WHAT_TO_DO = (
    "turn on the export of Cloud Billing to BigQuery (console: Billing, Billing export, Standard or Detailed usage "
    "cost), then set gcp.billing_export_table, or that of the account, to its table: "
    "PROJECT.DATASET.gcp_billing_export_v1_BILLING_ACCOUNT"
)
_CHOOSE = "set billing_export_table, or GCP_BILLING_EXPORT_TABLE, to the one that is to be read"


def find_export(calls: GcpCalls) -> str:
    """``project.dataset.table`` of the only export in the project; Denied says what to configure where there is none.

    Two exports are two bills, or one bill twice: which of them is meant nobody can tell.
    """
    try:
        found = list(_exports(calls))
    except Denied as error:
        raise Denied(f"{error}, or {_CHOOSE}", error.permission) from None
    if len(found) == 1:
        return found[0]
    if not found:
        raise Denied(f"gcp: project {calls.project} has no table of the Cloud Billing export: {WHAT_TO_DO}")
    raise Denied(f"gcp: project {calls.project} has {len(found)} tables of the export, {', '.join(found)}: {_CHOOSE}")


def _exports(calls: GcpCalls) -> Iterator[str]:
    for dataset in bigquery.datasets(calls):
        for table in bigquery.tables(calls, dataset):
            if _EXPORT.fullmatch(table):
                yield f"{calls.project}.{dataset}.{table}"
