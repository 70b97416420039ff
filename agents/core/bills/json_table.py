"""JSON Lines as a table of text: an object in each line, whose names are the columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

from agents.core.bills.csv_table import Open
from agents.core.bills.libraries import need
from agents.core.bills.unpacking import torn

if TYPE_CHECKING:
    import pyarrow as pa

_BOM = b"\xef\xbb\xbf"
_LONGEST = 1024 * 1024
"""Bytes of a line: as of CSV."""
_ROWS = 16_384


class JsonLinesTable:
    """A file without a header: any of its lines may be the first that has a name, so all of it is looked at before."""

    def __init__(self, name: str, look: Open, begin: Open) -> None:
        """Read the names; ``look`` gives the bytes for them, ``begin`` for the rows."""
        self.name = name
        self.rows = 0
        self._begin = begin
        names: dict[str, None] = {}
        with closing(_Rows(look(), name)) as rows:
            for row in rows.each():
                names.update(dict.fromkeys(row))
        self.columns = tuple(names)

    def batches(self, wanted: Sequence[int]) -> Iterator[pa.RecordBatch]:
        """The rows; see tables.Table."""
        arrow = need("pyarrow")
        places = list(wanted) or [0]
        with closing(_Rows(self._begin(), self.name)) as source:
            rows = source.each()
            while some := list(islice(rows, _ROWS)):
                self.rows += len(some)
                names = [self.columns[place] if self.columns else "" for place in places]
                texts = [arrow.array([_text(row.get(name)) for row in some], arrow.string()) for name in names]
                yield arrow.RecordBatch.from_arrays(texts, [f"c{place}" for place in places])


class _Rows:
    """The rows of a file, which is closed with them."""

    def __init__(self, pieces: Iterator[bytes], name: str) -> None:
        self._pieces = pieces
        self._name = name

    def each(self) -> Iterator[dict[str, Any]]:
        """One by one."""
        for number, line in enumerate(self._lines(), 1):
            try:
                # A number is its digits, as they stand there: a float would lose some.
                row = json.loads(
                    line, parse_float=str, parse_int=str, parse_constant=_none, object_pairs_hook=_distinct
                )
            except (ValueError, RecursionError) as error:
                raise torn(self._name, f"row {number} is no object in JSON ({str(error)[:100]})") from None
            if not isinstance(row, dict):
                raise torn(self._name, f"row {number} is no object in JSON")
            yield row

    def close(self) -> None:
        """Read no more."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()

    def _lines(self) -> Iterator[bytes]:
        rest, first = b"", True
        for piece in self._pieces:
            rest += piece
            if first and len(rest) >= len(_BOM):
                rest, first = rest.removeprefix(_BOM), False
            *lines, rest = rest.split(b"\n")
            if max(map(len, (*lines, rest))) > _LONGEST:
                raise torn(self._name, f"a row is longer than {_LONGEST} bytes")
            yield from filter(bytes.strip, lines)
        if rest.strip():
            yield rest


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is there twice")
    return found


def _none(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False)
