"""How long a server asks to wait."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_WAIT = 3600.0
"""A server that asks for more is asked again after this, since its word may be a mistake."""


def parse_retry_after(value: str, now: datetime | None = None) -> float | None:
    """Seconds to wait by a Retry-After header: a number of seconds, or an HTTP date; None where it is neither."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value), MAX_WAIT)
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:  # "-0000": UTC, of an unknown place
            moment = moment.replace(tzinfo=UTC)
        wait = (moment - (now or datetime.now(UTC))).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):  # the library's reader trusts what it reads
        return None
    return min(max(wait, 0.0), MAX_WAIT)
