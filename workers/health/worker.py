"""Whether a Celery worker works: it is connected, its event loop turns, and what waits for it is taken.

A worker that has lost its broker without noticing looks alive from outside: the process runs, and consumes nothing.
So a thread beside it asks the broker, over a connection of its own, how many tasks wait, and compares that with what
the worker has received.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from celery import Celery, bootsteps
from celery.signals import task_postrun, task_received, task_revoked, worker_ready, worker_shutting_down
from celery.worker import state
from kombu.exceptions import OperationalError

from tasks.depths import QueueDepths
from telemetry.logs import fields
from workers.health.heartbeat import Heartbeat

logger = logging.getLogger(__name__)

EVERY = 3.0
"""Seconds between two looks."""
LOOP_WITHIN = 15.0
"""The event loop turns once a second while the worker is connected."""
TAKEN_WITHIN = 30.0
"""A worker with a free slot receives something of a queue that is never empty within so many seconds."""


@dataclass(frozen=True)
class Look:
    """A worker as it is at one moment; times in monotonic seconds."""

    at: float
    #: When the event loop last turned, connected.
    looped_at: float
    #: Messages in its queues.
    waiting: int
    #: Tasks since the start: that came in, and that have ended in any way.
    received: int
    finished: int
    #: Tasks that it holds, and how many it can run at once.
    busy: int
    slots: int


@dataclass
class Judge:
    """Compares each look with those before it."""

    #: Seconds after which a task that has not ended hangs: the ledger has given it up.
    lease: float
    _idle: tuple[float, int] | None = None
    _full: tuple[float, int] | None = None

    def judge(self, look: Look) -> str:
        """Why the worker does not work; empty where it does."""
        self._idle = _since(self._idle, look.at, look.received, holds=look.waiting > 0 and look.busy < look.slots)
        self._full = _since(self._full, look.at, look.finished, holds=look.busy >= look.slots)
        if (silent := look.at - look.looped_at) > LOOP_WITHIN:
            return f"not connected to the broker: the event loop has not turned for {silent:.0f} s"
        if self._idle and look.at - self._idle[0] > TAKEN_WITHIN:
            return f"{look.waiting} tasks wait, and none was received for {look.at - self._idle[0]:.0f} s"
        if self._full and look.at - self._full[0] > self.lease:
            return f"all {look.slots} slots are taken, and no task has ended for {look.at - self._full[0]:.0f} s"
        return ""


def _since(former: tuple[float, int] | None, at: float, count: int, *, holds: bool) -> tuple[float, int] | None:
    """Since when something holds while a count stands still."""
    if not holds:
        return None
    return former if former is not None and former[1] == count else (at, count)


@dataclass
class WorkerWatch:
    """Gives the sign of life of the Celery worker in this process. Make one, and start the worker."""

    app: Celery
    heartbeat: Heartbeat
    #: Seconds, of the ledger.
    lease: float
    _looped_at: float = field(default_factory=time.monotonic)
    _received: int = 0
    _finished: int = 0
    _slots: int = 1
    _queues: tuple[str, ...] = ()
    _draining: bool = False

    def install(self) -> None:
        """Listen to the worker that this process is about to start."""
        watch = self

        class Turns(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
            """Notes that the event loop turns; stops with the connection, and comes back with it."""

            requires = ("celery.worker.consumer.tasks:Tasks",)
            timer: Any = None

            def start(self, parent: Any) -> None:
                self.timer = parent.timer.call_repeatedly(1.0, watch.turned)
                logger.info("connected to the broker", extra=fields(event="connected"))

            def stop(self, parent: Any) -> None:
                del parent
                if self.timer is not None:  # a start that failed before it came to this step is stopped too
                    self.timer.cancel()

        self.app.steps["consumer"].add(Turns)
        # Celery keeps weak references unless it is told otherwise.
        worker_ready.connect(self._begin, weak=False)
        worker_shutting_down.connect(self._drain, weak=False)
        task_received.connect(self._count_received, weak=False)
        task_revoked.connect(self._count_received, weak=False)
        task_postrun.connect(self._count_finished, weak=False)

    def turned(self) -> None:
        """Note that the event loop has turned."""
        self._looped_at = time.monotonic()

    def _begin(self, sender: Any, **_: object) -> None:
        self._slots = sender.controller.concurrency
        # Those of the start: that a queue was taken from the worker since is what is to be found out.
        self._queues = tuple(self.app.amqp.queues.consume_from)
        self.turned()
        threading.Thread(target=self._watch, name="sign of life", daemon=True).start()

    def _drain(self, **_: object) -> None:
        self._draining = True

    def _count_received(self, **_: object) -> None:
        self._received += 1  # one thread: the event loop's

    def _count_finished(self, **_: object) -> None:
        self._finished += 1  # several threads: one lost is none too few to see that something moves

    def _watch(self) -> None:
        judge, depths = Judge(self.lease), QueueDepths(self.app)
        troubled = False
        while True:
            reason = "" if self._draining else self._trouble(judge, depths)
            if reason:
                self.heartbeat.withhold(reason)
                if not troubled:
                    logger.error("no sign of life is given: %s", reason)
            else:
                self.heartbeat.give()
            troubled = bool(reason)
            time.sleep(EVERY)

    def _trouble(self, judge: Judge, depths: QueueDepths) -> str:
        try:
            waiting = sum(depths.read(self._queues).values())
        except OperationalError as error:
            depths.close()
            return f"the broker does not answer: {error}"
        return judge.judge(
            Look(
                at=time.monotonic(),
                looped_at=self._looped_at,
                waiting=waiting,
                received=self._received,
                finished=self._finished,
                busy=len(state.reserved_requests),
                slots=self._slots,
            )
        )
