"""Keeps one process running, in a thread of its own, until it is told to stop.

Nothing that goes wrong meanwhile ends the thread: a full disk, no further process or file to be had, a callback that
fails. It is said, once for as long as it stays the same, and tried again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from telemetry.backoff import ceiling
from telemetry.redact import redact
from workers.local.files import tail
from workers.local.unit import Unit

logger = logging.getLogger(__name__)
T = TypeVar("T")

STABLE_AFTER = 60.0
"""Seconds after which a process counts as running well: what happened to it before is forgotten."""
LOOPING_AFTER = 5
"""Ends in a row, each sooner than ``STABLE_AFTER``, that are a crash loop."""
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 30.0
_POLL = 0.1
_TROUBLE_PAUSE = 2.0
"""Seconds until what has failed beside the process itself, its log for instance, is tried again."""


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
    #: It has ended again and again, and has not run well since.
    looping: bool = False
    #: What has failed beside the process itself: its log cannot be written, it cannot be started again.
    troubles: tuple[str, ...] = ()


def pause_after(failures: int) -> float:
    """Seconds until the next start, after so many ends in a row."""
    return ceiling(failures, _FIRST_PAUSE, _LONGEST_PAUSE)


class Supervisor:
    """Starts a unit again whenever it ends: soon at first, ever more rarely where that does not help."""

    def __init__(self, unit: Unit, changed: Callable[[], None], say: Callable[[str], None]) -> None:
        """Name the unit.

        Args:
            unit: what to keep running.
            changed: called, from the supervisor's thread, when another process runs, or none any more.
            say: called likewise with a line for people; of a crash loop once.

        Whatever they raise, the process is kept.
        """
        self.unit = unit
        self._when_changed = changed
        self._when_said = say
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"supervisor of {unit.name}", daemon=True)
        self._state = State.STOPPED
        self._started = 0.0
        self._failures = 0
        self._restarts = 0
        #: What has failed beside the process itself, and when it may be tried again.
        self._troubles: dict[str, str] = {}

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
            looping=self._failures >= LOOPING_AFTER and time.monotonic() - self._started < STABLE_AFTER,
            troubles=tuple(self._troubles.copy().values()),
        )

    @property
    def ready(self) -> bool:
        """Whether it does its work."""
        return self._state is State.RUNNING

    @property
    def alive(self) -> bool:
        """Whether it still looks after its unit: its thread runs, or has not been started, or was told to stop."""
        return self._stop.is_set() or self._thread.ident is None or self._thread.is_alive()

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
            try:
                self._watch()
                if not self._stop.is_set():
                    self._pause(self._try("clearing up", self.unit.clear, "not known how"))
                while not self._stop.is_set() and not self._start_again():
                    pass
            except Exception as error:
                # None is known to come so far; and a process without a supervisor would never be started again.
                logger.exception("keeping %s", self.unit.name)
                self._trouble("keeping it", error)
                self._stop.wait(_TROUBLE_PAUSE)
        self._end()

    def _try(self, what: str, action: Callable[[], T], otherwise: T) -> T:
        """Do something beside keeping the process; where it fails, say so, once for the same reason."""
        try:
            done = action()
        except Exception as error:  # noqa: BLE001 - whatever it is, the process is kept
            self._trouble(what, error)
            return otherwise
        self._troubles.pop(what, None)
        return done

    def _trouble(self, what: str, error: Exception) -> None:
        words = redact(f"{self.unit.name}: {what}: {str(error) or type(error).__name__}: tried again")
        if self._troubles.get(what) != words:
            self._troubles[what] = words
            self._say(words)

    def _say(self, line: str) -> None:
        try:
            self._when_said(line)
        except (Exception, SystemExit):  # the log is left to tell it
            logger.exception("saying: %s", line)

    def _changed(self) -> None:
        self._try("telling of the change", self._when_changed, None)

    def _launch(self) -> None:
        self._state = State.STARTING
        self._started = time.monotonic()
        self.unit.start()
        self._started = time.monotonic()

    def _start_again(self) -> bool:
        try:
            self._launch()
        except Exception as error:  # noqa: BLE001 - no room, no process, no file to be had: it is tried for ever
            self._pause(str(error) or type(error).__name__)
            return False
        self._restarts += 1
        return True

    def _watch(self) -> None:
        """Return when the unit has ended, or is to be stopped."""
        said = False
        while self.unit.pid is not None:
            if self._state is State.STARTING and self._try("asking whether it is ready", self.unit.ready, False):
                self._state = State.RUNNING
                self._changed()
            if not said and self._is_worth_saying():
                said = True
                self._changed()
                self._say(f"{self.unit.name} runs (process {self.unit.pid})")
            if self._stop.wait(_POLL):
                return
            self._try("writing its log", self.unit.check_log, None)

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
        ended = f"{self.unit.name} ended ({redact(ending)}): starts again in {pause:.1f} s"
        if self._failures < LOOPING_AFTER:
            self._say(f"{ended}; its last lines: {self.unit.log}")
        elif self._failures == LOOPING_AFTER:
            self._say(
                f"{self.unit.name} ended {self._failures} times in a row ({redact(ending)}): it is tried again, ever "
                f"more rarely; the end of {self.unit.log}:\n{tail(self.unit.log)}"
            )
        else:
            logger.warning("%s, after %d ends in a row", ended, self._failures)
        self._stop.wait(pause)

    def _end(self) -> None:
        ran = self.unit.pid is not None
        try:
            self.unit.stop()
        except Exception as error:
            logger.exception("stopping %s", self.unit.name)
            self._trouble("stopping it in order", error)
            self._try("ending it at once", self.unit.kill, None)
        self._state = State.STOPPED
        if ran:
            self._say(f"{self.unit.name} stopped")
