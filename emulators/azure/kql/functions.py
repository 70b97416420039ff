"""Scalar functions, and the aggregations of `summarize`."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from emulators.azure.kql.values import as_datetime, as_number, as_text, floor_to


def _integer(value: Any) -> int | None:
    number = as_number(value)
    return None if number is None else int(number)


def _boolean(value: Any) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return None if value is None else bool(value)


def _json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value


def _split(value: Any, by: str, index: int | None = None) -> Any:
    parts = as_text(value).split(by)
    if index is None:
        return parts
    return [parts[index]] if 0 <= index < len(parts) else []


def _case(*values: Any) -> Any:
    for index in range(0, len(values) - 1, 2):
        if values[index]:
            return values[index + 1]
    return values[-1]


def _substring(value: Any, start: int, length: int | None = None) -> str:
    text = as_text(value)
    return text[start:] if length is None else text[start : start + length]


def _empty(value: Any) -> bool:
    return value is None or value == ""


SCALARS: dict[str, Callable[..., Any]] = {
    "tolower": lambda value: as_text(value).lower(),
    "toupper": lambda value: as_text(value).upper(),
    "tostring": as_text,
    "toint": _integer,
    "tolong": _integer,
    "toreal": as_number,
    "todouble": as_number,
    "tobool": _boolean,
    "todatetime": as_datetime,
    "todynamic": _json,
    "parse_json": _json,
    "isempty": _empty,
    "isnotempty": lambda value: not _empty(value),
    "isnull": lambda value: value is None,
    "isnotnull": lambda value: value is not None,
    "iff": lambda test, yes, no: yes if test else no,
    "iif": lambda test, yes, no: yes if test else no,
    "case": _case,
    "coalesce": lambda *values: next((value for value in values if value is not None), None),
    "strcat": lambda *values: "".join(map(as_text, values)),
    "strlen": lambda value: len(as_text(value)),
    "split": _split,
    "substring": _substring,
    "array_length": lambda value: len(value) if isinstance(value, list) else None,
    "bin": floor_to,
    "floor": floor_to,
    "round": lambda value, digits=0: None if value is None else round(value, digits),
    "startofday": lambda value: None if value is None else value.replace(hour=0, minute=0, second=0, microsecond=0),
    "not": lambda value: None if value is None else not value,
}
KEEPS_NAME = {"tostring", "toint", "tolong", "toreal", "todouble", "tobool", "todatetime", "todynamic", "bin", "floor"}
"""Functions whose column is named by their first argument."""


def _present(values: Sequence[Any]) -> list[Any]:
    return [value for value in values if value is not None]


def _mean(values: Sequence[Any]) -> float | None:
    present = _present(values)
    return sum(present) / len(present) if present else None


def _percentile(values: Sequence[Any], share: float) -> Any:
    present = sorted(_present(values))
    return present[max(0, math.ceil(share / 100 * len(present)) - 1)] if present else None


def _deviation(values: Sequence[Any]) -> float | None:
    present = _present(values)
    if len(present) <= 1:
        return 0.0 if present else None
    mean = sum(present) / len(present)
    return math.sqrt(sum((value - mean) ** 2 for value in present) / (len(present) - 1))


AGGREGATIONS: dict[str, Callable[..., Any]] = {
    "count": len,
    "countif": lambda values: sum(bool(value) for value in values),
    "sum": lambda values: sum(_present(values)),
    "avg": _mean,
    "min": lambda values: min(_present(values), default=None),
    "max": lambda values: max(_present(values), default=None),
    "dcount": lambda values: len({as_text(value) for value in _present(values)}),
    "stdev": _deviation,
    "percentile": _percentile,
    "any": lambda values: next(iter(_present(values)), None),
    "take_any": lambda values: next(iter(_present(values)), None),
    "make_list": _present,
    "make_set": lambda values: list(dict.fromkeys(_present(values))),
}
