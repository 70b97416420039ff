"""Columns of numbers in the forms that Postgres reads without parsing: built by numpy, in one piece.

A point's key is one unsigned number of 64 bits: the series in the upper half, the seconds since 1970 in the lower.
It sorts as (series, start) does. Both fit: ids are positive int4, and the years up to 2100 are accepted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg.abc import AdaptContext
from psycopg.adapt import Dumper
from psycopg.pq import Format

Keys = NDArray[np.uint64]
Values = NDArray[np.float64]

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # Postgres counts from here
_EPOCH_SECONDS = int(_EPOCH.timestamp())
_MICROSECOND = timedelta(microseconds=1)
_HALF = np.uint64(32)
_COPY_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
_COPY_END = b"\xff\xff"
# A field is its length and then its value, all big-endian.
_POINT_ROW = np.dtype(
    [("fields", ">i2"), ("a", ">i4"), ("series", ">i4"), ("b", ">i4"), ("start", ">i8"), ("c", ">i4"), ("value", ">f8")]
)


class BinaryArray:
    """A parameter for ``%b``: a Postgres array in its binary form."""

    def __init__(self, column: NDArray[Any], oid: int, form: str) -> None:
        size = np.dtype(form).itemsize
        items = np.empty(len(column), dtype=[("size", ">i4"), ("value", form)])
        items["size"], items["value"] = size, column
        # Dimensions, whether there are nulls, the type, and then length and lower bound of the only dimension.
        self.wire = np.array([1, 0, oid, len(column), 1], dtype=">i4").tobytes() + items.tobytes()


def int4s(column: Sequence[int] | NDArray[Any]) -> BinaryArray:
    """As ``int4[]``."""
    return BinaryArray(np.asarray(column, dtype=np.int64), 23, ">i4")


def int8s(column: Sequence[int] | NDArray[Any]) -> BinaryArray:
    """As ``int8[]``."""
    return BinaryArray(np.asarray(column), 20, ">i8")


def float8s(column: Values) -> BinaryArray:
    """As ``float8[]``."""
    return BinaryArray(column, 701, ">f8")


def seconds(column: Sequence[int] | NDArray[np.int64]) -> BinaryArray:
    """Seconds since 1970 as ``timestamptz[]``."""
    return BinaryArray(_microseconds(np.asarray(column, dtype=np.int64)), 1184, ">i8")


def moments(column: Sequence[datetime]) -> BinaryArray:
    """Times with their zone as ``timestamptz[]``."""
    return BinaryArray(np.array([(moment - _EPOCH) // _MICROSECOND for moment in column], np.int64), 1184, ">i8")


class _BinaryArrayDumper(Dumper):
    format = Format.BINARY
    oid = 0  # the statement casts it

    def dump(self, obj: BinaryArray) -> bytes:
        return obj.wire


def register(context: AdaptContext) -> None:
    """Let a connection take BinaryArray as a parameter."""
    context.adapters.register_dumper(BinaryArray, _BinaryArrayDumper)


def point_keys(series: Sequence[int], index: Sequence[int], start: Sequence[int]) -> Keys:
    """Keys of points: ``series`` are the ids that ``index`` points into, ``start`` is in seconds since 1970."""
    ids = np.array(series, dtype=np.uint64)[np.asarray(index, dtype=np.intp)]
    keys: Keys = (ids << _HALF) | np.asarray(start).astype(np.uint64)
    return keys


def newest(keys: Keys, values: Values) -> tuple[Keys, Values]:
    """Sorted by key; of equal keys the last is kept."""
    if len(keys) and not (keys[1:] > keys[:-1]).all():  # most batches are in order as they come
        order = np.argsort(keys, kind="stable")
        keys, values = keys[order], values[order]
        last = np.ones(len(keys), dtype=bool)
        last[:-1] = keys[1:] != keys[:-1]
        keys, values = keys[last], values[last]
    return keys, values


def days_of(keys: Keys) -> list[int]:
    """The days that points lie in, as days since 1970."""
    return [int(day) for day in np.unique(_starts(keys) // 86_400)]


def points_as_copy(keys: Keys, values: Values) -> bytes:
    """Points as the input of ``COPY ... (FORMAT BINARY)``."""
    rows = np.empty(len(keys), dtype=_POINT_ROW)
    rows["fields"], rows["a"], rows["b"], rows["c"] = 3, 4, 8, 8
    rows["series"], rows["start"], rows["value"] = keys >> _HALF, _microseconds(_starts(keys)), values
    return _COPY_HEADER + rows.tobytes() + _COPY_END


def points_as_arrays(keys: Keys, values: Values) -> dict[str, BinaryArray]:
    """Points as three parameters: series, start, value."""
    return {
        "series": int4s(keys >> _HALF),
        "start": seconds(_starts(keys)),
        "value": float8s(values),
    }


def _starts(keys: Keys) -> NDArray[np.int64]:
    return (keys & np.uint64(0xFFFF_FFFF)).astype(np.int64)


def _microseconds(starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Times as Postgres keeps them."""
    return (starts - _EPOCH_SECONDS) * 1_000_000
