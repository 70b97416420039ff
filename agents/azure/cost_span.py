"""The time that a caller asks the costs of, in parts that Cost Management takes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from telemetry.target import Window

_DAY = timedelta(days=1)


def span_of(start_date: date, end_date: date) -> Window:
    """Whole days for dates, the last one included; instants at midnight UTC for datetimes, half-open.

    ValueError, or TypeError for what is no date, names the argument, its value and the remedy.
    """
    given = {"start_date": start_date, "end_date": end_date}
    for name, value in given.items():
        if not isinstance(value, date):
            raise TypeError(f"{name}: {value!r}: use a datetime.date, or a datetime.datetime with a time zone")
    instants = [isinstance(value, datetime) for value in given.values()]
    if any(instants) and not all(instants):
        raise ValueError(
            f"start_date: {start_date!r}, end_date: {end_date!r}: use two dates, the last day included, or two "
            "datetimes, the end excluded"
        )
    start, end = (_moment(name, value) for name, value in given.items())
    end += timedelta(0) if all(instants) else _DAY
    if start >= end:
        raise ValueError(f"end_date: {end_date}: use one that is not before start_date, {start_date}")
    return Window(start, end)


def months_of(window: Window) -> Iterator[Window]:
    """The parts of ``window`` in each calendar month: Azure counts a query by the months that it touches."""
    start = window.start
    while start < window.end:
        following = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
        yield Window(start, min(following, window.end))
        start = following


def _moment(name: str, value: date) -> datetime:
    if not isinstance(value, datetime):
        return datetime.combine(value, time(), UTC)
    if value.utcoffset() is None:
        raise ValueError(f"{name}: {value!r}: add a time zone: datetime.replace(tzinfo=datetime.UTC) for UTC")
    moment = value.astimezone(UTC)
    if moment.time() != time():
        raise ValueError(f"{name}: {value}: use a midnight of UTC: costs are by its days")
    return moment
