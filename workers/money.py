"""Dollars as a person reads them: cents, and below a dollar two decimals more where there are; never a false zero."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

_CENT = Decimal("0.01")
_LEAST = Decimal("0.0001")
_SIGNS = {"at least": ">= ", "at most": "<= ", "about": "~ ", "at least about": ">= "}


def dollars(usd: Decimal) -> str:
    """``12.30``, ``0.06``, ``0.0042``, ``0``; ``< 0.0001`` for what is less and not nothing."""
    if not usd:
        return "0"
    if 0 < usd < _LEAST:
        return f"< {_LEAST}"
    step = _CENT if abs(usd) >= 1 or usd == usd.quantize(_CENT) else _LEAST
    return f"{usd.quantize(step, ROUND_HALF_EVEN):,f}"


def bounded(usd: Decimal | None, bound: str) -> str:
    """With what it is: ``>= 0.14``; ``unknown`` where it is not known, which is never a zero."""
    if usd is None:
        return "unknown"
    shown = dollars(usd)
    return shown if shown.startswith("<") else f"{_SIGNS.get(bound, '')}{shown}"


def in_bytes(count: int) -> str:
    """``1.2 GB``, in powers of ten, as stores count what they transfer."""
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.3g} {unit}" if count < 999 * size else f"{count / size:.0f} {unit}"
    return f"{count} bytes"


def in_words(usd: Decimal | None, bound: str) -> str:
    """``at least USD 0.14``, ``USD unknown``."""
    if usd is None:
        return "USD unknown"
    return f"{bound} USD {dollars(usd)}".strip()
