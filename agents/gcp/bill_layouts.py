"""What the columns of Google's export are in a line of costs, where somebody has put its table into a file.

BigQuery writes records into Parquet and JSON as they are; into CSV people flatten them: ``service.description``. A row
is one line: what is to be paid for it is its cost and its credits together, and the credits are told beside it.
"""

from __future__ import annotations

from agents.core.bills.bill_layouts import BillLayout
from agents.core.bills.focus import FOCUS
from agents.core.bills.layouts import NOTHING, Columns, Layout, quoted
from agents.gcp.export import CATEGORIES
from telemetry.errors import CollectionFailed

_NEEDED = ("cost", "currency", "usage_start_time")
_EXACT = quoted(
    "[+-]?([0-9]{1,9}([.][0-9]{0,28})?|[0-9]([.][0-9]{0,16})?[eE]([+]?0?[0-8]|-0?[0-9]|-1[0-2]))"
)  # fmt: skip
"""Amounts that are added to one another here, before the sums: those of which no digit is lost."""
_DECIMAL = "DECIMAL(38, 28)"


def _is_export(columns: Columns) -> bool:
    return all(name in columns for name in _NEEDED) and ("service" in columns or "service.description" in columns)


def _layout(columns: Columns) -> Layout:
    if missing := [name for name in _NEEDED if name not in columns]:
        there = ", ".join(columns.names[:10])
        raise CollectionFailed(
            f"the file has no column {', '.join(missing)}: it is no export of Google's; it has {there}"
        )
    cost, granted = columns.text("cost"), columns.text("credits")
    paid = _paid(cost, granted)
    kind = columns.text("cost_type")
    known = " ".join(f"WHEN {quoted(one)} THEN {quoted(str(category))}" for one, category in CATEGORIES.items())
    return Layout(
        start=columns.text("usage_start_time"),
        end=columns.text("usage_end_time"),
        currency=columns.text("currency"),
        fields={
            "charge_category": NOTHING if kind == NOTHING else f"CASE {kind} {known} END",
            "charge_type": kind,
            "charge_description": _told(columns, "sku", "description"),
            "service_name": _told(columns, "service", "description"),
            "sub_account_id": _told(columns, "project", "id"),
            "sub_account_name": _told(columns, "project", "name"),
            "region_id": _first(_told(columns, "location", "region"), _told(columns, "location", "location")),
            "availability_zone": _told(columns, "location", "zone"),
            "resource_id": _first(_told(columns, "resource", "global_name"), _told(columns, "resource", "name")),
            "sku_id": _told(columns, "sku", "id"),
            "unit": _told(columns, "usage", "unit"),
            "pricing_unit": _told(columns, "usage", "pricing_unit"),
        },
        numbers={
            "billed_cost": paid,
            "effective_cost": paid,
            "list_cost": columns.text("cost_at_list"),
            "quantity": _told(columns, "usage", "amount"),
            "pricing_quantity": _told(columns, "usage", "amount_in_pricing_units"),
        },
        amounts={} if granted == NOTHING else {"x_Credits": _credits(granted)},
        tags=columns.text("labels"),
        details={"seller_name": columns.text("seller_name"), "BillingAccountId": columns.text("billing_account_id")},
    )


def _begun(columns: Columns) -> str:
    """The invoice month, ``202610``, as a day."""
    month = _told(columns, "invoice", "month")
    return NOTHING if month == NOTHING else f"({month} || '01')"


def _told(columns: Columns, record: str, name: str) -> str:
    """A part of a record: of a column of its own, or of the whole in JSON."""
    flat, whole = columns.text(f"{record}.{name}"), columns.text(record)
    part = NOTHING if whole == NOTHING else _json(whole, f"$.{name}")
    return _first(flat, part)


def _json(whole: str, path: str) -> str:
    return f"CASE WHEN json_valid({whole}) THEN nullif(json_extract_string({whole}, {quoted(path)}), '') END"


def _first(*expressions: str) -> str:
    told = [one for one in expressions if one != NOTHING]
    return NOTHING if not told else told[0] if len(told) == 1 else f"coalesce({', '.join(told)})"


def _credits(granted: str) -> str:
    """The sum of a list of credits; null where there are none. Each has to tell its amount."""
    each = f"CAST(json_extract_string({granted}, '$[*].amount') AS VARCHAR[])"
    told = f"json_type({granted}) = 'ARRAY' AND json_array_length({granted}) = len({each})"
    exact = f"list_bool_and(list_transform({each}, lambda one: coalesce(regexp_full_match(one, {_EXACT}), FALSE)))"
    total = f"CAST(list_sum(list_transform({each}, lambda one: CAST(one AS {_DECIMAL}))) AS VARCHAR)"
    return (
        f"CASE WHEN {granted} IS NULL OR {granted} IN ('[]', '{{}}', 'null') THEN NULL "
        f"WHEN json_valid({granted}) AND {told} AND {exact} THEN {total} "
        f"ELSE error('these credits cannot be added up: ' || left({granted}, 100)) END"
    )


def _paid(cost: str, granted: str) -> str:
    """The cost and the credits; the cost alone where there are none, with all of its digits."""
    if granted == NOTHING:
        return cost
    total = _credits(granted)
    both = f"CAST(CAST({cost} AS {_DECIMAL}) + CAST({total} AS {_DECIMAL}) AS VARCHAR)"
    return (
        f"CASE WHEN {total} IS NULL OR {cost} IS NULL THEN {cost} "
        f"WHEN regexp_full_match({cost}, {_EXACT}) THEN {both} "
        f"ELSE error('this cost has too many digits for its credits to be added: ' || left({cost}, 60)) END"
    )


LAYOUTS = (
    FOCUS,
    BillLayout("export", "Google's standard or detailed export", _is_export, _layout, _begun),
)
"""Of files that a person brings."""
