"""Handing out follows the workers, not the clock: every planner looks a few times a second for what is due.

Whoever has dispatch's lock at that moment hands out; the others look again. So a planner that dies is replaced at once,
and there is no leader. The scheduled ticks are the safety net.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from kombu.exceptions import OperationalError

from storage import ledger
from storage.errors import StorageError
from tasks.dispatch import HandingOut
from tasks.keeping import TargetKeeper
from tasks.results import CarrierUnavailable
from tasks.runtime import runtime
from tasks.targets import Planned
from telemetry.logs import fields
from telemetry.target import floor_time

logger = logging.getLogger(__name__)

BUSY = 0.25
"""Seconds between two looks while something is due ..."""
IDLE = 1.0
"""... and at most while nothing is."""
_AFTER_A_FAULT = 5.0
_ALIVE = 10.0
_SAID_EVERY = 60.0
_LONG_AGO = datetime.min.replace(tzinfo=UTC)

Key = tuple[str, str]


def next_close(plan: Planned, now: datetime) -> datetime:
    """When the next window of a service can be expected to be whole at the provider."""
    kinds = {(target.interval, target.delay) for target in plan.targets}
    return min(floor_time(now - delay, interval) + interval + delay for interval, delay in kinds)


@dataclass
class HandOut:
    """The looks of one planner. One thread uses it."""

    keeper: TargetKeeper
    handing: HandingOut = field(default_factory=HandingOut)
    #: When the next window of each service closes.
    _closes: dict[Key, datetime] = field(default_factory=dict)
    _pause: float = BUSY
    #: Another planner is opening windows.
    _is_opening_elsewhere: bool = False
    _opened: int = 0
    _handed_out: int = 0
    _said_at: float = field(default_factory=time.monotonic)

    def look(self) -> float:
        """Open what has closed and hand out what is due; seconds until the next look."""
        planned = runtime.planned()
        clock = runtime.database().clock
        with runtime.database().connection() as connection:
            now = clock.passed(connection)
            due = ledger.is_any_due(connection, clock.known())
        opened, since = 0, time.monotonic()
        for part in self._open(planned, now):
            opened += part
            self._say(part, 0)
            if time.monotonic() - since > BUSY:
                # To open takes its time, and workers wait for none of it.
                self._hand_out(planned, opened)
                since = time.monotonic()
        if not due and not opened:
            return self._until_next(IDLE)
        handed_out = self._hand_out(planned, opened)
        # What is due and cannot go out now is not looked at as often.
        self._pause = BUSY if opened or handed_out or handed_out is None else min(IDLE, 2 * self._pause)
        return self._until_next(self._pause)

    def _hand_out(self, planned: Mapping[Key, Planned], opened: int) -> int | None:
        if opened:
            self.handing.forget()
        handed_out = self.handing.hand_out(planned, wait=False)
        self._say(0, handed_out or 0)
        return handed_out

    def _open(self, planned: Mapping[Key, Planned], now: datetime) -> Iterator[int]:
        """Open what has closed since the last look, some of it at a time: yields how many windows."""
        self._is_opening_elsewhere = False
        for key, plan in planned.items():
            if self._closes.get(key, _LONG_AGO) > now:
                continue
            with runtime.database().connection() as connection:
                if key not in self._closes:
                    self.keeper.keep(connection, plan, runtime.database().clock.known())
                    self._closes[key] = now
                    yield 0  # which may have taken a while
                done = True
                for part in ledger.open_closed(connection, *key, now):
                    done = False
                    self._is_opening_elsewhere |= part is None
                    yield part or 0
            if done:  # else some may not be open yet, or another planner is at it: the next look looks again
                self._closes[key] = next_close(plan, now)

    def _until_next(self, most: float) -> float:
        closes = min(self._closes.values(), default=_LONG_AGO)
        least = BUSY if self._is_opening_elsewhere else 0.01
        return min(most, max(least, (closes - runtime.database().clock.known_passed()) / timedelta(seconds=1)))

    def _say(self, opened: int, handed_out: int) -> None:
        self._opened += opened
        self._handed_out += handed_out
        if time.monotonic() - self._said_at > _SAID_EVERY:
            found = fields(event="planned", opened=self._opened, handed_out=self._handed_out)
            logger.info("%d windows opened, %d attempts handed out", self._opened, self._handed_out, extra=found)
            self._opened, self._handed_out, self._said_at = 0, 0, time.monotonic()


class HandOutThread:
    """Looks as long as the process lives. Nothing ends it: what goes wrong is tried again."""

    def __init__(self, app: Any, keeper: TargetKeeper) -> None:
        """Start nothing yet."""
        self._app = app
        self._hand_out = HandOut(keeper)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hand-out", daemon=True)
        self._fault = ""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; what is being handed out is. Takes a second or two at most."""
        self._stop.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(2 * IDLE)

    def _run(self) -> None:
        self._app.set_current()
        pause = 0.0
        while not self._stop.wait(pause):
            try:
                pause = self._hand_out.look()
            except (StorageError, CarrierUnavailable, OperationalError, OSError) as error:
                self._say_once(str(error))
                pause = _AFTER_A_FAULT
            except Exception:
                logger.exception("handing out failed, it is tried again")
                pause = _AFTER_A_FAULT
            else:
                _LOOKS.at = time.monotonic()
                self._fault = ""
        self._hand_out.handing.close()

    def _say_once(self, fault: str) -> None:
        if fault != self._fault:
            logger.warning("handing out waits, it is tried again every %.0f s: %s", _AFTER_A_FAULT, fault)
        self._fault = fault


@dataclass
class _Looks:
    at: float = float("-inf")


_LOOKS = _Looks()


def hands_out_here() -> bool:
    """Whether this process looks by itself, so that a tick need not hand out."""
    return time.monotonic() - _LOOKS.at < _ALIVE
