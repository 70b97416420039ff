"""Since when this process has seen things in a state whose beginning their listing does not tell.

A listing tells the present. Of a thing that is stopped, without a time, one look says nothing of a window that is past;
a look before the window and one after it, with the same last start, say that it was stopped throughout.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime

from agents.core.context import Shared

_KEPT = 100_000


@dataclass
class Sightings:
    """The latest things that were seen so. Safe to share between threads."""

    _kept: OrderedDict[Hashable, tuple[Hashable, datetime]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def since(self, thing: Hashable, mark: Hashable, now: datetime) -> datetime:
        """When ``thing`` was first seen with this ``mark`` (its state, its last start), and with none other since."""
        with self._lock:
            kept = self._kept.get(thing)
            first = min(kept[1], now) if kept is not None and kept[0] == mark else now
            self._kept[thing] = (mark, first)
            self._kept.move_to_end(thing)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return first

    def forget(self, thing: Hashable) -> None:
        """It was seen in another state."""
        with self._lock:
            self._kept.pop(thing, None)


def sightings(shared: Shared) -> Sightings:
    """Those of this process."""
    return shared.once(Sightings, Sightings)
