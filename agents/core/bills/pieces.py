"""What was fetched of a file and is still to be read, so that no byte of it is fetched twice."""

from __future__ import annotations

import os
import tempfile
from bisect import bisect_right, insort
from collections.abc import Callable
from operator import attrgetter
from typing import IO, NamedTuple

_IN_MEMORY = 16 * 1024 * 1024
"""Bytes of all heads of a delivery; of ten thousand files they may be more."""


class Shelf:
    """Bytes that are wanted later: so many in memory, and those beyond in a file that has no name."""

    def __init__(self, in_memory: int = _IN_MEMORY) -> None:
        self._room = in_memory
        self._file: IO[bytes] | None = None
        self._end = 0

    def put(self, body: bytes) -> Callable[[], bytes]:
        """Keep them; what comes back gives them again."""
        if len(body) <= self._room:
            self._room -= len(body)
            return lambda: body
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="finfleet-bills-")  # noqa: SIM115 - closed with the shelf
        number, start = self._file.fileno(), self._end
        self._file.write(body)
        self._file.flush()
        self._end += len(body)
        return lambda: os.pread(number, len(body), start)

    def close(self) -> None:
        """Keep nothing any more."""
        if self._file is not None:
            self._file.close()


class _Piece(NamedTuple):
    start: int
    end: int
    body: Callable[[], bytes | memoryview]
    #: It stays where it was read, for it is read again.
    stays: bool


_START = attrgetter("start")


class Pieces:
    """Of one file. While it is looked at, what was read of it stays: it is read again with the rest."""

    def __init__(self, shelf: Shelf | None = None) -> None:
        self._shelf = shelf or Shelf()
        self._pieces: list[_Piece] = []
        self.looking = False
        #: Bytes that wait to be read once.
        self.waiting = 0

    def put(self, start: int, body: bytes) -> None:
        """What was fetched; none of it may be there already."""
        if not body:
            return
        if not self.looking:
            self.waiting += len(body)
        kept = self._shelf.put(body) if self.looking else lambda: body
        insort(self._pieces, _Piece(start, start + len(body), kept, stays=self.looking), key=_START)

    def put_back(self, start: int, body: bytes) -> None:
        """What was taken, as far as it is not there all the same."""
        end = start + len(body)
        while start < end:
            free, following = self.gap(start, end)
            if free <= start:
                self.put(start, body[len(body) - (end - start) : len(body) - (end - min(end, following))])
                start = min(end, following)
            else:
                start = min(end, free)

    def take(self, start: int, end: int) -> memoryview | None:
        """The bytes from ``start`` on, up to ``end`` or fewer; None where they are not there."""
        at = bisect_right(self._pieces, start, key=_START) - 1
        if at < 0 or self._pieces[at].end <= start:
            return None
        piece = self._pieces[at]
        end = min(end, piece.end)
        body = memoryview(piece.body())
        if not piece.stays:
            self.waiting -= end - start
            rest = [(piece.start, start), (end, piece.end)]
            self._pieces[at : at + 1] = [
                _Piece(first, last, _part(body, first - piece.start, last - piece.start), stays=False)
                for first, last in rest
                if first < last
            ]
        return body[start - piece.start : end - piece.start]

    def gap(self, place: int, size: int) -> tuple[int, int]:
        """From where to where nothing is there, around a place that is not there."""
        at = bisect_right(self._pieces, place, key=_START)
        begin = self._pieces[at - 1].end if at else 0
        return begin, self._pieces[at].start if at < len(self._pieces) else size

    def clear(self) -> None:
        """Keep nothing of it any more."""
        self._pieces.clear()
        self.waiting = 0


def _part(body: memoryview, start: int, end: int) -> Callable[[], bytes | memoryview]:
    part = body[start:end]
    # A little of it must not hold all of it.
    kept: bytes | memoryview = bytes(part) if len(part) * 2 < len(memoryview(body.obj)) else part
    return lambda: kept
