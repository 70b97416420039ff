"""What is wrong with a value, in the words of YAML and JSON: a library speaks those of Python (tuple, str, dict).

Used for the configuration and for messages that are pushed. Values are shown as they were written there.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from telemetry.amounts import in_digits
from telemetry.closest import did_you_mean
from telemetry.text import shown

Fault = Mapping[str, Any]
"""One of ``pydantic.ValidationError.errors()``."""

NUMBER = "write a number, such as 5 or 0.5"
WHOLE = "write a whole number, such as 8"
AMOUNT = "write an amount, such as 2.50"
TEXT = "write a text, in quotes where it looks like something else"
LIST = "write a list, such as [a, b]"
KEYS = "write keys with their values here"
SWITCH = "write true or false"
TIME = "write a time with its zone: 2026-11-24T05:00:00Z"
DAY = "write a day: 2026-11-24"
DURATION = "write seconds, or a number with s, m, h or d: 300, 5m, 2h"
_SHOWN = 60
_ITEMS = 30
_OTHER = "is not what belongs here"

_WANTED = {
    "missing": "is missing: add it",
    "extra_forbidden": "there is no such key: leave it out",
    "none_required": "leave it out",
    "finite_number": NUMBER,
    "union_tag_not_found": "kind: is missing: it says which keys there are",
    "invalid_key": "write the key as a text, in quotes",
    "json_invalid": "is not JSON",
    "json_type": "is not JSON",
    "timezone_aware": TIME,
    "recursion_loop": "stands for what it is a part of",
}
_BEGINNINGS = (
    ("string_type", TEXT),
    ("string_unicode", "write text that UTF-8 has"),
    ("secret_", TEXT),
    ("bytes_", TEXT),
    ("int_", WHOLE),
    ("float_", NUMBER),
    ("decimal_", AMOUNT),
    ("bool_", SWITCH),
    ("tuple_", LIST),
    ("list_", LIST),
    ("set_", LIST),
    ("frozen_set_", LIST),
    ("iterable_", LIST),
    ("dict_", KEYS),
    ("mapping_", KEYS),
    ("model_", KEYS),
    ("dataclass_", KEYS),
    ("time_delta_", DURATION),
    ("datetime_", TIME),
    ("timezone_", TIME),
    ("date_", DAY),
    ("time_", TIME),
)
_LIMITS: Mapping[str, tuple[str, str]] = {
    "greater_than": ("gt", "must be more than {}"),
    "greater_than_equal": ("ge", "must be at least {}"),
    "less_than": ("lt", "must be less than {}"),
    "less_than_equal": ("le", "must be at most {}"),
    "too_long": ("max_length", "write {} at the most"),
    "too_short": ("min_length", "write {} at least"),
    "string_too_long": ("max_length", "at most {} characters"),
    "string_too_short": ("min_length", "write at least {} characters"),
    "multiple_of": ("multiple_of", "must be a multiple of {}"),
}


def wanted(fault: Fault, examples: Callable[[], tuple[str, ...]] = tuple) -> str:
    """What belongs in the place of a fault, and never a word of Python's. ``examples`` are of that place."""
    kind, context = str(fault["type"]), fault.get("ctx") or {}
    if kind in {"value_error", "assertion_error"}:
        return str(context.get("error") or fault["msg"]).removeprefix("Value error, ")
    if kind in _LIMITS:
        return _limit(kind, context)
    if kind in {"literal_error", "enum"}:
        return did_you_mean(_plain(fault.get("input")), _choices(context.get("expected")))
    if kind == "union_tag_invalid":
        return f"kind: {did_you_mean(str(context.get('tag', '')), _choices(context.get('expected_tags')))}"
    found = _WANTED.get(kind) or next((text for start, text in _BEGINNINGS if kind.startswith(start)), _OTHER)
    return f"write it as {' or '.join(examples())}" if found == _OTHER and examples() else found


def _limit(kind: str, context: Mapping[str, Any]) -> str:
    name, text = _LIMITS[kind]
    limit = context.get(name)
    if name == "min_length" and limit == 1:
        return "must not be empty"
    return text.format(limit)


def written(value: Any, limit: int = _SHOWN) -> str:
    """A value as YAML and JSON have it, shortened; bytes as the text that they are, or in hexadecimal."""
    match value:
        case str():
            text = f"'{shown(value[:limit])}'"
        case bytes() | bytearray() | memoryview():
            text = _bytes(bytes(value[:limit]))
        case None:
            text = "null"
        case bool():
            text = "true" if value else "false"
        case Decimal():
            text = in_digits(value)
        case int() if abs(value) >= 10**_SHOWN:
            text = "a number of more than 60 digits"
        case int() | float():
            text = str(value)
        case _:
            text = shown(_json(value))
    return text if len(text) <= limit + 2 else f"{text[:limit]}..."


def _bytes(value: bytes) -> str:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        # Cut in the middle of a character, perhaps.
        text = value[: error.start].decode("utf-8") if len(value) - error.start < 4 and error.start else ""  # noqa: PLR2004 - bytes of a character
    return f"'{text}'" if text.isprintable() and text else f"bytes {value[:16].hex(' ')}"


def _json(value: Any) -> str:
    return json.dumps(_beginning(value), ensure_ascii=False, default=lambda other: str(other)[:_SHOWN])


def _beginning(value: Any, depth: int = 4) -> Any:
    """As much of a value as can be shown: it may be as large as a message."""
    match value:
        case dict() if depth:
            items = itertools.islice(value.items(), _ITEMS)
            return {str(key)[:_SHOWN]: _beginning(item, depth - 1) for key, item in items}
        case list() | tuple() if depth:
            return [_beginning(item, depth - 1) for item in value[:_ITEMS]]
        case dict() | list() | tuple():
            return "..."
        case str():
            return value[:_SHOWN]
        case int() if abs(value) >= 10**_SHOWN:
            return "..."
    return value


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else written(value)


def _choices(expected: Any) -> list[str]:
    """What pydantic lists: ``'public', 'china' or 'usgov'``."""
    listed = str(expected).replace(" or ", ", ")
    return [part.strip().strip("'") for part in listed.split(",") if part.strip()]
