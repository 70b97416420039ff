"""Thrift in its compact form, as far as Parquet's own tables of what is in it need it.

pyarrow reads them too, but of one that was harmed it may end the process: what its own reader throws is not caught
where the metadata of a column is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

STRUCT, LIST = 12, 9
INTEGERS = (4, 5, 6)
_STOP, _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _SET = 0, 1, 2, 3, 7, 8, 10
_DEEPEST, _MANY = 16, 15


class BadPage(Exception):
    """What a file has is nothing that is read; the text says why."""


class TooShortError(Exception):
    """The bytes end before what is read does."""


@dataclass
class Reader:
    """Reads integers out of a structure, and passes over all else."""

    data: bytes
    place: int = 0

    def struct(self, depth: int) -> dict[tuple[int, ...], int]:
        """The integers by the numbers of their fields, of the structures in it by both numbers."""
        if depth > _DEEPEST:
            raise BadPage("what is in it cannot be told")
        found: dict[tuple[int, ...], int] = {}
        for number, kind in self.fields():
            if kind in INTEGERS:
                found[number,] = self.integer()
            elif kind == STRUCT:
                found |= {(number, *inner): value for inner, value in self.struct(depth + 1).items()}
            else:
                self.skip(kind, depth)
        return found

    def fields(self) -> Iterator[tuple[int, int]]:
        """The numbers and the kinds of the fields of a structure; each has to be read, or skipped, before the next."""
        number = 0
        while (head := self._byte()) != _STOP:
            number = number + (head >> 4) if head >> 4 else self.integer()
            yield number, head & 15

    def elements(self) -> tuple[int, int]:
        """How many there are in a list, and their kind."""
        head = self._byte()
        return head >> 4 if head >> 4 != _MANY else self._unsigned(), head & 15

    def skip(self, kind: int, depth: int = 0) -> None:
        """Pass over a field."""
        if kind not in {_TRUE, _FALSE}:
            self._pass(kind, depth)

    def _pass(self, kind: int, depth: int) -> None:
        if kind in {_TRUE, _FALSE, _BYTE}:
            self._skip(1)
        elif kind in INTEGERS:
            self.integer()
        elif kind == _DOUBLE:
            self._skip(8)
        elif kind == _BINARY:
            self._skip(self._unsigned())
        elif kind == STRUCT:
            self.struct(depth + 1)
        elif kind in {LIST, _SET} and depth < _DEEPEST:
            count, inner = self.elements()
            for _ in range(count):
                self._pass(inner, depth + 1)
        else:
            raise BadPage("what is in it cannot be told")

    def _byte(self) -> int:
        if self.place >= len(self.data):
            raise TooShortError
        self.place += 1
        return self.data[self.place - 1]

    def _skip(self, count: int) -> None:
        if self.place + count > len(self.data):
            raise TooShortError
        self.place += count

    def _unsigned(self) -> int:
        value = shift = 0
        while shift < 64:  # noqa: PLR2004 - bits
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:  # noqa: PLR2004 - the last one
                return value
            shift += 7
        raise BadPage("what is in it cannot be told")

    def integer(self) -> int:
        """A whole number."""
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
