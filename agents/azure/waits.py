"""What the headers of an answer say of waiting: how long, and whether to slow down before there is a 429."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress

from agents.core.limits import LONGEST_WAIT
from agents.core.retry_after import parse_retry_after

_COST = re.compile(r"(?i)x-ms-ratelimit-microsoft\.costmanagement-[a-z]+-retry-after")
_QUERIES = "x-ms-ratelimit-microsoft.costmanagement-qpu-remaining"
_SECONDS = {"QueriesPer10Sec": 10.0, "QueriesPerMin": 60.0, "QueriesPerHour": 300.0}
"""How long to be silent where nothing is left of a span. An hour is looked at again after five minutes."""
_QUOTA, _RESETS = "x-ms-user-quota-remaining", "x-ms-user-quota-resets-after"
_READS = ("x-ms-ratelimit-remaining-subscription-reads", "x-ms-ratelimit-remaining-tenant-reads")
_FEW_READS = 10
_REFILL = 25.0
"""Reads a second that the Resource Manager gives back."""


def wait_of(headers: Mapping[str, str]) -> float | None:
    """Seconds that a refusal asks to wait: the longest that it names; None where it names none."""
    given = [
        _read(headers.get("retry-after"), _after),
        _read(headers.get("retry-after-ms"), _milliseconds),
        _read(headers.get("x-ms-retry-after-ms"), _milliseconds),
        _read(headers.get(_RESETS), _clock),
        *(_read(value, _number) for name, value in headers.items() if _COST.fullmatch(name)),
    ]
    return max((seconds for seconds in given if seconds is not None), default=None)


def pause_of(headers: Mapping[str, str]) -> float:
    """Seconds of silence that keep the next call from being refused; 0 where there is enough left."""
    pauses = [0.0]
    remaining = _read(headers.get(_QUOTA), _number)
    if remaining is not None and remaining < 1:
        pauses.append(_read(headers.get(_RESETS), _clock) or 0.0)
    for name in _READS:
        reads = _read(headers.get(name), _number)
        if reads is not None and reads < _FEW_READS:
            pauses.append((_FEW_READS - reads) / _REFILL)
    for part in (headers.get(_QUERIES) or "").split(","):
        name, _, left = part.strip().partition(":")
        units = _read(left, _number)
        if name in _SECONDS and units is not None and units < 1:
            pauses.append(_SECONDS[name])
    return max(pauses)


def _read(text: str | None, form: Callable[[str], float]) -> float | None:
    with suppress(ValueError):
        if text and math.isfinite(seconds := form(text.strip())):
            return min(max(0.0, seconds), LONGEST_WAIT)
    return None


def _number(text: str) -> float:
    return float(text)


def _milliseconds(text: str) -> float:
    return float(text) / 1000


def _after(text: str) -> float:
    """Seconds, or a date. Azure counts on below zero where the time is over."""
    wait = parse_retry_after(text, longest=LONGEST_WAIT)
    return float(text) if wait is None else wait


def _clock(text: str) -> float:
    """``00:00:05``."""
    hours, minutes, seconds = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
