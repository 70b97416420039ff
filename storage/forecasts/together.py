"""Adds up the forecasts of accounts: each is made of its own days, since bills come at different times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from storage.exact import total
from storage.forecasts.outlook import LEAST_TRIES, Month


def together(months: Sequence[Month]) -> Month:
    """One month of several accounts.

    What is not known of one is in none of the sums, and counted in ``left_out``. Bounds are the sums of bounds, and
    errors the mean of errors by what is expected: as if all were off to the same side at once, which is the worst.
    """
    known = [one for one in months if one.total is not None]
    left_out = len(months) - len(known)
    if len(known) == 1:
        return known[0]._replace(left_out=left_out)
    first = months[0].first
    actual = total(one.actual for one in (known or months))
    if not known:
        least = min(months, key=lambda one: one.known_days)
        return months[0]._replace(
            actual=actual, known_days=least.known_days, expected_days=least.expected_days, left_out=left_out
        )
    expected = [one.expected for one in known if one.expected is not None]
    forecast = [one for one in known if one.expected_days]
    methods = {one.method for one in forecast}
    return Month(
        first,
        actual,
        min(one.known_days for one in known),
        total(expected) if forecast else None,
        max(one.expected_days for one in known),
        _sum(known, lambda one: one.low if one.expected_days else one.actual),
        _sum(known, lambda one: one.high if one.expected_days else one.actual),
        methods.pop() if len(methods) == 1 else "several" if methods else "",
        _mean(forecast, lambda one: one.error),
        _mean(forecast, lambda one: one.naive_error),
        min((one.tries for one in forecast), default=0),
        left_out,
    )


def _sum(months: Sequence[Month], of: Callable[[Month], Decimal | None]) -> Decimal | None:
    """None where one of them does not tell it, or nothing is forecast."""
    told = [found for one in months if (found := of(one)) is not None]
    if len(told) < len(months) or not any(one.expected_days for one in months):
        return None
    return total(told)


def _mean(months: Sequence[Month], of: Callable[[Month], float | None]) -> float | None:
    """By what is expected; None where most of that has too few tries for an error."""
    weighed = [(_weight(one), error) for one in months if (error := of(one)) is not None and one.tries >= LEAST_TRIES]
    whole, told = sum(map(_weight, months)), sum(weight for weight, _ in weighed)
    if not told or told < whole / 2:
        return None
    return sum(weight * error for weight, error in weighed) / told


def _weight(month: Month) -> float:
    return 0.0 if month.expected is None else abs(float(month.expected))
