"""Keeps one process running, in a thread of its own, until it is told to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from telemetry.redact import redact
from workers.embedded import EmbeddedServerError
from workers.local.files import tail, trim
from workers.local.unit import Unit

STABLE_AFTER = 60.0
"""Seconds after which a process counts as running well: what happened to it before is forgotten."""
LOOPING_AFTER = 5
"""Ends in a row, each sooner than ``STABLE_AFTER``, that are a crash loop."""
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 30.0
_POLL = 0.1


class State(StrEnum):
    """What a process is doing."""

    STARTING = "starting"
    RUNNING = "running"
    WAITING = "ended, starts again"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True)
class ProcessStatus:
    """One process, for people."""

    name: str
    pid: int | None
    state: State
    #: Seconds since it was last started; None where it does not run.
    uptime: float | None
    restarts: int


def pause_after(failures: int) -> float:
    """Seconds until the next start, after so many ends in a row."""
    return min(_FIRST_PAUSE * 2.0 ** (failures - 1), _LONGEST_PAUSE)


class Keeper:
    """Starts a unit again whenever it ends: soon at first, ever more rarely where that does not help."""

    def __init__(self, unit: Unit, changed: Callable[[], None], say: Callable[[str], None]) -> None:
        """Name the unit.

        Args:
            unit: what to keep running.
            changed: called, from the keeper's thread, when another process runs, or none any more.
            say: called likewise with a line for people; of a crash loop once.
        """
        self.unit = unit
        self._changed = changed
        self._say = say
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"keeper of {unit.name}", daemon=True)
        self._state = State.STOPPED
        self._started = 0.0
        self._failures = 0
        self._restarts = 0

    @property
    def status(self) -> ProcessStatus:
        """How it is now; from any thread."""
        pid = self.unit.pid
        return ProcessStatus(
            name=self.unit.name,
            pid=pid,
            state=self._state,
            uptime=None if pid is None else time.monotonic() - self._started,
            restarts=self._restarts,
        )

    @property
    def ready(self) -> bool:
        """Whether it does its work."""
        return self._state is State.RUNNING

    def start(self) -> None:
        """Start the unit now, and keep it running from now on. Raises what the unit's start raises."""
        self._launch()
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Have it ended; returns at once."""
        if not self._stop.is_set():
            self._stop.set()
            self._state = State.STOPPED if self.unit.pid is None else State.STOPPING

    def join(self) -> None:
        """Wait until it has ended."""
        if self._thread.ident is not None:
            self._thread.join()
        else:
            self._end()  # its first start failed or never came

    def _keep(self) -> None:
        while not self._stop.is_set():
            self._watch()
            if not self._stop.is_set():
                self._pause(self.unit.clear())
            while not self._stop.is_set() and not self._start_again():
                pass
        self._end()

    def _launch(self) -> None:
        self._state = State.STARTING
        self._started = time.monotonic()
        self.unit.start()
        self._started = time.monotonic()

    def _start_again(self) -> bool:
        try:
            self._launch()
        except (EmbeddedServerError, OSError) as error:
            self._pause(str(error))
            return False
        self._restarts += 1
        return True

    def _watch(self) -> None:
        """Return when the unit has ended, or is to be stopped."""
        said = False
        while self.unit.pid is not None:
            if self._state is State.STARTING and self.unit.ready():
                self._state = State.RUNNING
                self._changed()
            if not said and self._is_worth_saying():
                said = True
                self._say(f"{self.unit.name} runs (process {self.unit.pid})")
            if self._stop.wait(_POLL):
                return
            trim(self.unit.log)

    def _is_worth_saying(self) -> bool:
        # One that is in a crash loop has been running before, each time for a moment.
        lived = time.monotonic() - self._started
        return self._state is State.RUNNING and (self._failures < LOOPING_AFTER or lived >= STABLE_AFTER)

    def _pause(self, ending: str) -> None:
        """Wait before the next start, and say so; in a crash loop only once."""
        lived = time.monotonic() - self._started
        self._failures = 1 if lived >= STABLE_AFTER else self._failures + 1
        pause = pause_after(self._failures)
        self._state = State.WAITING
        self._changed()
        if self._failures < LOOPING_AFTER:
            self._say(f"{self.unit.name} ended ({redact(ending)}): starts again in {pause:.1f} s")
        elif self._failures == LOOPING_AFTER:
            self._say(
                f"{self.unit.name} ended {self._failures} times in a row ({redact(ending)}): it is tried again, ever "
                f"more rarely; the end of {self.unit.log}:\n{tail(self.unit.log)}"
            )
        self._stop.wait(pause)

    def _end(self) -> None:
        ran = self.unit.pid is not None
        self.unit.stop()
        self._state = State.STOPPED
        if ran:
            self._say(f"{self.unit.name} stopped")
