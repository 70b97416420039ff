"""What a listing says of prices. It tells the present only, and is taken for as much of a window as it holds for."""

from __future__ import annotations

from datetime import datetime, timedelta

from agents.core.pricing import Price
from telemetry.records import CostRate, Resource
from telemetry.target import Window

LISTED = "on_demand_list"
STOPPED = "stopped"
SPOT = "spot"
_PRESENT = timedelta(hours=1)
"""How old a window may be for a listing without times of change to speak of it."""
LATE = "collected more than an hour after the window"


def rate(resource: Resource, start: datetime, end: datetime, price: Price, basis: str) -> CostRate:
    """The price of ``resource`` over ``[start, end)``."""
    return CostRate(
        resource=resource,
        start=start,
        period=int((end - start).total_seconds()),
        amount=price.amount,
        currency=price.currency,
        basis=basis,
    )


def part_since(window: Window, since: datetime, now: datetime) -> Window | None:
    """The part of ``window`` after ``since`` and before ``now``, to the second; None where there is none."""
    start, end = max(window.start, _up(since)), min(window.end, now.replace(microsecond=0))
    return Window(start, end) if start < end else None


def is_present(window: Window, now: datetime) -> bool:
    """Whether what a listing says now can be taken for ``window``: a back-fill of last week it cannot speak of."""
    return window.end > now - _PRESENT


def _up(moment: datetime) -> datetime:
    whole = moment.replace(microsecond=0)
    return whole if whole == moment else whole + timedelta(seconds=1)
