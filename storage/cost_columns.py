"""The columns of a line of costs, made from CostLine: of the table, and of COPY into it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

import msgspec

from telemetry.costs import CostLine

_FOCUS_NAMES: Mapping[str, str] = {
    "start": "charge_period_start",
    "end": "charge_period_end",
    "currency": "billing_currency",
    "quantity": "consumed_quantity",
    "unit": "consumed_unit",
}
"""Where a column has FOCUS's own name, and the field a short one."""

FIELDS: Mapping[str, object] = {
    _FOCUS_NAMES.get(field.name, field.name): field.type for field in msgspec.structs.fields(CostLine)
}
"""The types of the fields by the names of their columns, in the order that both have."""

_names = list(FIELDS)
LATER = frozenset(_names[_names.index("billing_period_end") + 1 :])
"""Columns that a former release does not write."""

_encode = msgspec.json.Encoder(decimal_format="number").encode  # jsonb keeps every digit of a number
_values: Callable[[CostLine], tuple[Any, ...]] = attrgetter(*CostLine.__struct_fields__)


def values_of(line: CostLine) -> tuple[Any, ...]:
    """What COPY writes of a line."""
    return tuple(_encode(value).decode() if isinstance(value, dict) else value for value in _values(line))
