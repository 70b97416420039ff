"""The time that a caller asks the costs of, as Cost Explorer can be asked for it."""

from __future__ import annotations

from datetime import date, datetime
from functools import partial

from agents.aws.cost.costs import Span
from agents.core import dates

GRANULARITIES = ("DAILY", "MONTHLY", "HOURLY")


def span_of(start_date: date, end_date: date, granularity: str) -> Span:
    """As agents.core.dates.span_of, at instants that the granularity has."""
    if granularity not in GRANULARITIES:
        raise ValueError(f"granularity: {granularity!r}: use one of {', '.join(GRANULARITIES)}")
    window = dates.span_of(start_date, end_date, partial(_fault, granularity))
    return Span(window.start, window.end, granularity)


def _fault(granularity: str, moment: datetime) -> str:
    whole = moment.replace(minute=0, second=0, microsecond=0)
    if granularity == "HOURLY" and moment != whole:
        return "use a whole hour: HOURLY costs are by whole hours of UTC"
    if granularity != "HOURLY" and moment != whole.replace(hour=0):
        return f"use a midnight of UTC, or HOURLY: {granularity} costs are by its days"
    return ""
