"""The columns of a line of costs, made from CostLine: of the table, and of COPY into it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

import msgspec

from telemetry.costs import CostLine
from telemetry.recommendations import Json

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

_NULL = r"\N"
_ESCAPED = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
_SPECIAL = ("\\", "\t", "\r")
_BOOLEANS = {True: "t", False: "f", None: _NULL}


def as_copy(lines: Sequence[CostLine], key: str) -> bytes:
    """Lines as the input of COPY in its text form; ``key`` is what comes before their places, a tab at its end.

    Column by column: a bill of a million lines has few times, and many of its columns say the same of each.
    """
    return copied(FIELDS.values(), _columns(lines), len(lines), key)


def copied(kinds: Iterable[object], told: Iterable[Sequence[Any]], count: int, key: str) -> bytes:
    """The same of any records: the types of their fields, and what these hold, field by field."""
    columns = [_WRITERS[kind](column) for kind, column in zip(kinds, told, strict=True)]
    places = [f"{key}{place}" for place in range(count)]
    return "".join(f"{row}\n" for row in map("\t".join, zip(places, *columns, strict=True))).encode()


def _columns(lines: Sequence[CostLine]) -> Iterator[tuple[Any, ...]]:
    return zip(*map(_values, lines), strict=True)


def _texts(column: Sequence[str]) -> Sequence[str]:
    together = "\n".join(column)
    if together.count("\n") == len(column) - 1 and not any(special in together for special in _SPECIAL):
        return column
    return [text.translate(_ESCAPED) for text in column]


def _times(column: Sequence[datetime | None]) -> Sequence[str]:
    known = {time: _NULL if time is None else time.isoformat() for time in set(column)}
    return [known[time] for time in column]


def _numbers(column: Sequence[Decimal | None]) -> Sequence[str]:
    return [_NULL if number is None else str(number) for number in column]


def _integers(column: Sequence[int | None]) -> Sequence[str]:
    return [_NULL if number is None else str(number) for number in column]


def _booleans(column: Sequence[bool | None]) -> Sequence[str]:
    return [_BOOLEANS[value] for value in column]


def _maps(column: Sequence[Mapping[str, object]]) -> Sequence[str]:
    if not any(column):
        return ["{}"] * len(column)
    # Of what is special JSON leaves a backslash alone as it is.
    return [_encode(value).decode().replace("\\", r"\\") if value else "{}" for value in column]


_WRITERS: Mapping[object, Callable[[Sequence[Any]], Sequence[str]]] = {
    str: _texts,
    Json: _texts,
    datetime: _times,
    datetime | None: _times,
    Decimal | None: _numbers,
    int: _integers,
    int | None: _integers,
    bool | None: _booleans,
    dict[str, str]: _maps,
    dict[str, Decimal]: _maps,
}
