"""What the footer of a Parquet file says of its row groups: where each column is, and how it was packed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from agents.core.bills.compact import INTEGERS, LIST, STRUCT, BadPage, Reader, TooShortError
from agents.core.bills.once import peek

_TAIL = 8
_FOOTER = 16 * 1024 * 1024
"""Bytes: it is unpacked to many times as much."""
_CODECS = {0: "", 1: "snappy", 2: "gzip", 4: "brotli", 6: "zstd", 7: "lz4_raw"}
"""By Arrow's names; the one that Hadoop calls LZ4 has a frame of its own."""
_DICTIONARIES, _DIFFERENCES = frozenset({2, 8}), 7
_BYTE_ARRAY = 6


class Column(NamedTuple):
    """A column in a row group."""

    start: int
    end: int
    values: int
    #: Its values are texts, or bytes.
    texts: bool
    #: Arrow's name, empty where nothing is packed.
    codec: str
    has_dictionary: bool
    #: Values are told by their differences to the one before.
    has_differences: bool


class Group(NamedTuple):
    """A row group."""

    rows: int
    columns: list[Column]


def footer_size(opened: BinaryIO) -> tuple[int, int]:
    """Where the footer begins, and its bytes; BadPage where they are too many."""
    size = opened.seek(0, 2)
    length = int.from_bytes(peek(opened, max(0, size - _TAIL), max(0, size - _TAIL // 2)), "little")
    if length > _FOOTER:
        raise BadPage(f"its footer has {length} bytes: at most {_FOOTER} are read")
    return size - _TAIL - length, length


def groups_of(opened: BinaryIO) -> list[Group]:
    """The row groups; BadPage where the footer is none."""
    start, length = footer_size(opened)
    try:
        return list(_groups(Reader(peek(opened, max(0, start), max(0, start) + length))))
    except TooShortError:
        raise BadPage("its footer ends too early") from None


def _groups(reader: Reader) -> Iterator[Group]:
    for number, kind in reader.fields():
        if (number, kind) == (4, LIST):
            yield from (_group(reader) for _ in range(_structs(reader)))
        else:
            reader.skip(kind)


def _structs(reader: Reader) -> int:
    count, kind = reader.elements()
    if count and kind != STRUCT:
        raise BadPage("its footer is none")
    return count


def _group(reader: Reader) -> Group:
    rows, columns = 0, []
    for number, kind in reader.fields():
        if (number, kind) == (1, LIST):
            columns = [_column(reader) for _ in range(_structs(reader))]
        elif number == 3 and kind in INTEGERS:  # noqa: PLR2004 - by Parquet's definition
            rows = reader.integer()
        else:
            reader.skip(kind)
    return Group(rows, columns)


def _column(reader: Reader) -> Column:
    found = Column(0, -1, 0, texts=False, codec="", has_dictionary=False, has_differences=False)
    for number, kind in reader.fields():
        if (number, kind) == (3, STRUCT):
            found = _metadata(reader)
        else:
            reader.skip(kind)
    if found.start < 0 or found.end < found.start:
        raise BadPage("a column is where no bytes are")
    return found


def _metadata(reader: Reader) -> Column:
    told: dict[int, int] = {}
    encodings: set[int] = set()
    for number, kind in reader.fields():
        if kind in INTEGERS:
            told[number] = reader.integer()
        elif (number, kind) == (2, LIST):
            count, inner = reader.elements()
            if inner not in INTEGERS:
                raise BadPage("its footer is none")
            encodings = {reader.integer() for _ in range(count)}
        else:
            reader.skip(kind)
    places = [told[number] for number in (9, 11) if told.get(number)]
    if not places:
        places = [0]
    return Column(
        min(places),
        min(places) + told.get(7, -1),
        told.get(5, 0),
        texts=told.get(1) == _BYTE_ARRAY,
        codec=_CODECS.get(told.get(4, 0), "unknown"),
        has_dictionary=bool(encodings & _DICTIONARIES),
        has_differences=_DIFFERENCES in encodings,
    )
