"""A packed file as a stream of bytes. What is torn is an error, never a shorter file."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO

import zstandard

from agents.core.bills.pinned import Compression
from agents.core.bills.ranges import HEAD
from telemetry.errors import CollectionFailed

PIECE = 1024 * 1024
_ZSTD_PIECE = 1024
"""It cannot be asked for a part of what a piece unpacks to: 32,768 times as much at the most."""
_MAX_WINDOW = 128 * 1024 * 1024
"""Bytes of memory for a zstd frame: what `zstd` itself unpacks unless it is told otherwise."""


def pieces(source: BinaryIO, compression: Compression, name: str) -> Iterator[bytes]:
    """The bytes of a file, a piece at a time; the pieces are of about a megabyte."""
    try:
        if compression == "gzip":
            yield from _inflated(source, name)
        elif compression == "zstd":
            yield from _unpacked_zstd(source, name)
        else:
            yield from read_pieces(source)
    except (zlib.error, zstandard.ZstdError) as error:
        raise torn(name, str(error)) from None


def read_pieces(source: BinaryIO) -> Iterator[bytes]:
    """The bytes as they are. The first piece is small: mostly just the header is wanted."""
    size = HEAD
    while piece := source.read(size):
        yield piece
        size = PIECE


def torn(name: str, why: str) -> CollectionFailed:
    """The error of a file that is not whole."""
    return CollectionFailed(f"{name}: the file is torn, or not what its name says: {why}")


def _inflated(source: BinaryIO, name: str) -> Iterator[bytes]:
    """Member after member: a file may be several that were put behind one another."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    whole = True
    for packed in read_pieces(source):
        rest = packed
        while rest:
            if whole:
                # Zeros may fill a last block.
                rest = rest.lstrip(b"\0")
                unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
                whole = not rest
                continue
            if piece := unpacker.decompress(rest, PIECE):
                yield piece
            whole = unpacker.eof
            rest = unpacker.unused_data if whole else unpacker.unconsumed_tail
    while not whole and (piece := unpacker.decompress(b"", PIECE)):
        yield piece
        whole = unpacker.eof
    if not whole:
        raise torn(name, "it ends in the middle of what was packed")


def _unpacked_zstd(source: BinaryIO, name: str) -> Iterator[bytes]:
    """Frame after frame. The library's stream ends without a word where a frame is cut off; this notices it."""
    kept = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
    unpacker, whole = kept.decompressobj(), True
    for packed in read_pieces(source):
        for start in range(0, len(packed), _ZSTD_PIECE):
            rest = packed[start : start + _ZSTD_PIECE]
            while rest:
                if unpacker.eof:
                    unpacker = kept.decompressobj()
                if piece := unpacker.decompress(rest):
                    yield piece
                whole, rest = unpacker.eof, unpacker.unused_data
    if not whole:
        raise torn(name, "it ends in the middle of what was packed")
