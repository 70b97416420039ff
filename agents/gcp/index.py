"""The resources of a project while its metrics are read: found by the labels that metrics name them by."""

from __future__ import annotations

from collections.abc import Hashable

import msgspec

from telemetry.records import Resource


class ResourceIndex:
    """Resources by a key. Held for the length of a collection, so packed: some hundred bytes each."""

    def __init__(self) -> None:
        self._packed: dict[Hashable, bytes] = {}
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Resource).decode

    def __len__(self) -> int:
        return len(self._packed)

    def add(self, key: Hashable, resource: Resource) -> None:
        """Keep a resource."""
        self._packed[key] = self._encode(resource)

    def find(self, key: Hashable) -> Resource | None:
        """The resource of that key, if there is one."""
        packed = self._packed.get(key)
        return None if packed is None else self._decode(packed)
