"""The time that a caller means by two arguments, ``start_date`` and ``end_date``: the same rule for every provider."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

from telemetry.target import Window

_DAY = timedelta(days=1)


def _any(_: datetime) -> str:
    return ""


def span_of(start_date: date, end_date: date, fault: Callable[[datetime], str] = _any) -> Window:
    """Whole days of UTC for dates, **both ends included**; instants for datetimes with a zone, half-open.

    ``fault`` says of an instant why it cannot be asked for, and what can, or nothing. ValueError, or TypeError for what
    is no date, names the argument, its value and the remedy.
    """
    given = {"start_date": start_date, "end_date": end_date}
    for name, value in given.items():
        if not isinstance(value, date):
            raise TypeError(f"{name}: {value!r}: use a datetime.date, or a datetime.datetime with a time zone")
    if isinstance(start_date, datetime) != isinstance(end_date, datetime):
        raise ValueError(
            f"start_date: {start_date!r}, end_date: {end_date!r}: use two dates, the last day included, or two "
            "datetimes, the end excluded"
        )
    start, end = (_moment(name, value, fault) for name, value in given.items())
    if not isinstance(end_date, datetime):
        if end < start:
            raise ValueError(f"end_date: {end_date}: use a day that is not before start_date, {start_date}")
        if end_date == date.max:
            raise ValueError(f"end_date: {end_date}: use a day before the last that there is")
        end += _DAY
    elif end <= start:
        raise ValueError(f"end_date: {end_date}: use a time after start_date, {start_date}: the end is excluded")
    return Window(start, end)


def days_only(moment: datetime) -> str:
    """The fault of an instant that is no midnight of UTC."""
    return "" if moment.time() == time() else "use a midnight of UTC: costs are by its days"


def _moment(name: str, value: date, fault: Callable[[datetime], str]) -> datetime:
    if not isinstance(value, datetime):
        return datetime.combine(value, time(), UTC)
    if value.utcoffset() is None:
        raise ValueError(f"{name}: {value!r}: add a time zone: datetime.replace(tzinfo=datetime.UTC) for UTC")
    moment = value.astimezone(UTC)
    if said := fault(moment):
        raise ValueError(f"{name}: {value}: {said}")
    return moment
