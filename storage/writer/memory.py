"""What is remembered from one transaction to the next: ids, and which partitions exist. Bounded, and never needed.

It belongs to one connection and goes with it. A new connection may lead to a server that took over and lacks the last
commits, or to another database; an id that was valid before must not be used there.
Resources and series are never deleted, so within a connection an id stays true.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from storage.database import Connection
from storage.partitions import Partitions
from storage.writer.columns import register

_Key = TypeVar("_Key")
ResourceKey = tuple[str, str, str, str, str, str]
"""Provider, account, region, service, the provider's own id, and the source that pushed it: empty where none did."""
SeriesKey = tuple[int, str, str, str, str, int]
"""resource_id, metric, source_metric, unit, statistic, period."""


class Generations(Generic[_Key]):
    """Ids by key. When the young generation is full it becomes the old one, and what was not used again goes.

    Holds about twice ``limit`` at the most.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._young: dict[_Key, int] = {}
        self._old: dict[_Key, int] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def find(self, keys: Sequence[_Key]) -> list[int | None]:
        """The ids of these, in their order; None where one is not known."""
        found = list(map(self._young.get, keys))
        if self._old and None in found:
            old = list(map(self._old.get, keys))
            self.add({key: value for key, value in zip(keys, old, strict=True) if value is not None})
            found = [value if value is not None else former for value, former in zip(found, old, strict=True)]
        return found

    def add(self, ids: Mapping[_Key, int]) -> None:
        """Remember these. Call it after the transaction that made them has committed."""
        self._young.update(ids)
        if len(self._young) > self._limit:
            self._old, self._young = self._young, {}


class Memory:
    """The memory of one connection."""

    def __init__(self, resources: int = 100_000, series: int = 300_000) -> None:
        self.resources: Generations[ResourceKey] = Generations(resources)
        self.series: Generations[SeriesKey] = Generations(series)
        self.partitions = Partitions()


_memories: WeakKeyDictionary[Connection, Memory] = WeakKeyDictionary()


def memory_of(connection: Connection) -> Memory:
    """The memory of this connection, empty at first; from then on it takes columns of numbers as parameters."""
    memory = _memories.get(connection)
    if memory is None:
        register(connection)
        memory = _memories[connection] = Memory()
    return memory
