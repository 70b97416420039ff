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
from agents.gcp.errors import NotPartitioned
from telemetry.cost_checks import check_costs
from telemetry.costs import ChargeCategory, CostLine
from telemetry.errors import CollectionFailed
from telemetry.target import Window, floor_time

_DAY = timedelta(days=1)
_DETAILED = re.compile(r"\.gcp_billing_export_resource_v1_")
CATEGORIES: Mapping[str, ChargeCategory] = {
    "regular": ChargeCategory.USAGE,
    "tax": ChargeCategory.TAX,
    "adjustment": ChargeCategory.ADJUSTMENT,
    "rounding_error": ChargeCategory.ADJUSTMENT,
}
_MAX_TEXT = 2048
_MONTH = re.compile(r"20[0-9]{2}(?:0[1-9]|1[0-2])")

USAGE_KEYS = (
    ("currency", "COALESCE(currency, '')"),
    ("service_name", "COALESCE(service.description, '')"),
    ("sku_id", "COALESCE(sku.id, '')"),
    ("project_id", "COALESCE(project.id, '')"),
    ("project_name", "COALESCE(project.name, '')"),
    ("region", "COALESCE(location.region, location.location, '')"),
    ("labels", "TO_JSON_STRING(labels)"),
    ("invoice_month", "COALESCE(invoice.month, '')"),
)
"""What rows of usage are told apart by, besides their day."""
_KEYS = (("day", "TIMESTAMP_TRUNC(usage_start_time, DAY)"), *USAGE_KEYS)
RESOURCE = ("resource_id", "COALESCE(resource.global_name, resource.name, '')")
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
_USED = "usage_start_time >= @start AND usage_start_time < @end"
# Rows of a day are exported on that day or later: a margin for clocks, and no end, or late ones would be lost.
_BY_PARTITION = f"_PARTITIONTIME >= @partition AND {_USED}"
_BY_EXPORT = f"export_time >= @partition AND {_USED}"
"""Of a view, which has no partitions: it may scan more, up to ``gcp.maximum_bytes_billed``."""
_THINGS = "bill lines"

_Columns = tuple[tuple[str, str], ...]


def sql_of(table: str, condition: str = _BY_PARTITION) -> str:
    """The query of an export table; only the detailed export (``..._resource_v1_...``) knows resources."""
    keys = (*_KEYS, RESOURCE) if _DETAILED.search(table) else _KEYS
    costs = _select((*keys, *_COST_KEYS), _COST_SUMS, f"`{table}`", condition)
    granted = _select((*keys, *_CREDIT_KEYS), _CREDIT_SUMS, f"`{table}`, UNNEST(credits) AS credit", condition)
    return f"{costs}\nUNION ALL\n{granted}"


def _select(keys: _Columns, sums: _Columns, source: str, condition: str) -> str:
    columns = ",\n  ".join(f"{expression} AS {name}" for name, expression in (*keys, *sums))
    # By their places: a name would be that of a column, or of an expression, as the engine decides.
    places = ", ".join(str(place) for place in range(1, len(keys) + 1))
    return f"SELECT\n  {columns}\nFROM {source}\nWHERE {condition}\nGROUP BY {places}"


def lines(calls: GcpCalls, table: str, window: Window) -> Iterator[CostLine]:
    """What was used in ``window``, as the export has it by now: a line a day and combination, credits apart."""
    parameters = {
        "partition": floor_time(window.start, _DAY) - _DAY,
        "start": window.start,
        "end": window.end,
    }
    lost = _Lost(calls)
    for row in _rows(calls, table, parameters):
        try:
            if not row["currency"] or row["amount"] is None:
                lost.add("the export does not tell amount or currency")
                continue
            line = line_of(row, window)
            check_costs([line], window)
        except Exception as error:  # noqa: BLE001 - of a row of another form: the others are the bill's, too
            lost.add(f"the export has them in a form that is not known ({type(error).__name__})")
            continue
        if row["invoice_month"] and line.billing_period_start is None:
            calls.context.partial("invoice months", "the export has them in a form that is not known", of=_THINGS)
        yield line


class _Lost:
    """Lines without which the bill is too low: it takes the place of no whole one, and is read again."""

    def __init__(self, calls: GcpCalls) -> None:
        self._meter = calls.context.meter
        self._reasons: set[str] = set()

    def add(self, why: str) -> None:
        """Count one more."""
        if why in self._reasons:
            self._meter.partial("amounts", why, of=_THINGS)
        else:
            self._reasons.add(why)
            self._meter.refused("amounts", CollectionFailed(why), of=_THINGS)


def _rows(calls: GcpCalls, table: str, parameters: Mapping[str, datetime]) -> Iterator[Mapping[str, Any]]:
    """The rows of the query; of a view, which BigQuery says to have no partitions, by the time of their export."""
    try:
        yield from bigquery.query(calls, sql_of(table), parameters)
    except NotPartitioned:  # which costs nothing, and comes before any row
        yield from bigquery.query(calls, sql_of(table, _BY_EXPORT), parameters)


def line_of(row: Mapping[str, Any], window: Window) -> CostLine:
    """One row of the query. What is to be paid for usage is its cost and its credits together."""
    credit = row["kind"] == "credit"
    day: datetime = row["day"].astimezone(UTC)
    amount: Decimal = row["amount"]
    billed_from, billed_to = _month(row["invoice_month"])
    category = ChargeCategory.CREDIT if credit else category_of(row["charge_type"])
    return CostLine(
        start=max(day, window.start),
        end=min(day + _DAY, window.end),
        currency=text_of(row["currency"]),
        billed_cost=amount,
        effective_cost=amount,
        list_cost=number_of(row["list_amount"]),
        charge_category=category,
        charge_type=text_of(row["charge_type"]),
        charge_description=text_of(row["description"])[:_MAX_TEXT],
        service_name=text_of(row["service_name"]),
        sub_account_id=text_of(row["project_id"]),
        sub_account_name=text_of(row["project_name"]),
        region_id=text_of(row["region"]),
        resource_id=text_of(row.get("resource_id")),
        sku_id=text_of(row["sku_id"]),
        quantity=number_of(row["quantity"]),
        unit=text_of(row["unit"]),
        tags=tags_of(row["labels"]),
        billing_period_start=billed_from,
        billing_period_end=billed_to,
    )


def category_of(cost_type: str) -> str:
    """FOCUS's word for a ``cost_type``; empty where there is none."""
    return CATEGORIES.get(cost_type, "")


def text_of(value: object) -> str:
    """Empty where it is not told; ValueError where it is no text."""
    if value is not None and not isinstance(value, str):
        raise ValueError(type(value).__name__)
    return value or ""


def number_of(value: object) -> Decimal | None:
    """None where it is not told; ValueError where it is no number."""
    if value is not None and not isinstance(value, Decimal):
        raise ValueError(type(value).__name__)
    return value


def _month(text: str) -> tuple[datetime, datetime] | tuple[None, None]:
    """The month of an invoice, ``202611``: usage of one may be on the invoice of another."""
    if not _MONTH.fullmatch(text):
        return None, None
    start = datetime(int(text[:4]), int(text[4:]), 1, tzinfo=UTC)
    return start, (start + timedelta(days=31)).replace(day=1)


def tags_of(text: str | None) -> dict[str, str]:
    """Labels, which are JSON; those of FOCUS have fields in capitals."""
    found = [{name.lower(): value for name, value in one.items()} for one in json.loads(text) or ()] if text else []
    return {one["key"]: one.get("value") or "" for one in found if one.get("key")}
