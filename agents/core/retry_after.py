"""How long a server asks to wait."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_WAIT = 3600.0
"""A server that asks for more is asked again after this, since its word may be a mistake."""
_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)


def parse_retry_after(value: str, now: datetime | None = None, longest: float = MAX_WAIT) -> float | None:
    """Seconds to wait by a Retry-After header: a number of seconds, or an HTTP date; None where it is neither."""
    number = parse_seconds(value, longest)
    if number is not None:
        return number
    try:
        moment = parsedate_to_datetime(value.strip())
        if moment.tzinfo is None:  # "-0000": UTC, of an unknown place
            moment = moment.replace(tzinfo=UTC)
        wait = (moment - (now or datetime.now(UTC))).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):  # the library's reader trusts what it reads
        return None
    return min(max(wait, 0.0), longest)


def parse_seconds(value: str, longest: float = MAX_WAIT) -> float | None:
    """A number of seconds, ``longest`` at the most; None where it is none."""
    value = value.strip()
    if not _NUMBER.fullmatch(value) or not math.isfinite(seconds := float(value)):
        return None
    return min(seconds, longest)
