"""Buckets and what is in them."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import md5


@dataclass(frozen=True)
class Stored:
    """An object: each that is put has a generation of its own; its ETag is of its bytes."""

    key: str
    body: bytes
    generation: int
    #: Epoch seconds.
    written: float

    @property
    def etag(self) -> str:
        """As the XML API has it, with its quotes."""
        return f'"{md5(self.body, usedforsecurity=False).hexdigest()}"'


class Buckets:
    """The buckets; filled in-process. `clock` tells when an object was written."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, dict[str, Stored]] = {}
        self._generation = 1_700_000_000_000_000

    def put(self, bucket: str, key: str, body: bytes) -> Stored:
        """Write an object, in the place of one that is there; a bucket that is not there is made."""
        with self._lock:
            self._generation += 1
            stored = Stored(key, body, self._generation, self._clock())
            self._buckets.setdefault(bucket, {})[key] = stored
            return stored

    def delete(self, bucket: str, key: str) -> None:
        """Take one away."""
        with self._lock:
            del self._buckets[bucket][key]

    def get(self, bucket: str, key: str) -> Stored | None:
        """The object; None where there is none. KeyError where there is no such bucket."""
        with self._lock:
            return self._buckets[bucket].get(key)

    def listed(self, bucket: str, prefix: str) -> list[Stored]:
        """Those whose keys begin with `prefix`, in the order of the keys. KeyError where there is no such bucket."""
        with self._lock:
            return sorted(
                (one for key, one in self._buckets[bucket].items() if key.startswith(prefix)), key=lambda one: one.key
            )
