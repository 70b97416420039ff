"""The Cloud Billing export in BigQuery: the query, and its rows as lines of costs.

Amounts are FLOAT64 in the export. Each is made NUMERIC before it is added up, as in Google's own examples: exact to
nine decimals, and the sum of any grouping is that of the whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from agents.gcp import bigquery
from agents.gcp.calls import GcpCalls
from telemetry.costs import ChargeCategory, CostLine
from telemetry.target import Window, floor_time

_DAY = timedelta(days=1)
_DETAILED = re.compile(r"\.gcp_billing_export_resource_v1_")
_CATEGORIES: Mapping[str, ChargeCategory] = {
    "regular": ChargeCategory.USAGE,
    "tax": ChargeCategory.TAX,
    "adjustment": ChargeCategory.ADJUSTMENT,
    "rounding_error": ChargeCategory.ADJUSTMENT,
}
_MAX_TEXT = 2048

_KEYS = (
    ("day", "TIMESTAMP_TRUNC(usage_start_time, DAY)"),
    ("currency", "COALESCE(currency, '')"),
    ("service_name", "COALESCE(service.description, '')"),
    ("sku_id", "COALESCE(sku.id, '')"),
    ("project_id", "COALESCE(project.id, '')"),
    ("project_name", "COALESCE(project.name, '')"),
    ("region", "COALESCE(location.region, location.location, '')"),
    ("labels", "TO_JSON_STRING(labels)"),
)
_RESOURCE = ("resource_id", "COALESCE(resource.global_name, resource.name, '')")
_COST_KEYS = (
    ("charge_type", "COALESCE(cost_type, '')"),
    ("description", "COALESCE(sku.description, '')"),
    ("unit", "COALESCE(usage.unit, '')"),
)
# Where one row does not tell its part, the sum is unknown.
_COST_SUMS = (
    ("amount", "SUM(CAST(cost AS NUMERIC))"),
    ("list_amount", "IF(COUNT(cost_at_list) = COUNT(*), SUM(CAST(cost_at_list AS NUMERIC)), NULL)"),
    ("quantity", "IF(COUNT(usage.amount) = COUNT(*), SUM(CAST(usage.amount AS NUMERIC)), NULL)"),
    ("kind", "'cost'"),
)
# A credit belongs to a row of usage, and is a line of its own: cost and credits are never netted here.
_CREDIT_KEYS = (
    ("charge_type", "COALESCE(credit.type, '')"),
    ("description", "COALESCE(credit.full_name, credit.name, '')"),
)
_CREDIT_SUMS = (
    ("unit", "CAST(NULL AS STRING)"),
    ("amount", "SUM(CAST(credit.amount AS NUMERIC))"),
    ("list_amount", "CAST(NULL AS NUMERIC)"),
    ("quantity", "CAST(NULL AS NUMERIC)"),
    ("kind", "'credit'"),
)
# Rows of a day are exported on that day or later: a margin for clocks, and no end, or late ones would be lost.
_CONDITION = "_PARTITIONTIME >= @partition AND usage_start_time >= @start AND usage_start_time < @end"

_Columns = tuple[tuple[str, str], ...]


def sql_of(table: str) -> str:
    """The query of an export table; only the detailed export (``..._resource_v1_...``) knows resources."""
    keys = (*_KEYS, _RESOURCE) if _DETAILED.search(table) else _KEYS
    costs = _select((*keys, *_COST_KEYS), _COST_SUMS, f"`{table}`")
    granted = _select((*keys, *_CREDIT_KEYS), _CREDIT_SUMS, f"`{table}`, UNNEST(credits) AS credit")
    return f"{costs}\nUNION ALL\n{granted}"


def _select(keys: _Columns, sums: _Columns, source: str) -> str:
    columns = ",\n  ".join(f"{expression} AS {name}" for name, expression in (*keys, *sums))
    # By their places: a name would be that of a column, or of an expression, as the engine decides.
    places = ", ".join(str(place) for place in range(1, len(keys) + 1))
    return f"SELECT\n  {columns}\nFROM {source}\nWHERE {_CONDITION}\nGROUP BY {places}"


def lines(calls: GcpCalls, table: str, window: Window) -> Iterator[CostLine]:
    """What was used in ``window``, as the export has it by now: a line a day and combination, credits apart."""
    parameters = {
        "partition": floor_time(window.start, _DAY) - _DAY,
        "start": window.start,
        "end": window.end,
    }
    for row in bigquery.query(calls, sql_of(table), parameters):
        if row["amount"] is not None:
            yield line_of(row, window)


def line_of(row: Mapping[str, Any], window: Window) -> CostLine:
    """One row of the query. What is to be paid for usage is its cost and its credits together."""
    credit = row["kind"] == "credit"
    day: datetime = row["day"].astimezone(UTC)
    amount: Decimal = row["amount"]
    category = ChargeCategory.CREDIT if credit else _CATEGORIES.get(row["charge_type"], "")
    return CostLine(
        start=max(day, window.start),
        end=min(day + _DAY, window.end),
        currency=row["currency"],
        billed_cost=amount,
        effective_cost=amount,
        list_cost=row["list_amount"],
        charge_category=category,
        charge_type=row["charge_type"],
        charge_description=row["description"][:_MAX_TEXT],
        service_name=row["service_name"],
        sub_account_id=row["project_id"],
        sub_account_name=row["project_name"],
        region_id=row["region"],
        resource_id=row.get("resource_id") or "",
        sku_id=row["sku_id"],
        quantity=row["quantity"],
        unit=row["unit"] or "",
        tags=_tags(row["labels"]),
    )


def _tags(text: str | None) -> dict[str, str]:
    found = json.loads(text) if text else None
    return {one["key"]: one.get("value") or "" for one in found or () if one.get("key")}
