"""CSV as a table of text."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, BinaryIO

from agents.core.bills.libraries import need
from agents.core.bills.once import Opened
from agents.core.bills.unpacking import torn
from telemetry.errors import CollectionFailed

if TYPE_CHECKING:
    import pyarrow as pa

_BOM = b"\xef\xbb\xbf"
_MAX_HEADER = 1024 * 1024
_BLOCK = 1024 * 1024
"""No row may be longer."""

Open = Callable[[], Iterator[bytes]]
"""The bytes of the file, from its beginning."""


class CsvTable:
    """A file with a header. Text between quotes may have commas, quotes and ends of lines in it."""

    def __init__(self, name: str, look: Open, begin: Open) -> None:
        """Read the header; a file without one is empty. ``look`` gives the bytes for it, ``begin`` for the rows."""
        self.name = name
        self.rows = 0
        self._begin = begin
        stream = _Stream(look(), name)
        with closing(stream):
            self.columns = unique(stream.header())

    def batches(self, wanted: Sequence[int]) -> Iterator[pa.RecordBatch]:
        """The rows; see tables.Table."""
        if not self.columns:
            return
        arrow, reading = need("pyarrow"), need("pyarrow.csv")
        stream = _Stream(self._begin(), self.name)
        with closing(stream):
            if unique(stream.header()) != self.columns:
                raise CollectionFailed(f"{self.name}: the header changed while it was read")
            if stream.is_at_end():
                return
            names = [f"c{place}" for place in range(len(self.columns))]
            try:
                reader = reading.open_csv(
                    arrow.PythonFile(stream, "r"),
                    read_options=reading.ReadOptions(column_names=names, block_size=_BLOCK),
                    parse_options=reading.ParseOptions(newlines_in_values=True),
                    convert_options=reading.ConvertOptions(
                        column_types=dict.fromkeys(names, arrow.string()),
                        # With none of them the rows would not be counted.
                        include_columns=[names[place] for place in wanted or [0]],
                    ),
                )
                for batch in reader:
                    self.rows += batch.num_rows
                    yield batch
            except arrow.ArrowInvalid as error:
                if stream.failure is not None:
                    raise stream.failure from None
                raise torn(self.name, f"after row {self.rows}: {str(error)[:300]}") from None
            except OSError:
                if stream.failure is not None:
                    raise stream.failure from None
                raise


class _Stream(io.RawIOBase):
    """The bytes of a CSV file, with an end of line at their end. Notices text that lacks its last quote."""

    def __init__(self, pieces: Iterator[bytes], name: str) -> None:
        self._pieces = pieces
        self._name = name
        self._rest = b""
        self._quotes = 0
        self._last = b"\n"
        self._ended = False
        #: What a piece could not be had for.
        self.failure: Exception | None = None

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """As much as is asked for, up to the end."""
        found, length = [], 0
        while length < size:
            if not self._rest:
                self._rest = self._next()
                if not self._rest:
                    break
            piece, self._rest = self._rest[: size - length], self._rest[size - length :]
            found.append(piece)
            length += len(piece)
        return b"".join(found)

    def is_at_end(self) -> bool:
        """Whether nothing more comes but ends of lines."""
        while not self._rest.strip(b"\r\n"):
            self._rest = self._next()
            if not self._rest:
                return True
        return False

    def header(self) -> list[str]:
        """The fields of the first line; none of an empty file."""
        head = b""
        while (end := _end_of_line(head)) is None:
            piece = self._next()
            if not piece:
                end = len(head)
                break
            head += piece
            if len(head) > _MAX_HEADER and _end_of_line(head) is None:
                raise torn(self._name, f"its first line is longer than {_MAX_HEADER} bytes")
        first, self._rest = head[:end].removeprefix(_BOM), head[end:]
        try:
            return next(csv.reader([first.decode()]), []) if first.strip() else []
        except (UnicodeDecodeError, csv.Error):
            raise torn(self._name, "its first line is no text in UTF-8") from None

    def _next(self) -> bytes:
        if self._ended:
            return b""
        try:
            piece = next(self._pieces, b"")
        except Exception as error:
            self.failure = error
            raise
        if piece:
            self._quotes += piece.count(b'"')
            self._last = piece[-1:]
            return piece
        self._ended = True
        if self._quotes % 2:
            self.failure = torn(self._name, "it ends in the middle of a text in quotes")
            raise self.failure
        return b"" if self._last == b"\n" else b"\n"

    def close(self) -> None:
        close = getattr(self._pieces, "close", None)
        if close is not None and not self.closed:
            close()
        super().close()


def _end_of_line(head: bytes) -> int | None:
    """Behind the first end of a line that is not in quotes."""
    place = quotes = 0
    while (found := head.find(b"\n", place)) >= 0:
        quotes += head.count(b'"', place, found)
        place = found + 1
        if quotes % 2 == 0:
            return place
    return None


def unique(names: Sequence[str]) -> tuple[str, ...]:
    """The names; of two that are the same the second one says so."""
    counts: Counter[str] = Counter()
    seen: dict[str, None] = {}
    for name in names:
        own = name
        while own in seen:
            counts[name] += 1
            own = f"{name} ({counts[name] + 1})"
        seen[own] = None
    return tuple(seen)


def of_file(source: Opened, unpack: Callable[[BinaryIO], Iterator[bytes]]) -> Open:
    """Opens the file, and closes it at its end."""

    def begin() -> Iterator[bytes]:
        with source() as opened:
            yield from unpack(opened)

    return begin
