"""A file that is looked at before it is read, each byte of it fetched once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from typing import BinaryIO

from agents.core.bills.entry import Entry
from agents.core.bills.pieces import Pieces, Shelf
from agents.core.bills.ranges import RangeFile
from agents.core.bills.stores import ObjectStore

Opened = Callable[[], AbstractContextManager[BinaryIO]]
"""Opens a file at its beginning, and closes it at the end."""


class Once:
    """One file of a store. What a look has fetched is there when it is read, and gone behind the last reading."""

    def __init__(self, store: ObjectStore, entry: Entry, shelf: Shelf, readings: int = 1) -> None:
        """``readings``: so many follow one after the other, of an archive one for each file in it."""
        self._store = store
        self._entry = entry
        self._pieces = Pieces(shelf)
        self.readings = readings

    @contextmanager
    def looking(self) -> Iterator[BinaryIO]:
        """The file, for what has to be known before anything is read."""
        self._pieces.looking = True
        try:
            with self._opened() as opened:
                yield opened
        finally:
            self._pieces.looking = False

    @contextmanager
    def reading(self) -> Iterator[BinaryIO]:
        """The file, for its rows."""
        try:
            with self._opened() as opened:
                yield opened
        finally:
            self.readings -= 1
            if self.readings <= 0:
                self._pieces.clear()

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        with closing(self._store.open(self._entry)) as opened:
            if isinstance(opened, RangeFile):
                opened.pieces = self._pieces
            yield opened


def peek(opened: BinaryIO, start: int, end: int) -> bytes:
    """Bytes that are read later as well, without being fetched again."""
    if isinstance(opened, RangeFile):
        return opened.peek(start, end)
    opened.seek(start)
    return opened.read(end - start)


def expect(opened: BinaryIO, ranges: Sequence[tuple[int, int]]) -> None:
    """Say what of a file is going to be read: nothing else is fetched then."""
    if isinstance(opened, RangeFile):
        opened.expect(ranges)
