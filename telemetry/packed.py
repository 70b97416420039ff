"""Columns of numbers in one piece: little-endian, one after the other. None becomes an object on its way.

An array of the standard library holds them, since a collector has no numpy; numpy reads it without a copy.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import Any

INDEX = "I"
"""Four bytes, not negative."""
SECONDS = "q"
"""Eight bytes."""
VALUE = "d"
"""Eight bytes, IEEE 754."""
SIZES = {code: array(code).itemsize for code in (INDEX, SECONDS, VALUE)}
_SWAPPED = sys.byteorder == "big"


def column(code: str, numbers: Iterable[Any] = ()) -> array[Any]:
    """These numbers as an array of this code; itself where it is one."""
    return numbers if isinstance(numbers, array) and numbers.typecode == code else array(code, numbers)


def to_bytes(numbers: object) -> bytes:
    """For msgspec, which asks for what it does not know: a column as it travels."""
    if not isinstance(numbers, array):
        # What msgspec's enc_hook is to raise for what it cannot encode.
        raise NotImplementedError(f"{type(numbers).__name__} has no place in a message")
    if _SWAPPED:
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()


def from_bytes(code: str, data: bytes) -> array[Any]:
    """What :func:`to_bytes` made; ValueError where it is no whole number of numbers."""
    numbers = array(code)
    numbers.frombytes(data)
    if _SWAPPED:
        numbers.byteswap()
    return numbers


def bounds(numbers: Sequence[int]) -> tuple[int, int]:
    """The smallest and the largest. Of few different ones: so many points of a batch have the same time."""
    few = set(numbers)
    return min(few), max(few)
