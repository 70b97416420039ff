"""Sums and roundings of money that lose no digit: the context of ``decimal`` would round at 28."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal

_EXACT = Context(prec=2000)
_CENT = Decimal("0.01")


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Their sum, to the last digit."""
    found = Decimal(0)
    for amount in amounts:
        found = _EXACT.add(found, amount)
    return found


def less(amount: Decimal, other: Decimal) -> Decimal:
    """What is left of an amount, to the last digit."""
    return _EXACT.subtract(amount, other)


def cents(estimate: float) -> Decimal:
    """An estimate, to the cent."""
    return _EXACT.quantize(Decimal(estimate), _CENT)
