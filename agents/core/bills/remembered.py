"""What files in a store were found to be, so that none is fetched twice for it: by a process, while they are there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Self, TypeVar, cast

from agents.core.bills.entry import Entry
from agents.core.context import Shared
from telemetry.errors import CollectionFailed

T = TypeVar("T")
R = TypeVar("R")
_Key = tuple[str, int, str]


class Remembered(Generic[T]):
    """Of one look, a context: files that are not looked at again are forgotten with the next."""

    def __init__(self, shared: Shared, of: str, url: str) -> None:
        """``of`` and ``url`` say what is kept, and of which store."""
        self._shared = shared
        self._key = ("bills", of, url)
        self._former = cast("dict[_Key, T | CollectionFailed]", shared.cache.get(self._key, {}))
        self._now: dict[_Key, T | CollectionFailed] = {}

    def get(self, entry: Entry, read: Callable[[], R], understand: Callable[[R], T]) -> T:
        """What ``understand`` makes of what ``read`` gives, asked once as long as it is the same file.

        What cannot be understood is not read again either: its error is raised anew.
        """
        key = (entry.key, entry.size, entry.etag)
        found = self._former[key] if key in self._former else _understood(understand, read())
        self._now[key] = found
        if isinstance(found, CollectionFailed):
            raise found.with_traceback(None)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Keep it for the next look. Where this one was broken off nothing is forgotten."""
        with self._shared.lock:
            self._shared.cache[self._key] = self._now if error is None else {**self._former, **self._now}


def _understood(understand: Callable[[R], T], read: R) -> T | CollectionFailed:
    try:
        return understand(read)
    except CollectionFailed as error:
        if error.transient:
            raise
        return error.with_traceback(None)
