"""An invoice month of a table of the Cloud Billing export as lines of costs: one query, which adds up by BigQuery.

The standard and the detailed table have amounts in FLOAT64. Each is taken as its shortest decimal, as what its text
says, and added up as BIGNUMERIC: every digit counts, and the sum of any grouping is that of the whole. Credits are
entries of their rows, and become lines of their own. The FOCUS table has amounts in NUMERIC: its costs are after
credits, as FOCUS wants it, so ``x_Credits`` stays beside them and is never added.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from agents.gcp.export import RESOURCE, USAGE_KEYS

_Columns = tuple[tuple[str, str], ...]

_STEPS: Mapping[str, str] = MappingProxyType({"daily": "DAY", "hourly": "HOUR"})


def _exact(column: str) -> str:
    return f"SUM(CAST(CAST({column} AS STRING) AS BIGNUMERIC))"


def _told(column: str, total: str) -> str:
    """Unknown where one row does not tell its part."""
    return f"IF(COUNT({column}) = COUNT(*), {total}, NULL)"


_MORE_KEYS = (
    ("zone", "COALESCE(location.zone, '')"),
    ("adjustment", "COALESCE(adjustment_info.type, adjustment_info.id, '')"),
    ("seller", "COALESCE(seller_name, '')"),
)
_COST_KEYS = (
    ("charge_type", "COALESCE(cost_type, '')"),
    ("description", "COALESCE(sku.description, '')"),
    ("unit", "COALESCE(usage.unit, '')"),
    ("pricing_unit", "COALESCE(usage.pricing_unit, '')"),
)
_RATE = ("conversion_rate", "CASE WHEN currency = 'USD' THEN '' ELSE CAST(currency_conversion_rate AS STRING) END")
"""Of dollars in the currency of the bill, by which Google has converted its prices: one a month."""
_COST_SUMS = (
    ("amount", _told("cost", _exact("cost"))),
    ("list_amount", _told("cost_at_list", _exact("cost_at_list"))),
    ("quantity", _told("usage.amount", _exact("usage.amount"))),
    ("pricing_quantity", _told("usage.amount_in_pricing_units", _exact("usage.amount_in_pricing_units"))),
    ("kind", "'cost'"),
)
_CREDIT_KEYS = (
    ("charge_type", "COALESCE(credit.type, '')"),
    ("description", "COALESCE(credit.full_name, credit.name, '')"),
)
_CREDIT_SUMS = (
    ("unit", "CAST(NULL AS STRING)"),
    ("pricing_unit", "CAST(NULL AS STRING)"),
    ("amount", _told("credit.amount", _exact("credit.amount"))),
    ("list_amount", "CAST(NULL AS BIGNUMERIC)"),
    ("quantity", "CAST(NULL AS BIGNUMERIC)"),
    ("pricing_quantity", "CAST(NULL AS BIGNUMERIC)"),
    ("kind", "'credit'"),
)
_COUNTS = (("found", "COUNT(*)"), ("exported", "MAX(export_time)"))

_FOCUS_TEXTS: Mapping[str, str] = MappingProxyType(
    {
        "currency": "BillingCurrency",
        "service_name": "ServiceName",
        "sku_id": "SkuId",
        "sku_price_id": "SkuPriceId",
        "project_id": "SubAccountId",
        "project_name": "SubAccountName",
        "region": "RegionId",
        "zone": "AvailabilityZone",
        "resource_id": "ResourceId",
        "category": "ChargeCategory",
        "charge_class": "ChargeClass",
        "description": "ChargeDescription",
        "charge_type": "x_CostType",
        "unit": "ConsumedUnit",
        "pricing_unit": "PricingUnit",
        "pricing_category": "PricingCategory",
    }
)
DETAILS = (
    "BillingAccountId",
    "ProviderName",
    "PublisherName",
    "RegionName",
    "ResourceName",
    "x_Location",
    "x_ServiceId",
)
"""Columns of FOCUS that a line has no field for, and which tell lines apart."""
_FOCUS_SUMS: Mapping[str, str] = MappingProxyType(
    {
        "amount": "BilledCost",
        "effective": "EffectiveCost",
        "list_amount": "ListCost",
        "contracted": "ContractedCost",
        "quantity": "ConsumedQuantity",
        "pricing_quantity": "PricingQuantity",
    }
)
_CREDITS = "SUM((SELECT SUM(credit.Amount) FROM UNNEST(x_Credits) AS credit))"


def sql_of(table: str, kind: str, granularity: str, by: str) -> str:
    """The query; its parameters are ``partition``, and ``month`` or, of FOCUS, ``start`` and ``end``."""
    step = _STEPS[granularity]
    return _focus(table, step, by) if kind == "focus" else _usage(table, kind, step, by)


def _usage(table: str, kind: str, step: str, by: str) -> str:
    day = ("day", f"TIMESTAMP_TRUNC(usage_start_time, {step})")
    keys = (day, *USAGE_KEYS, *_MORE_KEYS, _RATE, *((RESOURCE,) if kind == "detailed" else ()))
    wanted = f"{by} >= @partition AND invoice.month = @month"
    costs = _select((*keys, *_COST_KEYS), (*_COST_SUMS, *_COUNTS), f"`{table}`", wanted)
    granted = _select(
        (*keys, *_CREDIT_KEYS), (*_CREDIT_SUMS, *_COUNTS), f"`{table}`, UNNEST(credits) AS credit", wanted
    )
    return f"{costs}\nUNION ALL\n{granted}"


def _focus(table: str, step: str, by: str) -> str:
    texts = {**_FOCUS_TEXTS, **{f"detail_{number}": name for number, name in enumerate(DETAILS)}}
    keys = (
        ("day", f"TIMESTAMP_TRUNC(ChargePeriodStart, {step})"),
        *((name, f"COALESCE({column}, '')") for name, column in texts.items()),
        ("labels", "TO_JSON_STRING(x_Labels)"),
    )
    sums = tuple((name, _told(column, f"SUM({column})")) for name, column in _FOCUS_SUMS.items())
    counts = (("granted", _CREDITS), ("found", "COUNT(*)"), ("exported", "MAX(x_ExportTime)"), ("kind", "'cost'"))
    wanted = f"{by} >= @partition AND BillingPeriodStart >= @start AND BillingPeriodStart < @end"
    return _select(keys, (*sums, *counts), f"`{table}`", wanted)


def _select(keys: _Columns, sums: _Columns, source: str, condition: str) -> str:
    columns = ",\n  ".join(f"{expression} AS {name}" for name, expression in (*keys, *sums))
    places = ", ".join(str(place) for place in range(1, len(keys) + 1))
    return f"SELECT\n  {columns}\nFROM {source}\nWHERE {condition}\nGROUP BY {places}"
