"""A file that is read by ranges, with the next range on its way while one is used."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from agents.core.bills.pieces import Pieces

HEAD = 64 * 1024
"""Bytes of the first request: mostly just the header is wanted of a file."""
BLOCK = 4 * 1024 * 1024
"""Bytes of a request where a file is read from one end to the other."""
_WAITING = 2 * BLOCK
"""Bytes that may wait to be read. Past them no more is fetched than is asked for."""

Fetch = Callable[[int, int], bytes]
"""Bytes from a place up to another one; exactly so many."""


class RangeFile(io.RawIOBase):
    """Reads on one after the other are served from blocks that come ahead; any other is a request of its own.

    A read gives as many bytes as it is asked for, up to the end of the file. What a request brings beyond them waits
    in ``pieces``: who reads each byte once has each fetched once, in whatever order.
    """

    def __init__(self, fetch: Fetch, size: int) -> None:
        self._fetch = fetch
        self._size = size
        self._place = 0
        self._read_end = 0
        self._ahead: Future[bytes] | None = None
        self._ahead_range = (0, 0)
        self._executor: ThreadPoolExecutor | None = None
        self._wanted: Sequence[tuple[int, int]] = ()
        #: What is there of it; another one may be handed over before the first read.
        self.pieces = Pieces()

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; nothing is asked for."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def expect(self, ranges: Sequence[tuple[int, int]]) -> None:
        """These alone are read from now on, as far as one knows: nothing else is fetched beyond what is asked for."""
        wanted: list[tuple[int, int]] = []
        for start, end in sorted(ranges):
            if wanted and start <= wanted[-1][1]:
                start, end = wanted[-1][0], max(end, wanted.pop()[1])  # noqa: PLW2901 - it is one with the last
            wanted.append((start, end))
        self._wanted = wanted

    def peek(self, start: int, end: int) -> bytes:
        """The bytes from ``start`` to ``end``, which are still there to be read afterwards."""
        kept, read_end, self._place = self._place, self._read_end, start
        found: bytes = self.read(end - start) or b""
        if not self.pieces.looking:
            self.pieces.put_back(start, found)
        self._place, self._read_end = kept, read_end
        return found

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what io hands over
        """Fill the buffer, up to the end of the file."""
        wanted = min(len(buffer), max(0, self._size - self._place))
        done = 0
        while done < wanted:
            piece = self.pieces.take(self._place, self._place + wanted - done)
            if piece is None:
                self._load(wanted - done)
                continue
            buffer[done : done + len(piece)] = piece
            done += len(piece)
            self._place += len(piece)
            self._read_end = self._place
        return done

    def _load(self, wanted: int) -> None:
        """Have the bytes at the place where the next read begins."""
        if self._ahead is not None and self._ahead_range[0] <= self._place < self._ahead_range[1]:
            self._land()
            return
        goes_on = self._place == self._read_end > 0 and not self.pieces.looking
        length = max(wanted, BLOCK if goes_on else HEAD)
        if self.pieces.waiting >= _WAITING:
            length = wanted
        start, end = self._range(self._place, length)
        self.pieces.put(start, self._fetch(start, end))
        if goes_on:
            self._look_ahead(end)

    def _range(self, place: int, length: int) -> tuple[int, int]:
        """What is fetched of so many bytes at a place: nothing that is there already, on its way, or not wanted."""
        begin, end = self.pieces.gap(place, self._size)
        if self._ahead is not None and self._ahead_range[0] > place:
            end = min(end, self._ahead_range[0])
        at = bisect_right(self._wanted, place, key=lambda one: one[0]) - 1
        if at >= 0 and place < self._wanted[at][1]:
            end = min(end, self._wanted[at][1])
        start = place
        if self.pieces.looking and place + length > self._size:
            start = max(begin, self._size - length)  # the end of a file is looked at by what is before it as well
        return start, min(end, place + length)

    def _look_ahead(self, place: int) -> None:
        if self._ahead is not None or place >= self._size or self.pieces.waiting + BLOCK > _WAITING:
            return
        if self._wanted and not any(start <= place < end for start, end in self._wanted):
            return
        if self.pieces.gap(place, self._size)[0] > place:  # it is there already
            return
        start, end = self._range(place, BLOCK)
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, "read-ahead")
        self._ahead_range = start, end
        self._ahead = self._executor.submit(self._fetch, start, end)

    def _land(self) -> None:
        """Take in what was on its way, and send for what is behind it."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            self.pieces.put(self._ahead_range[0], ahead.result())
            self._look_ahead(self._ahead_range[1])

    def close(self) -> None:
        """Ask for no more. What has come stays with the pieces."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None
        if self._ahead is not None and not self._ahead.cancelled():
            with suppress(Exception):  # whoever reads there asks again
                self.pieces.put(self._ahead_range[0], self._ahead.result())
        self._ahead = None
        super().close()
