"""A file that is read by ranges, with the next range on its way while one is used."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

HEAD = 64 * 1024
"""Bytes of the first request: mostly just the header is wanted of a file."""
BLOCK = 4 * 1024 * 1024
"""Bytes of a request where a file is read from one end to the other."""

Fetch = Callable[[int, int], bytes]
"""Bytes from a place up to another one; exactly so many."""


class RangeFile(io.RawIOBase):
    """Reads on one after the other are served from blocks that come ahead; any other is a request of its own.

    A read gives as many bytes as it is asked for, up to the end of the file.
    """

    def __init__(self, fetch: Fetch, size: int) -> None:
        self._fetch = fetch
        self._size = size
        self._place = 0
        self._block = b""
        self._block_start = 0
        self._ahead: Future[bytes] | None = None
        self._ahead_start = 0
        self._executor: ThreadPoolExecutor | None = None

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

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what io hands over
        """Fill the buffer, up to the end of the file."""
        wanted = min(len(buffer), max(0, self._size - self._place))
        done = 0
        while done < wanted:
            offset = self._place - self._block_start
            if not 0 <= offset < len(self._block):
                self._load(wanted - done)
                continue
            piece = memoryview(self._block)[offset : offset + wanted - done]
            buffer[done : done + len(piece)] = piece
            done += len(piece)
            self._place += len(piece)
        return done

    def _load(self, wanted: int) -> None:
        """Have the block that begins where the next read does."""
        begun = self._block_start + len(self._block)
        goes_on = bool(self._block) and self._place == begun
        if self._ahead is not None and self._ahead_start == self._place:
            block = self._ahead.result()
        else:
            block = self._fetch(self._place, self._end(self._place, max(wanted, BLOCK if goes_on else HEAD)))
        self._ahead = None
        self._block, self._block_start = block, self._place
        if goes_on:
            self._look_ahead(self._place + len(block))

    def _look_ahead(self, start: int) -> None:
        if start >= self._size:
            return
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, "read-ahead")
        self._ahead_start = start
        self._ahead = self._executor.submit(self._fetch, start, self._end(start, BLOCK))

    def _end(self, start: int, length: int) -> int:
        return min(self._size, start + length)

    def close(self) -> None:
        """Ask for no more."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None
        self._ahead, self._block = None, b""
        super().close()
