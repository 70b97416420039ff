"""In which parts of a window it is known that an instance ran, or was stopped.

Providers tell the time of the last start and of the last stop. Between those two the state is known; beyond them
nothing is said of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from telemetry.target import Window


class State(StrEnum):
    """A state that has a price."""

    RUNNING = "running"
    STOPPED = "stopped"


class StateInterval(NamedTuple):
    """``[start, end)``."""

    state: State
    start: datetime
    end: datetime


class Known(NamedTuple):
    """What a provider tells of a state."""

    state: State
    since: datetime
    #: None where it lasts.
    until: datetime | None = None


def intervals_in(window: Window, now: datetime, known: Iterable[Known]) -> Iterator[StateInterval]:
    """The parts of ``window`` in which the state is known, until ``now`` at the latest."""
    last = min(window.end, now)
    for state, since, until in known:
        start, end = max(window.start, since), min(last, until or last)
        if start < end:
            yield StateInterval(state, start, end)


def priced(intervals: Iterable[StateInterval], *, by_type: bool) -> Iterator[StateInterval]:
    """Those whose price can be known: of one that ran only where it is known of which type it was (``by_type``)."""
    return (interval for interval in intervals if by_type or interval.state is State.STOPPED)


def length(intervals: Iterable[StateInterval]) -> timedelta:
    """For how long the state is known."""
    return sum((interval.end - interval.start for interval in intervals), timedelta(0))


def length_between(window: Window, since: datetime | None, until: datetime) -> timedelta:
    """How much of ``window`` lies between the two; from its start where nobody knows since when."""
    return max(min(window.end, until) - max(window.start, since or window.start), timedelta(0))


def covers(times: Iterable[tuple[datetime, datetime]], window: Window) -> bool:
    """Whether these times, in their order, are all of ``window``."""
    until = window.start
    for start, end in times:
        if start <= until:
            until = max(until, end)
    return until >= window.end
