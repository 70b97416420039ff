"""Time into windows, without a database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from telemetry.target import Window, floor_time


def cut(start: datetime, end: datetime, interval: timedelta) -> Iterator[Window]:
    """Cut ``[start, end)`` at every multiple of ``interval`` since 1970 UTC: the first and last may be shorter."""
    edge = floor_time(start, interval) + interval
    while start < end:
        stop = min(edge, end)
        yield Window(start, stop)
        start, edge = stop, edge + interval


def owed(
    start: datetime, end: datetime, pauses: Iterable[tuple[datetime, datetime | None]]
) -> Iterator[tuple[datetime, datetime]]:
    """``[start, end)`` without the pauses, which are given by their start; one without an end goes on for ever."""
    for paused_from, paused_until in pauses:
        if paused_from >= end:
            break
        if paused_from > start:
            yield start, paused_from
        if paused_until is None:
            return
        start = max(start, paused_until)
    if start < end:
        yield start, end
