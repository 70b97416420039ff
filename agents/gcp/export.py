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

# A credit belongs to a row of usage, and is a line of its own: cost and credits are never netted here.
_SQL = """
SELECT
  TIMESTAMP_TRUNC(usage_start_time, DAY) AS day,
  'cost' AS kind,
  COALESCE(cost_type, '') AS charge_type,
  COALESCE(sku.description, '') AS description,
  {dimensions}
  COALESCE(usage.unit, '') AS unit,
  SUM(CAST(cost AS NUMERIC)) AS amount,
  SUM(CAST(cost_at_list AS NUMERIC)) AS list_amount,
  SUM(CAST(usage.amount AS NUMERIC)) AS quantity
FROM `{table}`
WHERE {condition}
GROUP BY {cost_keys}
UNION ALL
SELECT
  TIMESTAMP_TRUNC(usage_start_time, DAY) AS day,
  'credit' AS kind,
  COALESCE(credit.type, '') AS charge_type,
  COALESCE(credit.full_name, credit.name, '') AS description,
  {dimensions}
  '' AS unit,
  SUM(CAST(credit.amount AS NUMERIC)) AS amount,
  NULL AS list_amount,
  NULL AS quantity
FROM `{table}`, UNNEST(credits) AS credit
WHERE {condition}
GROUP BY {cost_keys}
"""
_DIMENSIONS = """COALESCE(currency, '') AS currency,
  COALESCE(service.description, '') AS service_name,
  COALESCE(sku.id, '') AS sku_id,
  COALESCE(project.id, '') AS project_id,
  COALESCE(project.name, '') AS project_name,
  COALESCE(location.region, location.location, '') AS region,
  {resource} AS resource_id,
  TO_JSON_STRING(labels) AS labels,"""
# Rows of a day are exported on that day or later: a margin for clocks, and no end, or late ones would be lost.
_CONDITION = "_PARTITIONTIME >= @partition AND usage_start_time >= @start AND usage_start_time < @end"
_KEYS = (
    "day, kind, charge_type, description, currency, service_name, sku_id, project_id, project_name, region, "
    "resource_id, labels, unit"
)


def sql_of(table: str) -> str:
    """The query of an export table; only the detailed export (``..._resource_v1_...``) knows resources."""
    resource = "COALESCE(resource.global_name, resource.name, '')" if _DETAILED.search(table) else "''"
    dimensions = _DIMENSIONS.format(resource=resource)
    return _SQL.format(table=table, dimensions=dimensions, condition=_CONDITION, cost_keys=_KEYS)


def lines(calls: GcpCalls, table: str, window: Window) -> Iterator[CostLine]:
    """What was used in ``window``, as the export has it by now: a line a day and combination, credits apart."""
    parameters = {
        "partition": floor_time(window.start, _DAY) - _DAY,
        "start": window.start,
        "end": window.end,
    }
    for row in bigquery.query(calls, sql_of(table), parameters):
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
        resource_id=row["resource_id"],
        sku_id=row["sku_id"],
        quantity=row["quantity"],
        unit=row["unit"] if row["quantity"] is not None else "",
        tags=_tags(row["labels"]),
    )


def _tags(text: str | None) -> dict[str, str]:
    found = json.loads(text) if text else None
    return {one["key"]: one.get("value") or "" for one in found or () if one.get("key")}
