"""Reads the machine once a second, in a thread of its own, and keeps a quarter of an hour of it."""

from __future__ import annotations

import logging
import threading
import time
from bisect import bisect_left
from collections import deque

from agents.core.context import Shared
from agents.generic.host.snapshot import Snapshot, take_snapshot

logger = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds, on the whole second: windows begin and end there."""
_KEPT = 15 * 60


class Sampler:
    """The snapshots of the last quarter of an hour, by time."""

    def __init__(self) -> None:
        self._snapshots: deque[Snapshot] = deque(maxlen=_KEPT)
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, unless it has begun. The thread ends with the process."""
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="host-sampler", daemon=True)
                self._thread.start()

    def add(self, snapshot: Snapshot) -> None:
        """Keep a snapshot. Those before a clock that was set back are forgotten: their times mean nothing now."""
        with self._changed:
            if self._snapshots and snapshot.time <= self._snapshots[-1].time:
                self._snapshots.clear()
            self._snapshots.append(snapshot)
            self._changed.notify_all()

    def first_from(self, moment: float) -> Snapshot | None:
        """The first snapshot that was taken at ``moment`` or after it."""
        kept = self._kept()
        index = bisect_left(kept, moment, key=lambda snapshot: snapshot.time)
        return kept[index] if index < len(kept) else None

    def between(self, start: float, end: float) -> list[Snapshot]:
        """The snapshots that were taken from ``start`` on and before ``end``."""
        return [snapshot for snapshot in self._kept() if start <= snapshot.time < end]

    def wait_for(self, moment: float, deadline: float) -> bool:
        """Wait until a snapshot was taken at ``moment`` or later; False at ``deadline`` (a time.monotonic())."""

        def arrived() -> bool:
            return bool(self._snapshots) and self._snapshots[-1].time >= moment

        with self._changed:
            return self._changed.wait_for(arrived, max(0.0, deadline - time.monotonic()))

    def _kept(self) -> list[Snapshot]:
        with self._changed:
            return list(self._snapshots)

    def _run(self) -> None:
        while True:
            try:
                self.add(take_snapshot())
            except Exception:
                # One reading less; its thread must outlive whatever a driver or a file system does.
                logger.exception("this machine could not be read")
            time.sleep(EVERY - time.time() % EVERY)


def sampler_of(shared: Shared) -> Sampler:
    """The sampler of this process, started."""
    sampler = shared.once(Sampler, Sampler)
    sampler.start()
    return sampler
