"""Points as numbers in one piece (schema 3): the same values as lists (1 and 2), and no way around the checks."""

import math
import struct
import sys
from array import array
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry import packed, wire_columns
from telemetry.batch import Batch, Points
from telemetry.builder import build_batches, unpack
from telemetry.codec import SCHEMA, decode, describe, encode
from telemetry.errors import InvalidRecord, MessageError
from telemetry.limits import MAX_RECORDS
from telemetry.wire import decompress
from tests.support.hostile_batches import frame, pack
from tests.support.messages import NOW, WINDOW, make_batch, make_run, plain, records

_replace = msgspec.structs.replace
_START = int(WINDOW.start.timestamp())


def _fields(batch: Batch) -> list[Any]:
    """As they travel."""
    fields: list[Any] = msgspec.msgpack.decode(decompress(encode(batch)))
    return fields


def _with(columns: tuple[object, object, object]) -> bytes:
    return frame(pack([*_fields(make_batch())[:7], columns, *_fields(make_batch())[8:]]))


@pytest.mark.parametrize("schema", [1, 2, 3])
def test_older_forms_hold_the_same(schema: int) -> None:
    batch = make_batch()
    older = decode(frame(pack(batch), schema))
    assert isinstance(older, Batch)
    assert plain(older) == plain(batch) == plain(decode(encode(batch)))
    assert list(map(plain, unpack(older))) == list(map(plain, unpack(batch)))


def test_they_travel_little_endian_whatever_held_them() -> None:
    batch = make_batch()
    lists = _replace(
        batch, points=Points(*(list(getattr(batch.points, name)) for name in ("series", "start", "value")))
    )
    assert encode(lists) == encode(batch)
    series, start, value = _fields(batch)[7]
    count = len(batch.points.series)
    assert struct.unpack(f"<{count}I", series) == tuple(batch.points.series)
    assert struct.unpack(f"<{count}q", start) == tuple(batch.points.start)
    assert struct.unpack(f"<{count}d", value) == tuple(batch.points.value)
    assert encode(batch)[2] == SCHEMA == 3


def test_a_machine_of_the_other_order_writes_and_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = array("q", [1, -2, 2**40])
    there = array("q", numbers)
    there.byteswap()  # the bytes that such a machine holds
    assert sys.byteorder == "little"
    monkeypatch.setattr(packed, "_SWAPPED", True)
    assert packed.to_bytes(there) == numbers.tobytes()
    assert packed.from_bytes("q", numbers.tobytes()) == there


def test_a_decoded_point_is_no_object_of_its_own() -> None:
    found = decode(encode(make_batch()))
    assert isinstance(found, Batch)
    assert [type(column) for column in (found.points.series, found.points.start, found.points.value)] == [array] * 3


def _columns(series: bytes = b"", start: bytes = b"", value: bytes = b"") -> tuple[bytes, bytes, bytes]:
    return (
        series or struct.pack("<4I", 0, 1, 2, 3),
        start or struct.pack("<4q", *[_START] * 4),
        value or struct.pack("<4d", 1, 2, 3, 4),
    )


_IMPOSSIBLE = [
    (_columns(series=struct.pack("<4i", -1, 1, 2, 3)), r"points.series\[0\]: 4294967295: an index into the 4 series"),
    (_columns(series=struct.pack("<4I", 0, 1, 2, 4)), r"points.series\[3\]: 4: an index"),
    (_columns(start=struct.pack("<4q", _START, -1, _START, _START)), r"points.start\[1\]: -1: inside the window"),
    (_columns(start=struct.pack("<4q", *[_START] * 3, 2**63 - 1)), r"points.start\[3\]: 9223372036854775807"),
    (_columns(value=struct.pack("<4d", 1, math.nan, 1, 1)), r"points.value\[1\]: nan: a finite"),
    (_columns(value=struct.pack("<4d", math.inf, -math.inf, 1, 1)), r"points.value\[0\]: inf: a finite"),
    (_columns(value=struct.pack("<3d", 1, 1, 1)), "three columns of the same length"),
    (_columns(series=bytes(17)), "points.series: '17 bytes': a multiple of 4"),
    (_columns(start=bytes(31)), "points.start: '31 bytes': a multiple of 8"),
    (_columns(value=bytes(1)), "points.value: '1 bytes': a multiple of 8"),
]


@pytest.mark.parametrize("wide", [False, True], ids=["short", "wide"])
@pytest.mark.parametrize(("columns", "says"), _IMPOSSIBLE, ids=[says for _, says in _IMPOSSIBLE])
def test_impossible_columns_are_named(
    columns: tuple[bytes, bytes, bytes], says: str, wide: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if wide:
        monkeypatch.setattr(wire_columns, "AT_ONCE", 0)
    with pytest.raises(InvalidRecord, match=says):
        decode(_with(columns))


@pytest.mark.parametrize(
    "columns",
    [
        ("text", b"", b""),
        (_columns()[0], None, _columns()[2]),
        (msgspec.Raw(b"\xc6\xff\xff\xff\xff"), b"", b""),
        (msgspec.Raw(b"\xc4\x10"), b"", b""),
        (msgspec.msgpack.Ext(5, bytes(16)), *_columns()[1:]),
    ],
)
def test_what_is_no_column_is_refused(columns: tuple[Any, Any, Any]) -> None:
    body = _with(columns)
    with pytest.raises(MessageError):
        decode(body)
    msgspec.json.encode(describe(body))


def test_more_than_a_message_may_hold_is_refused_by_its_head(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("made before it was counted")

    monkeypatch.setattr(wire_columns, "AT_ONCE", 0)
    monkeypatch.setattr(packed, "from_bytes", never)
    many = MAX_RECORDS + 1
    for columns in (_columns(series=bytes(4 * many)), _columns(start=bytes(8 * many)), _columns(value=bytes(8 * many))):
        with pytest.raises(InvalidRecord, match="at most 20000 in one message"):
            decode(_with(columns))


def test_values_whose_sum_has_no_number_are_values() -> None:
    batch = _replace(make_batch(), points=Points([0, 1], [_START] * 2, [1.7e308, 1.7e308]))
    found = decode(encode(batch))
    assert isinstance(found, Batch)
    assert list(found.points.value) == [1.7e308, 1.7e308]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.integers(_START, _START + 299), st.floats(allow_nan=False, allow_infinity=False)
        ),
        min_size=1,
        max_size=30,
    )
)
def test_lists_and_columns_come_to_the_same(rows: list[tuple[int, int, float]]) -> None:
    columns = Points(*(list(column) for column in zip(*rows, strict=True)))
    batch = _replace(make_batch(), points=columns)
    first, second = decode(encode(batch)), decode(frame(pack(batch), 2))
    assert plain(first) == plain(second)


@given(st.binary(max_size=64), st.binary(max_size=64), st.binary(max_size=64))
def test_any_bytes_in_columns_are_a_batch_or_refused(series: bytes, start: bytes, value: bytes) -> None:
    body = _with((series, start, value))
    try:
        found = decode(body)
    except MessageError:
        pass
    else:
        assert isinstance(found, Batch)
        assert all(map(math.isfinite, found.points.value))
        assert all(0 <= index < len(found.series) for index in found.points.series)
    msgspec.json.encode(describe(body))


def test_a_person_sees_the_numbers() -> None:
    batch = next(build_batches(make_run(), records(2), NOW))
    shown: Any = describe(encode(batch))
    assert shown["message"]["points"]["value"] == list(batch.points.value)
