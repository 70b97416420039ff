"""The time that a caller asks the costs of, as Cost Explorer can be asked for it."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from agents.aws.costs import Span

GRANULARITIES = ("DAILY", "MONTHLY", "HOURLY")
_DAY = timedelta(days=1)


def span_of(start_date: date, end_date: date, granularity: str) -> Span:
    """Whole days for dates, the last one included; instants for datetimes, half-open.

    ValueError, or TypeError for what is no date, names the argument, its value and the remedy.
    """
    if granularity not in GRANULARITIES:
        raise ValueError(f"granularity: {granularity!r}: use one of {', '.join(GRANULARITIES)}")
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
    start, end = (_moment(name, value, granularity) for name, value in given.items())
    if not instants[1]:
        if end < start:
            raise ValueError(f"end_date: {end_date}: use a day that is not before start_date, {start_date}")
        end += _DAY
    elif end <= start:
        raise ValueError(f"end_date: {end_date}: use a time after start_date, {start_date}: the end is excluded")
    return Span(start, end, granularity)


def _moment(name: str, value: date, granularity: str) -> datetime:
    if not isinstance(value, datetime):
        return datetime.combine(value, time(), UTC)
    if value.utcoffset() is None:
        raise ValueError(f"{name}: {value!r}: add a time zone: datetime.replace(tzinfo=datetime.UTC) for UTC")
    moment = value.astimezone(UTC)
    whole = moment.replace(minute=0, second=0, microsecond=0)
    if granularity == "HOURLY" and moment != whole:
        raise ValueError(f"{name}: {value}: use a whole hour: HOURLY costs are by whole hours of UTC")
    if granularity != "HOURLY" and moment != whole.replace(hour=0):
        raise ValueError(f"{name}: {value}: use a midnight of UTC, or HOURLY: {granularity} costs are by its days")
    return moment
