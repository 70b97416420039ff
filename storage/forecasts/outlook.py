"""What months will come to: the days that are known, and a forecast of the others with its error in the past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from storage.anomalies.detect import moved
from storage.exact import cents, total
from storage.forecasts.model import METHODS, Known, days_between, mean

_EVERY = 7
"""Days from one try in the past to the next: each begins on the same weekday as the forecast."""
_TRIES = 40
"""A year is long enough ago."""
LEAST_TRIES = 8
"""With fewer tries nothing is said of the error."""
_KNOWN_SHARE = 0.8
"""So much of the days of a try has to be known: it is compared by those."""
_LEAST_AMOUNT = 0.01
"""What came to less than a cent has no share that it could be off by."""
LARGEST = 1e150
"""Amounts beyond that are no costs, and would not fit into what forecasts are reckoned with."""


@dataclass(frozen=True)
class DailyCosts:
    """The costs of whatever is forecast, on each day that is known, in order."""

    usage: Mapping[date, Decimal]
    #: Taxes, credits, purchases, corrections.
    other: Mapping[date, Decimal]


class Month(NamedTuple):
    """What a month comes to."""

    first: date
    #: What its known days cost, exactly.
    actual: Decimal
    known_days: int
    #: What the others will, to the cent; None: too little is known to say, or they are none.
    expected: Decimal | None
    expected_days: int
    #: Of ten months like this one eight came to something between these; None: not tried often enough.
    low: Decimal | None
    high: Decimal | None
    method: str
    #: By what share of what came the forecast of such days was off, in the mean of its tries; None: see above.
    error: float | None
    #: That of the seasonal naive one, on the same tries.
    naive_error: float | None
    tries: int
    #: Accounts of which too little is known: they are in none of the figures.
    left_out: int = 0

    @property
    def total(self) -> Decimal | None:
        """What it will come to; None: not known."""
        if not self.expected_days:
            return self.actual
        return None if self.expected is None else total([self.actual, self.expected])


class _Try(NamedTuple):
    """A forecast of the past beside what came."""

    expected: float
    actual: float


class _Tried(NamedTuple):
    """By method, its tries; all have the same ones."""

    tries: Mapping[str, Sequence[_Try]]

    @property
    def number(self) -> int:
        return len(self.tries[_FIRST])

    def error(self, method: str) -> float | None:
        """What it was off by in all, as a share of what came."""
        tries = self.tries[method]
        if self.number < LEAST_TRIES:
            return None
        return sum(abs(one.expected - one.actual) for one in tries) / sum(abs(one.actual) for one in tries)

    def bounds(self, method: str) -> tuple[float, float] | None:
        """Between which shares of what was expected eight of ten came; with few tries, between the outermost."""
        if self.number < LEAST_TRIES:
            return None
        shares = sorted(one.actual / one.expected for one in self.tries[method])
        out = (self.number + 1) // 10  # so many lie beyond each bound
        return shares[max(0, out - 1)], shares[-max(1, out)]


_FIRST = next(iter(METHODS))


def outlook(costs: DailyCosts, today: date, months: int) -> list[Month]:
    """This month and the next ones; nothing where no day is known, or a cost is beyond LARGEST."""
    usage = {day: float(cost) for day, cost in costs.usage.items()}
    other = {day: float(costs.other.get(day, 0)) for day in usage}
    if not usage or max(map(abs, [*usage.values(), *other.values()])) > LARGEST:
        return []
    days = list(usage)
    origins = {days[-1] - timedelta(days=_EVERY * number) for number in range(_TRIES + 1)}
    known = {
        day: Known(day, usage, other, days, history) for day, history in moved(usage, origins).items()
    }  # fmt: skip
    now = known.pop(days[-1])
    return [_month(costs, now, known, first) for first in firsts(today, months)]


def firsts(today: date, months: int) -> list[date]:
    """The first days of this month and the next ones."""
    found = [today.replace(day=1)]
    for _ in range(months):
        found.append((found[-1] + timedelta(days=31)).replace(day=1))
    return found


def _month(costs: DailyCosts, known: Known, past: Mapping[date, Known], first: date) -> Month:
    days = days_between(first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1))
    told = [day for day in days if day in known.usage]
    open_days = [day for day in days if day not in known.usage]
    actual = total([*(costs.usage[day] for day in told), *(costs.other.get(day, Decimal(0)) for day in told)])
    if not open_days:
        return Month(first, actual, len(told), None, 0, None, None, "", None, None, 0)
    tried = _try([(day - known.until).days for day in open_days], known, past)
    method = _best(tried)
    found = METHODS[method](known, open_days)
    if found is None:
        method, found = "mean", mean(known, open_days)
    errors = tried.error(method) if method in METHODS else None, tried.error("seasonal naive"), tried.number
    if found is None:
        return Month(first, actual, len(told), None, len(open_days), None, None, "", *errors)
    expected = sum(found)
    bounds = tried.bounds(method) if method in METHODS else None
    low, high = (
        (None, None) if bounds is None
        else sorted(total([actual, cents(expected * share)]) for share in bounds)
    )  # fmt: skip
    return Month(first, actual, len(told), cents(expected), len(open_days), low, high, method, *errors)


def _try(ahead: Sequence[int], known: Known, past: Mapping[date, Known]) -> _Tried:
    """Forecast days that lie so far ahead from each day in the past, and see what came."""
    tries: dict[str, list[_Try]] = {method: [] for method in METHODS}
    for origin, then in past.items():
        days = [origin + timedelta(days=number) for number in ahead if number > 0]
        came = [day for day in days if day in known.usage]
        if not days or len(came) < _KNOWN_SHARE * len(days):
            continue
        actual = sum(known.usage[day] + known.other[day] for day in came)
        expected = {method: sum(forecast(then, came) or ()) for method, forecast in METHODS.items()}
        if min(abs(one) for one in (actual, *expected.values())) >= _LEAST_AMOUNT:
            for method, amount in expected.items():
                tries[method].append(_Try(amount, actual))
    return _Tried(tries)


def _best(tried: _Tried) -> str:
    """The method that was least off; the first where that is not known."""
    errors = {method: error for method in METHODS if (error := tried.error(method)) is not None}
    return min(errors, key=lambda method: errors[method]) if errors else _FIRST
