"""The body of an answer, unpacked piece by piece: however much a small answer unpacks to, a piece of it is small."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Iterator

import zstandard

from telemetry.errors import CollectionFailed

ACCEPTED = "gzip, deflate, zstd"
_PIECE = 64 * 1024
_MAX_WINDOW = 8 * 1024 * 1024
"""Bytes of memory for a zstd frame: what RFC 9659 lets a server use."""


def unpacked(raw: Iterable[bytes], encoding: str, limit: int) -> Iterator[bytes]:
    """The pieces of a body of this Content-Encoding; CollectionFailed past ``limit`` bytes, packed or not."""
    size = 0
    for piece in _decoded(_limited(raw, limit), encoding.strip().lower()):
        size += len(piece)
        if size > limit:
            raise CollectionFailed(f"the answer unpacks to more than {limit} bytes: raise max_bytes, or ask for less")
        yield piece


def _limited(raw: Iterable[bytes], limit: int) -> Iterator[bytes]:
    size = 0
    for piece in raw:
        size += len(piece)
        if size > limit:
            raise CollectionFailed(f"the answer is longer than {limit} bytes: raise max_bytes, or ask for less")
        yield piece


def _decoded(raw: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    if encoding in {"", "identity"}:
        return raw
    if encoding in {"gzip", "x-gzip"}:
        return _inflated(raw, zlib.MAX_WBITS | 16)
    if encoding == "deflate":
        return _inflated(raw, zlib.MAX_WBITS)
    if encoding == "zstd":
        return _zstd(raw)
    raise CollectionFailed(f"Content-Encoding {encoding[:60]!r}: only {ACCEPTED} can be read")


def _inflated(raw: Iterator[bytes], form: int) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(form)
    try:
        for packed in raw:
            rest = packed
            while rest and not unpacker.eof:
                yield unpacker.decompress(rest, _PIECE)
                rest = unpacker.unconsumed_tail
        while not unpacker.eof and (piece := unpacker.decompress(b"", _PIECE)):
            yield piece
    except zlib.error as error:
        raise CollectionFailed(f"the answer cannot be unpacked: {error}") from None
    if not unpacker.eof:
        raise CollectionFailed("the answer ends in the middle of what was packed")


def _zstd(raw: Iterator[bytes]) -> Iterator[bytes]:
    source = io.BufferedReader(_Raw(raw), _PIECE)
    try:
        with zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).stream_reader(source, closefd=False) as reader:
            while piece := reader.read(_PIECE):
                yield piece
    except zstandard.ZstdError as error:
        raise CollectionFailed(f"the answer cannot be unpacked: {error}") from None


class _Raw(io.RawIOBase):
    """Pieces as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what BufferedReader hands over
        if not self._rest:
            self._rest = next(self._pieces, b"")
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count
