"""A span of time in the parts that Cost Management counts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from telemetry.target import Window


def months_of(window: Window) -> Iterator[Window]:
    """The parts of ``window`` in each calendar month: Azure counts a query by the months that it touches."""
    start = window.start
    while start < window.end:
        following = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
        yield Window(start, min(following, window.end))
        start = following
