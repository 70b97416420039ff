"""From the dictionaries of a script to a pushed message.

::

    {"gpu_utilization": 85.5, "timestamp": datetime.now()}     of the source itself
    {"node-1": {"load": 0.5}, "node-2": {"load": 1.5}}         of things with names
    [{...}, {...}]                                             several of either
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from numbers import Real
from typing import Any

import msgspec

from telemetry.errors import InvalidRecord

TIMESTAMP = "timestamp"


def push_message(source: str, metrics: Mapping[str, Any] | Sequence[Mapping[str, Any]], now: datetime) -> bytes:
    """The message of telemetry.push.message in JSON; InvalidRecord names what in ``metrics`` cannot be one.

    Numbers become metrics, texts and flags describe the thing they stand beside. None and nan are not known, and left
    out. A ``timestamp`` without a zone is of this machine's.
    """
    resources: dict[str, dict[str, Any]] = {}
    values: dict[tuple[str, str, str], dict[str, Any]] = {}
    for name, thing in _things(source, metrics):
        resource = resources.setdefault(name, {"id": name, "attributes": {}})
        when = _time(name, thing.get(TIMESTAMP), now)
        for metric, value in thing.items():
            if metric == TIMESTAMP or value is None:
                continue
            if isinstance(value, str | bool):
                resource["attributes"][metric] = value
            elif (number := _number(f"{name}.{metric}", value)) is not None:
                values[name, metric, when] = {"resource": name, "name": metric, "value": number, "time": when}
    message = {
        "source": source,
        "sent_at": now.isoformat(),
        "resources": list(resources.values()),
        "metrics": list(values.values()),
    }
    try:
        return msgspec.json.encode(message)
    except UnicodeEncodeError as error:
        raise InvalidRecord("metrics", repr(error.object)[:60], "text that UTF-8 has, not half a character") from None


def _things(source: str, metrics: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(metrics, Mapping):
        nested = {name: value for name, value in metrics.items() if isinstance(value, Mapping)}
        flat = {name: value for name, value in metrics.items() if name not in nested}
        if flat or not nested:
            yield source, flat
        yield from ((str(name), thing) for name, thing in nested.items())
    elif isinstance(metrics, Sequence) and not isinstance(metrics, str | bytes):
        for one in metrics:
            yield from _things(source, one)
    else:
        raise InvalidRecord("metrics", repr(metrics)[:60], "a dictionary of numbers by name, or a list of such")


def _number(path: str, value: Any) -> float | None:
    if not isinstance(value, Real | Decimal):
        raise InvalidRecord(path, repr(value)[:60], "a number, a text, or None where it is not known")
    try:
        number = float(value)
    except OverflowError:  # a whole number of more than 308 digits
        number = math.inf
    if math.isinf(number):
        raise InvalidRecord(path, repr(value)[:60], "a finite number, or None where it is not known")
    return None if math.isnan(number) else number


def _time(name: str, value: Any, now: datetime) -> str:
    if value is None:
        return now.isoformat()
    if isinstance(value, bool) or not isinstance(value, datetime | int | float | str):
        raise InvalidRecord(f"{name}.{TIMESTAMP}", repr(value)[:60], "a datetime, or seconds since 1970")
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        moment = value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)
        return moment.astimezone(UTC).isoformat()
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidRecord(f"{name}.{TIMESTAMP}", repr(value)[:60], f"a time ({error})") from None
