"""How the processes that Celery runs come to an end: in order, within a bound, and with a status that says the truth.

Celery's own programs return after whatever has ended them. A process that was not told to stop has failed: its status
is 1. One that was told to stop must not wait for a broker that does not answer: what it held comes back by itself.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from celery.apps import worker as celery_worker
from celery.signals import beat_init, worker_init, worker_ready, worker_shutting_down
from celery.worker import state

from telemetry.logs import fields

logger = logging.getLogger(__name__)

FAILED = 1
WITHIN = 10.0
"""Seconds that a worker may take to end once it has no task at hand."""


class WorkerEnding:
    """Watches the end of the Celery worker in this process. Make one, and start the worker."""

    def __init__(self, role: str, queues: tuple[str, ...], threads: int) -> None:
        """Listen. What a person may know of the worker is logged as soon as it is ready."""
        self._told = False
        self._described = f"{role}: ready: {threads} threads take tasks of {' and '.join(queues)}"
        self._worker: Any = None
        celery_worker.safe_say = _log  # else bare lines on standard output, of which no program knows what they are
        worker_init.connect(self._begin, weak=False)
        worker_ready.connect(self._ready, weak=False)
        worker_shutting_down.connect(self._stop, weak=False)

    def status(self) -> int:
        """The exit status, once the worker has returned."""
        code = getattr(self._worker, "exitcode", None)
        if not self._told and not code:
            logger.error("the worker has ended, and nobody told it to")
            return FAILED
        return int(code or 0)

    def _begin(self, sender: Any, **_: object) -> None:
        self._worker = sender

    def _ready(self, **_: object) -> None:
        logger.info("%s", self._described, extra=fields(event="started"))

    def _stop(self, sig: str = "", **_: object) -> None:
        if not self._told:
            self._told = True
            logger.info("%s: ending in order", sig, extra=fields(event="stopping"))
            threading.Thread(target=self._bound, name="ending", daemon=True).start()

    def _bound(self) -> None:
        since = time.monotonic()
        while time.monotonic() - since < WITHIN:
            if state.active_requests:
                since = time.monotonic()
            time.sleep(0.1)
        logger.warning("the broker does not answer: ending without a word to it; what is unacknowledged comes back")
        end(0)


def end_at_once() -> None:
    """Have SIGTERM and SIGINT end beat or Flower at once: they keep nothing, and a tick sent by half does no harm."""
    _on_signals()
    beat_init.connect(_on_signals, weak=False)  # Celery has put handlers of its own there by then


def _on_signals(**_: object) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end_now)


def end_now(number: int, frame: FrameType | None) -> None:
    """End in order, as a handler of signals."""
    del frame
    logger.info("%s: ending", signal.Signals(number).name, extra=fields(event="stopping"))
    end(0)


_last_words: list[Callable[[], None]] = []


def at_end(say: Callable[[], None]) -> None:
    """Have ``say`` called when the process ends as it was told to."""
    _last_words.append(say)


def _log(said: str, stream: object = None) -> None:
    """What Celery would say to a terminal while it handles a signal."""
    del stream
    logging.getLogger("celery.worker").info("%s", said.strip())


def end(status: int) -> None:
    """End the process without waiting for a thread of it."""
    for say in _last_words if status == 0 else ():
        say()
    logging.shutdown()
    os._exit(status)
