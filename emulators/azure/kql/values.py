"""Kusto's values in Python's: how they compare, convert and are told apart."""

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from emulators.azure.kql.errors import KqlError

_UNITS = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "microsecond": 1e-6}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)([a-z]+)")


def timespan(text: str) -> timedelta:
    """`5m`, `1.5h`, `30d` ...

    Raises:
        KqlError: it is none.
    """
    found = _SPAN.fullmatch(text)
    if found is None:
        raise KqlError(f"'{text}' is not a timespan")
    unit = found[2]
    if unit not in _UNITS:
        unit = {"mil": "ms", "mic": "microsecond"}.get(unit[:3], unit[0])
    return timedelta(seconds=float(found[1]) * _UNITS[unit])


def as_datetime(value: Any) -> datetime | None:
    """`todatetime`: an aware time, or null."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def as_text(value: Any) -> str:
    """`tostring`: null is the empty string."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, dict | list):
        import json  # noqa: PLC0415  # dynamic values are seldom printed

        return json.dumps(value, separators=(",", ":"))
    if isinstance(value, float) and value.is_integer():
        return f"{value:.1f}"
    return str(value)


def as_number(value: Any) -> float | int | None:
    """`todouble`: null for what is no number."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    try:
        read = float(value)
    except (TypeError, ValueError):
        return None
    return None if math.isnan(read) else read


def equal(left: Any, right: Any) -> bool | None:
    """`==`, null where both are."""
    if left is None or right is None:
        return None if left is right else False
    return bool(left == right)


def fold(value: Any) -> Any:
    """A string without its case, for the operators that do not tell cases apart."""
    return value.casefold() if isinstance(value, str) else value


def iso(moment: datetime) -> str:
    """As the wire has a time: UTC, seven digits in real, here six or none."""
    text = moment.astimezone(UTC).isoformat().removesuffix("+00:00")
    return f"{text}Z"


def floor_to(value: Any, size: Any) -> Any:
    """`bin`.

    Raises:
        KqlError: the size is not of the value's kind.
    """
    if value is None:
        return None
    if isinstance(value, datetime) and isinstance(size, timedelta):
        start = datetime(1, 1, 1, tzinfo=UTC)
        return start + (value - start) // size * size
    if isinstance(value, int | float) and isinstance(size, int | float):
        return math.floor(value / size) * size
    raise KqlError("bin() takes a datetime with a timespan, or two numbers")


def kind_of(values: list[Any]) -> str:
    """The Kusto type of a column."""
    for value in values:
        if value is None:
            continue
        for python, kusto in (
            (bool, "bool"),
            (int, "long"),
            (float, "real"),
            (datetime, "datetime"),
            (timedelta, "timespan"),
            (dict, "dynamic"),
            (list, "dynamic"),
        ):
            if isinstance(value, python):
                return kusto
        return "string"
    return "string"
