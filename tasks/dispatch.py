"""From the ledger to the broker: hands out what is due, as far as the queues have room, unless the fleet is behind."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heapify, heappop, heappush

from celery import current_app
from kombu.exceptions import OperationalError

from storage import ledger, locks, processes
from storage.database import Connection
from tasks.depths import QueueDepths
from tasks.lanes import lane_of, queue_of
from tasks.pressure import pressure
from tasks.rooms import Outlet, Rooms, Seen
from tasks.runtime import runtime
from tasks.targets import Planned
from telemetry.errors import ConfigError
from telemetry.grants import grant
from telemetry.logs import fields
from telemetry.settings.model import LedgerSettings

logger = logging.getLogger(__name__)

_SILENT_AFTER = timedelta(seconds=35)
"""A worker that has given no sign for so long is taken for dead: three signs, and a little."""
_AT_ONCE = 1000
_FOUND = 10_000
"""Windows of each lane that are looked up at a time. It takes as long to find one among many as to find thousands."""
_MOST_FOUND = 5 * _FOUND
_SHARE, _SHARE_OF_NEW = 20, 3
"""To find what is due takes at most a part in so many of the time; where more is known to be due."""
_OVERDUE_EVERY = 5.0
_PRESSURE_EVERY = 1.0
_SAID_EVERY = 60.0


def dispatch_due(provider: str, service: str | None = None) -> int:
    """Hand out the attempts of ``provider`` (of one service of it) that are due, the present first; how many.

    The ledger commits before the broker is told: a crash in between costs a lease, never a window. What the broker
    does not take is given back at once.
    """
    chosen = {key for key in runtime.planned() if key[0] == provider and service in {None, key[1]}}
    handing = HandingOut()
    try:
        return handing.hand_out(chosen, wait=True) or 0
    finally:
        handing.close()


@dataclass
class HandingOut:
    """Hands out again and again, and remembers what it has found. One thread uses it."""

    _depths: QueueDepths | None = None
    #: What is due, with its place in the order in which all should go out.
    _found: dict[Outlet, deque[tuple[int, ledger.Found]]] = field(default_factory=dict)
    #: Nothing new is looked up before, in monotonic seconds, unless more is known to be due.
    _fresh_until: float = float("-inf")
    _new_until: float = float("-inf")
    #: Of these more may have been due than was found; of the others that was all.
    _cut: set[Outlet] = field(default_factory=set)
    #: Those that were looked up.
    _lanes: Mapping[tuple[str, str], str] = field(default_factory=dict)
    _overdue_at: float = float("-inf")
    _held: dict[bool, tuple[float, str]] = field(default_factory=dict)
    _said: dict[tuple[str, bool], tuple[float, str]] = field(default_factory=dict)

    def close(self) -> None:
        """Let go of the connection to the broker."""
        if self._depths is not None:
            self._depths.close()

    def forget(self) -> None:
        """More is due than was found: look it up."""
        self._fresh_until = min(self._fresh_until, self._new_until)

    def hand_out(self, services: Iterable[tuple[str, str]], *, wait: bool) -> int | None:
        """Hand out what is due of these services, and return how much.

        None: another planner does, and we do not ``wait`` for it.
        """
        limits = runtime.settings().ledger
        if not limits.signing_keys:
            # Before anything is taken: an attempt that nobody has signed would be collected, and refused.
            problem = (
                "ledger.signing_keys: set it, or the environment variable FINFLEET_SIGNING_KEYS, as for the ingest"
            )
            raise ConfigError("configuration", (problem,))
        planned = runtime.planned()
        lanes = {key: lane_of(planned[key].service) for key in services if not self._held_back(planned[key])}
        if not lanes:
            return 0
        with runtime.database().connection() as connection:
            consumers = processes.consumers(connection, _SILENT_AFTER)
            last = ledger.last_looks(connection)
        every = outlets_of(planned)
        waiting = self._waiting(every, consumers)
        with runtime.database().connection() as connection, connection.transaction():
            if wait:
                locks.take(connection, locks.DISPATCH)
            elif not locks.try_take(connection, locks.DISPATCH):
                return None
            now, taken_at = runtime.database().clock.now(connection), time.monotonic()
            self._settle_overdue(connection, limits, now)
            newer = ledger.last_looks(connection)
            if {queue: look.looks for queue, look in newer.items()} != {
                queue: look.looks for queue, look in last.items()
            }:
                # Another planner was there in between.
                waiting = self._waiting(every, consumers)
            seen = Seen(consumers, waiting, newer, _out(connection, planned, now))
            rooms = Rooms(every, seen, limits.max_in_flight)
            due = self._take(connection, lanes, rooms, limits, now)
            sent: dict[str, int] = dict.fromkeys({rooms.queues[outlet] for outlet in every}, 0)
            # Another planner, with another configuration, may have changed a queue since it was looked up.
            queues = [rooms.queues.get(_outlet(one, lanes), one.queue) for one in due]
            for queue in queues:
                sent[queue] = sent.get(queue, 0) + 1
            if due:
                ledger.note_looks(
                    connection,
                    {
                        queue: ((waiting or {}).get(queue, 0) + count, seen.drained(queue))
                        for queue, count in sent.items()
                    },
                )
        return self._send(due, queues, limits, now, taken_at)

    def _held_back(self, planned: Planned) -> bool:
        """Whether a service waits until results of its kind are taken; the other kind holds it up in nothing."""
        bills, provider = planned.service.brings_bills, planned.service.provider
        at, reason = self._held.get(bills, (float("-inf"), ""))
        if time.monotonic() - at > _PRESSURE_EVERY:
            reason = pressure(bills=bills)
            self._held[bills] = time.monotonic(), reason
        said_at, said = self._said.get((provider, bills), (float("-inf"), ""))
        if reason and (not said or time.monotonic() - said_at > _SAID_EVERY):
            found = fields(event="held_back", provider=provider)
            logger.warning(
                "%s: nothing is handed out: %s; what is due waits in the ledger", provider, reason, extra=found
            )
            said_at = time.monotonic()
        self._said[provider, bills] = said_at, reason
        return bool(reason)

    def _waiting(
        self, outlets: Iterable[Outlet], consumers: Sequence[tuple[frozenset[str], int]]
    ) -> Mapping[str, int] | None:
        """Messages on each queue; None where the broker cannot say."""
        consumed = frozenset[str]().union(*(queues for queues, _ in consumers))
        names = {outlet.queue for outlet in outlets}
        names |= {queue_of(outlet.queue, outlet.lane) for outlet in outlets} & consumed
        if self._depths is None:
            self._depths = QueueDepths(current_app)
        try:
            return self._depths.read(sorted(names))
        except OperationalError as error:
            logger.warning(
                "the broker cannot say how much waits on its queues, the ledger knows what is out: %s", error
            )
            return None

    def _settle_overdue(self, connection: Connection, limits: LedgerSettings, now: datetime) -> None:
        if time.monotonic() - self._overdue_at > _OVERDUE_EVERY:
            ledger.settle_overdue(connection, now, max_attempts=limits.max_attempts, limit=_AT_ONCE)
            self._overdue_at = time.monotonic()

    def _take(
        self,
        connection: Connection,
        lanes: Mapping[tuple[str, str], str],
        rooms: Rooms,
        limits: LedgerSettings,
        now: datetime,
    ) -> list[ledger.Dispatch]:
        """Take what is due as far as there is room for it."""
        free = [outlet for outlet in rooms.queues if outlet.lane in lanes.values() and rooms.of(outlet)]
        if not free:
            return []
        if lanes != self._lanes or self._is_stale(free):
            self._look_up(connection, lanes, rooms, now)
        fitting: list[ledger.Found] = []
        heads = [(self._found[outlet][0][0], outlet) for outlet in free if self._found.get(outlet)]
        heapify(heads)
        while heads and len(fitting) < _AT_ONCE:
            _, outlet = heappop(heads)
            if not rooms.take(outlet):
                continue
            found = self._found[outlet]
            fitting.append(found.popleft()[1])
            if found:
                heappush(heads, (found[0][0], outlet))
        return ledger.take(connection, fitting, now, lease=limits.lease) if fitting else []

    def _is_stale(self, free: Sequence[Outlet]) -> bool:
        if time.monotonic() > self._fresh_until:
            return True
        return any(outlet in self._cut and not self._found.get(outlet) for outlet in free)

    def _look_up(
        self, connection: Connection, lanes: Mapping[tuple[str, str], str], rooms: Rooms, now: datetime
    ) -> None:
        begun = time.monotonic()
        self._lanes = lanes
        wanted = [ledger.Room(*outlet, _FOUND) for outlet in rooms.queues]
        targets = ledger.count_targets(connection)  # with their regions, which the configuration may not name
        newest = max(2, 2 * _FOUND // max(1, targets)) if targets < _FOUND else None
        due = ledger.find_due(connection, ledger.Choice(lanes, wanted), now, _MOST_FOUND, newest=newest)
        self._found = defaultdict(deque)
        for place, one in enumerate(due):
            self._found[Outlet(one.room.provider, one.room.queue, one.room.lane)].append((place, one))
        counts = Counter(one.target_id for one in due)
        long = {target_id for target_id, count in counts.items() if newest is not None and count >= newest}
        self._cut = {
            outlet
            for outlet in rooms.queues
            if len(due) >= _MOST_FOUND
            or len(found := self._found[outlet]) >= _FOUND
            or any(one.target_id in long for _, one in found)
        }
        took = time.monotonic() - begun
        self._fresh_until, self._new_until = begun + _SHARE * took, begun + _SHARE_OF_NEW * took

    def _send(
        self,
        due: Sequence[ledger.Dispatch],
        queues: Sequence[str],
        limits: LedgerSettings,
        now: datetime,
        taken_at: float,
    ) -> int:
        for index, (attempt, queue) in enumerate(zip(due, queues, strict=True)):
            try:
                _send(attempt, queue, limits, now, taken_at)
            except (OperationalError, OSError) as error:
                logger.warning("the broker took %d of %d attempts: %s", index, len(due), error)
                with runtime.database().connection() as connection:
                    ledger.give_back(connection, due[index:], limits.sweep_interval, now)
                return index
        return len(due)


_outlets_lock = threading.Lock()
_outlets: list[tuple[Mapping[tuple[str, str], Planned], list[Outlet]]] = []


def outlets_of(planned: Mapping[tuple[str, str], Planned]) -> list[Outlet]:
    """Every lane of every queue that is planned; remembered, since there may be many thousand targets."""
    with _outlets_lock:
        for known, outlets in _outlets:
            if known is planned:
                return outlets
        found = sorted(
            {
                Outlet(provider, target.queue, lane_of(plan.service))
                for (provider, _), plan in planned.items()
                for target in plan.targets
            }
        )
        _outlets[:] = [(planned, found)]
        return found


def _out(connection: Connection, planned: Mapping[tuple[str, str], Planned], now: datetime) -> dict[Outlet, int]:
    out: dict[Outlet, int] = {}
    for kind, count in ledger.count_out(connection, now).items():
        plan = planned.get((kind.provider, kind.service))
        outlet = Outlet(kind.provider, kind.queue, lane_of(plan.service) if plan else "")
        out[outlet] = out.get(outlet, 0) + count
    return out


def _outlet(one: ledger.Dispatch, lanes: Mapping[tuple[str, str], str]) -> Outlet:
    return Outlet(one.target.provider, one.queue, lanes[one.target.provider, one.target.service])


def _send(attempt: ledger.Dispatch, queue: str, limits: LedgerSettings, now: datetime, taken_at: float) -> None:
    signed = grant(limits.signing_keys[0], attempt.target, attempt.window, attempt.attempt, now + limits.lease)
    current_app.send_task(
        "tasks.collect.collect",
        args=(str(attempt.target), str(attempt.window), attempt.attempt, signed),
        queue=queue,
        # After that the ledger has handed out another attempt: this one must not cost calls any more, however long
        # this process stood still before it sent it.
        expires=max(1.0, limits.lease.total_seconds() - (time.monotonic() - taken_at)),
        # The same by the clock of the ledger: Celery would tell the worker by that of this machine.
        headers={"expires": (now + limits.lease).isoformat()},
        # How Flower and the logs name it.
        argsrepr=f"({attempt.target}, {attempt.window}, attempt {attempt.attempt})",
        retry=False,
    )
    found = fields(event="handed_out", target=attempt.target, window=attempt.window, attempt=attempt.attempt)
    logger.debug("handed out to %s", queue, extra=found)
