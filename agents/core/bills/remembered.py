"""What files in a store were found to be, so that none is fetched twice for it: by a process, while they are there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar, cast

from agents.core.bills.entry import Entry
from agents.core.context import Shared

T = TypeVar("T")


class Remembered(Generic[T]):
    """Of one look: files that are not looked at again are forgotten with the next."""

    def __init__(self, shared: Shared, of: str, url: str) -> None:
        """``of`` and ``url`` say what is kept, and of which store."""
        self._shared = shared
        self._key = ("bills", of, url)
        self._former: dict[tuple[str, int, str], T] = cast(
            "dict[tuple[str, int, str], T]", shared.cache.get(self._key, {})
        )
        self._now: dict[tuple[str, int, str], T] = {}

    def get(self, entry: Entry, find: Callable[[], T]) -> T:
        """What ``find`` says of a file, asked once as long as it is the same file."""
        key = (entry.key, entry.size, entry.etag)
        found = self._former[key] if key in self._former else find()
        self._now[key] = found
        return found

    def keep(self) -> None:
        """Keep it for the next look."""
        with self._shared.lock:
            self._shared.cache[self._key] = self._now
