"""Amounts of money and quantities in text: what is taken, so that Postgres keeps every digit and sums stay exact."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from decimal import Decimal

MAX_DIGITS = 100
"""In one amount, on both sides of the point together."""
MAX_EXPONENT = 400
"""Of ten, either way, of the first digit: what any float has. Postgres keeps 16,383 digits behind the point."""
REMEDY = (
    f"an amount in ASCII digits such as 12.40 or -1.5E-7: at most {MAX_DIGITS} digits, between 1E-{MAX_EXPONENT} and "
    f"1E+{MAX_EXPONENT}; leave out what is unknown"
)
_FORM = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_MAX_LENGTH = MAX_DIGITS + len("-.E+1234")
_CHARACTERS = b"0123456789+-.eE"
_SHOWN = 60


def parse_amount(text: str) -> Decimal:
    """The amount in ``text``; ValueError in words where it is none, or one that is not taken.

    ``Decimal`` alone also takes ``1_000``, digits of other scripts, blanks around it, NaN and 1E+999999999.
    """
    if len(text) <= _MAX_LENGTH and _FORM.fullmatch(text):
        amount = Decimal(text)
        if is_bounded(amount):
            return amount
    raise ValueError(f"{text[:_SHOWN]!r}: must be {REMEDY}")


def in_digits(amount: Decimal) -> str:
    """``amount`` without an exponent, unless that would take many zeros: ``1E+999999999`` would take a gigabyte."""
    return f"{amount:f}" if amount.is_finite() and abs(amount.adjusted()) < _SHOWN else str(amount)


def is_bounded(amount: Decimal) -> bool:
    """Whether the amount is finite, and has neither too many digits nor too large an exponent."""
    return are_bounded([amount])


def are_bounded(amounts: Collection[Decimal]) -> bool:
    """Whether all of them are; at the price of a few built-in calls for each."""
    if not amounts:
        return True
    texts = list(map(str, amounts))
    if not all(map(Decimal.is_finite, amounts)):
        return False
    exponents = list(map(Decimal.adjusted, amounts))
    if min(exponents) < -MAX_EXPONENT or max(exponents) > MAX_EXPONENT:
        return False
    # Almost all texts are short; only a longer one needs its digits counted.
    return max(map(len, texts)) <= MAX_DIGITS or all(len(one.as_tuple().digits) <= MAX_DIGITS for one in amounts)


def are_plain(texts: Iterable[str]) -> bool:
    """Whether texts that Decimal takes are also written as :func:`parse_amount` wants them."""
    texts = list(texts)
    together = "".join(texts)
    if not together.isascii() or together.encode().translate(None, _CHARACTERS):
        return False
    return max(map(len, texts), default=0) <= _MAX_LENGTH
