"""Any value as a log line has it: for a person and for a program, and never Python's way of writing it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any

from telemetry.amounts import in_digits
from telemetry.logs.fields import words
from telemetry.target import format_time

_MOST = 20
"""Items of a list that are shown."""

_ODD = (bytes, bytearray, datetime, timedelta, Decimal, Mapping, tuple, list, AbstractSet, BaseException)
Plain = str | int | float | bool


def plain(value: object) -> Plain:
    """A number or a text."""
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if value.bit_length() < 64 else f"a whole number of {value.bit_length()} bits"  # noqa: PLR2004 - what every reader of JSON has
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return text(value)


def text(value: object) -> str:  # noqa: PLR0911 - a case each
    """``value`` as a text."""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return format_time(value) if value.tzinfo is not None else value.isoformat()
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g} s"
    if isinstance(value, Decimal):
        return in_digits(value)
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, BaseException):
        return words(value)
    if isinstance(value, Mapping):
        return _listed([f"{text(key)}={text(item)}" for key, item in islice(value.items(), _MOST)], len(value))
    if isinstance(value, tuple | list | AbstractSet):
        return _listed([text(item) for item in islice(value, _MOST)], len(value))
    return _object(value)


def is_odd(value: object) -> bool:
    """Whether ``%s`` would show it in Python's way."""
    return isinstance(value, _ODD) or (not isinstance(value, date) and _has_no_text(value))


def _listed(items: list[str], count: int) -> str:
    more = [f"{count - len(items)} more"] if count > len(items) else []
    return ", ".join(items + more)


def _object(value: Any) -> str:
    if value is None:
        return "none"
    if not _has_no_text(value):
        return str(value)
    if dataclasses.is_dataclass(value):
        shown = {each.name: getattr(value, each.name) for each in dataclasses.fields(value) if each.repr}
        return text(shown)
    if hasattr(value, "__struct_fields__"):  # of msgspec, which a command that only prints its help need not load
        return text({name: getattr(value, name) for name in value.__struct_fields__})
    return type(value).__name__


def _has_no_text(value: object) -> bool:
    """Whether its ``str`` is its ``repr``: of a class without a text of its own."""
    return type(value).__str__ is object.__str__ and not isinstance(value, bool | int | float)
