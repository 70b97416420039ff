"""Which points and rates a batch holds, kept with it in a few hundred bytes.

A row has no time of its own, so of a batch that comes late nobody could say which rows are newer than it.
Instead the newer batches of its window are asked, which is rare: in order, nothing newer is there.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import msgspec
import numpy as np
import zstandard

from storage.writer.columns import Keys

RateKey = tuple[int, int, int]
"""resource_id, start in seconds since 1970, period."""


class _Stored(msgspec.Struct, array_like=True):
    points: bytes
    rates: list[RateKey]


@dataclass(frozen=True, slots=True)
class KeySet:
    """Keys of points, sorted and each once, and of rates."""

    points: Keys
    rates: AbstractSet[RateKey]

    def pack(self) -> bytes:
        """As bytes."""
        steps = np.diff(self.points, prepend=np.uint64(0))  # the same again and again, so next to nothing when packed
        stored = _Stored(steps.astype("<u8").tobytes(), sorted(self.rates))
        return zstandard.ZstdCompressor(level=1).compress(msgspec.msgpack.encode(stored))


def unpack(data: bytes) -> KeySet:
    """What :meth:`KeySet.pack` made; nothing of no bytes."""
    if not data:
        return KeySet(np.empty(0, dtype=np.uint64), frozenset())
    stored = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(data), type=_Stored)
    points = np.cumsum(np.frombuffer(stored.points, dtype="<u8"), dtype=np.uint64)
    return KeySet(points, frozenset(stored.rates))
