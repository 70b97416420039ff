"""Columns of numbers in Postgres's binary forms, and the key sets of batches, without a database."""

import struct
from datetime import UTC, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from storage.writer import columns
from storage.writer.keysets import KeySet, unpack

KEY = st.tuples(st.integers(1, 2**31 - 1), st.integers(946_684_800, 4_102_444_799))


@given(st.lists(st.tuples(KEY, st.floats(allow_nan=False)), max_size=50))
def test_of_equal_keys_the_last_is_kept_and_all_are_sorted(rows: list[tuple[tuple[int, int], float]]) -> None:
    ids = [series for (series, _), _ in rows]
    keys = columns.point_keys(ids, list(range(len(rows))), [start for (_, start), _ in rows])
    keys, values = columns.newest(keys, np.array([value for _, value in rows]))
    kept = [((int(key) >> 32, int(key) & 0xFFFF_FFFF), value) for key, value in zip(keys, values.tolist(), strict=True)]
    assert kept == sorted(dict(rows).items())


def test_copy_input_is_what_postgres_documents() -> None:
    keys = columns.point_keys([7], [0], [946_684_801])  # one second into the year 2000
    row = struct.pack(">h i i i q i d", 3, 4, 7, 8, 1_000_000, 8, 1.5)
    expected = b"PGCOPY\n\xff\r\n\x00" + struct.pack(">ii", 0, 0) + row + struct.pack(">h", -1)
    assert columns.points_as_copy(keys, np.array([1.5])) == expected


def test_an_array_is_what_postgres_documents() -> None:
    head = struct.pack(">iiiii", 1, 0, 23, 2, 1)
    assert columns.int4s([5, -1]).wire == head + struct.pack(">iiii", 4, 5, 4, -1)
    moment = datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert columns.moments([moment]).wire == struct.pack(">iiiii i q", 1, 0, 1184, 1, 1, 8, -1)


def test_days_are_of_utc() -> None:
    keys = columns.point_keys([1, 2], [0, 1, 1], [86_399, 86_400, 86_401])
    assert columns.days_of(keys) == [0, 1]


@given(st.sets(KEY, max_size=50), st.sets(st.tuples(KEY, st.integers(1, 2**31 - 1)), max_size=20))
def test_a_key_set_comes_back(points: set[tuple[int, int]], rates: set[tuple[tuple[int, int], int]]) -> None:
    ordered = sorted(points)
    keys = columns.point_keys([series for series, _ in ordered], range(len(ordered)), [start for _, start in ordered])
    rate_keys = frozenset((resource, start, period) for (resource, start), period in rates)
    back = unpack(KeySet(keys, rate_keys).pack())
    assert (back.points.tolist(), back.rates) == (keys.tolist(), rate_keys)


def test_no_bytes_are_no_keys() -> None:
    back = unpack(b"")
    assert (len(back.points), back.rates) == (0, frozenset())


def test_a_regular_batch_is_remembered_in_a_few_bytes() -> None:
    series = [1000 + number for number in range(1000) for _ in range(5)]
    starts = [1_764_000_000 + 60 * minute for _ in range(1000) for minute in range(5)]
    packed = KeySet(columns.point_keys(series, range(5000), starts), frozenset()).pack()
    assert len(packed) < 500
