"""Columns of numbers in the forms that Postgres reads without parsing: built by numpy, in one piece.

A point's key is one unsigned number of 64 bits: the series in the upper half, the seconds since 1970 in the lower.
It sorts as (series, start) does. Both fit: ids are positive int4, and the years up to 2100 are accepted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from psycopg.abc import AdaptContext
from psycopg.adapt import Dumper
from psycopg.pq import Format

Keys = NDArray[np.uint64]
Values = NDArray[np.float64]

_POSTGRES_EPOCH = 946_684_800  # 2000-01-01 in seconds since 1970-01-01
_HALF = np.uint64(32)
_COPY_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_COPY_END = b"\xff\xff"
# A field is its length and then its value, all big-endian.
_POINT_ROW = np.dtype(
    [("fields", ">i2"), ("a", ">i4"), ("series", ">i4"), ("b", ">i4"), ("start", ">i8"), ("c", ">i4"), ("value", ">f8")]
)
_INT4, _FLOAT8, _TIMESTAMPTZ = (23, 4, ">i4"), (701, 8, ">f8"), (1184, 8, ">i8")  # type oid, bytes, form


class BinaryArray:
    """A parameter for ``%b``: a Postgres array in its binary form."""

    def __init__(self, column: NDArray[np.generic], kind: tuple[int, int, str]) -> None:
        oid, size, form = kind
        items = np.empty(len(column), dtype=[("size", ">i4"), ("value", form)])
        items["size"], items["value"] = size, column
        # Dimensions, whether there are nulls, the type, and then length and lower bound of the only dimension.
        self.wire = np.array([1, 0, oid, len(column), 1], dtype=">i4").tobytes() + items.tobytes()


class _BinaryArrayDumper(Dumper):
    format = Format.BINARY
    oid = 0  # the statement casts it

    def dump(self, obj: BinaryArray) -> bytes:
        return obj.wire


def register(context: AdaptContext) -> None:
    """Let a connection or cursor take BinaryArray as a parameter."""
    context.adapters.register_dumper(BinaryArray, _BinaryArrayDumper)


def point_keys(series: Sequence[int], index: Sequence[int], start: Sequence[int]) -> Keys:
    """Keys of points: ``series`` are the ids that ``index`` points into, ``start`` is in seconds since 1970."""
    ids = np.array(series, dtype=np.uint64)[np.array(index, dtype=np.intp)]
    keys: Keys = (ids << _HALF) | np.array(start, dtype=np.uint64)
    return keys


def newest(keys: Keys, values: Values) -> tuple[Keys, Values]:
    """Sorted by key; of equal keys the last is kept."""
    order = np.argsort(keys, kind="stable")
    keys, values = keys[order], values[order]
    last = np.ones(len(keys), dtype=bool)
    last[:-1] = keys[1:] != keys[:-1]
    return keys[last], values[last]


def days_of(keys: Keys) -> list[int]:
    """The days that points lie in, as days since 1970."""
    return [int(day) for day in np.unique(_starts(keys) // 86_400)]


def points_as_copy(keys: Keys, values: Values) -> bytes:
    """Points as the input of ``COPY ... (FORMAT BINARY)``."""
    rows = np.empty(len(keys), dtype=_POINT_ROW)
    rows["fields"], rows["a"], rows["b"], rows["c"] = 3, 4, 8, 8
    rows["series"], rows["start"], rows["value"] = keys >> _HALF, _microseconds(keys), values
    return _COPY_HEADER + rows.tobytes() + _COPY_END


def points_as_arrays(keys: Keys, values: Values) -> dict[str, BinaryArray]:
    """Points as three parameters: series, start, value."""
    return {
        "series": BinaryArray(keys >> _HALF, _INT4),
        "start": BinaryArray(_microseconds(keys), _TIMESTAMPTZ),
        "value": BinaryArray(values, _FLOAT8),
    }


def _starts(keys: Keys) -> NDArray[np.int64]:
    return (keys & np.uint64(0xFFFF_FFFF)).astype(np.int64)


def _microseconds(keys: Keys) -> NDArray[np.int64]:
    """Starts as Postgres keeps them."""
    return (_starts(keys) - _POSTGRES_EPOCH) * 1_000_000
