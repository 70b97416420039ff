"""Watches the pages of a Parquet file go by: what would unpack to too much is refused before anybody unpacks it.

A page may have gigabytes in a few kilobytes, and only its own header tells. Headers are Thrift, in its compact form.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from agents.core.bills.compact import BadPage, Reader, TooShortError
from agents.core.bills.libraries import need
from agents.core.bills.parquet_footer import Column

MOST_AT_ONCE = 512 * 1024 * 1024
"""Bytes that the pages of a row group have together, of each column its largest one and its dictionary."""
MOST_PARTS = 64 * 1024 * 1024
"""Values of a column that has parts (a map, a list) in a row group: a few bytes may say millions of them."""
MOST_PAGES = 100_000
"""Of a column in a row group."""
SLOWLY = 128
"""Rows of a batch where values are told by their difference to the one before: each may be as long as the page."""
_OF_DIFFERENCES = 2 * 1024 * 1024
"""Bytes of such a page."""
_DELTA_BYTE_ARRAY = 7
_LONGEST_HEADER = 1024 * 1024
_USUAL_HEADER = 4096
_DICTIONARY = 2
_LARGE = 4 * 1024 * 1024
"""Bytes of a dictionary that is not looked through."""


class Chunk(NamedTuple):
    """The bytes of a column in a row group."""

    start: int
    end: int
    group: int
    column: int
    #: Whether it has parts; otherwise it has a value for each row.
    nested: bool
    rows: int
    #: What the footer tells of it.
    told: Column


@dataclass
class _Walk:
    """Where one is in a column."""

    chunk: Chunk
    following: int
    begun: bytes = b""
    dictionary: int = 0
    largest: int = 0
    values: int = 0
    pages: int = 0


@dataclass
class Pages:
    """The pages of the columns that are read."""

    chunks: Iterable[Chunk]
    _walks: list[_Walk] = field(init=False)
    _starts: list[int] = field(init=False)
    #: Bytes that the pages of a row group have at once.
    _at_once: Counter[int] = field(init=False, default_factory=Counter)

    def __post_init__(self) -> None:
        self._walks = [_Walk(one, one.start) for one in sorted(self.chunks)]
        if any(one.chunk.end > following.chunk.start for one, following in pairwise(self._walks)):
            raise BadPage("two columns have the same bytes")
        self._starts = [walk.chunk.start for walk in self._walks]

    def see(self, place: int, data: bytes) -> None:
        """Look at what was read at a place; BadPage says what is wrong with it."""
        at = bisect_right(self._starts, place) - 1
        if at < 0 or place >= self._walks[at].chunk.end:
            return
        walk = self._walks[at]
        while walk.following < min(place + len(data), walk.chunk.end):
            start = max(0, walk.following - place)
            header = _header(walk.begun + data[start : start + _USUAL_HEADER])
            if header is None:
                # It is long, or comes in two pieces.
                seen = walk.begun + data[start : start + _LONGEST_HEADER]
                header = _header(seen)
            if header is None:
                walk.begun = seen
                walk.following = place + len(data)
                if len(seen) >= _LONGEST_HEADER:
                    raise BadPage(f"the header of a page has more than {_LONGEST_HEADER} bytes")
                return
            walk.following += header.length - len(walk.begun) + header.packed
            walk.begun = b""
            self._check(walk, header)

    def _check(self, walk: _Walk, header: _Header) -> None:
        chunk, before = walk.chunk, walk.dictionary + walk.largest
        walk.pages += 1
        if header.kind == _DICTIONARY:
            walk.dictionary = max(walk.dictionary, header.size)
        else:
            walk.largest, walk.values = max(walk.largest, header.size), walk.values + header.values
        if header.encoding == _DELTA_BYTE_ARRAY and (header.size > _OF_DIFFERENCES or not chunk.told.has_differences):
            raise BadPage(f"a page of differences has more than {_OF_DIFFERENCES} bytes, or is not told of")
        most = min(MOST_PARTS, chunk.told.values) if chunk.nested else chunk.rows
        if walk.values > most:
            raise BadPage(f"a column has {walk.values} values or more in a row group: at most {most} can be")
        if walk.pages > MOST_PAGES:
            raise BadPage(f"a column has more than {MOST_PAGES} pages in a row group")
        self._at_once[chunk.group] += walk.dictionary + walk.largest - before
        at_once = self._at_once[chunk.group]
        if at_once > MOST_AT_ONCE:
            raise BadPage(f"its pages unpack to {at_once} bytes at once: at most {MOST_AT_ONCE} are read")


class _Header(NamedTuple):
    length: int
    kind: int
    size: int
    packed: int
    values: int
    encoding: int


def longest_text(read: Callable[[int, int], bytes], chunk: Chunk, codec: str) -> int:
    """Bytes of the longest text of a column's dictionary, 0 where it has none; of a large one those of all together.

    ``read`` gives the bytes between two places of the file; ``codec`` is Arrow's name, empty where nothing is packed.
    """
    header = _header(read(chunk.start, min(chunk.end, chunk.start + _LONGEST_HEADER // 16)))
    if header is None:
        raise BadPage("the header of a page is none")
    if header.kind != _DICTIONARY:
        return 0
    if header.size > _LARGE:
        return header.size
    start = chunk.start + header.length
    body = read(start, min(chunk.end, start + header.packed))
    if codec == "unknown":
        return header.size
    if codec:
        body = need("pyarrow").decompress(body, header.size, codec, asbytes=True)
    longest = place = 0
    while place + 4 <= len(body):
        length = int.from_bytes(body[place : place + 4], "little")
        longest, place = max(longest, length), place + 4 + length
    return longest


def _header(data: bytes) -> _Header | None:
    """The header that the bytes begin with; None where they are too few. BadPage where they are none."""
    reader = Reader(data)
    try:
        found = reader.struct(0)
    except TooShortError:
        return None
    told = {key: found.get((key,), 0) for key in (1, 2, 3)}
    if (2,) not in found or (3,) not in found or told[2] < 0 or told[3] < 0:
        raise BadPage("the header of a page does not tell how long it is")
    values = max(0, found.get((5, 1), 0), found.get((8, 1), 0))
    return _Header(reader.place, told[1], told[2], told[3], values, found.get((5, 2), found.get((8, 4), 0)))
