"""What has become of each process that has ever given a sign: it lives, was replaced, has ended, or has vanished."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import NamedTuple
from uuid import UUID

import psutil

from storage.processes import Process
from workers.health.presence import SILENT_AFTER, this_machine

_CLOCK = 5.0
"""Seconds by which a clock may have been set since a process began."""
OWN = frozenset({"ingest", "forward", "worker plan"})
"""Roles that write their signs into the database themselves; the others' come over the broker and by an ingest."""


class Fate(Enum):
    """What has become of a process."""

    LIVES = "lives"
    ENDED = "has ended in order"
    #: Another one of its kind began after it was last seen.
    REPLACED = "was replaced"
    VANISHED = "has vanished"
    #: Nobody could have told us of it.
    UNKNOWN = "is not known"


class Fates(NamedTuple):
    """Each process with its fate, and how often one of a kind has vanished."""

    of: tuple[tuple[Process, Fate], ...]
    #: By role and queues, within the hour.
    vanished: Counter[tuple[str, str]]
    #: Those of this machine that run no more.
    dead: frozenset[UUID]

    def those(self, fate: Fate) -> list[Process]:
        """The processes of one fate."""
        return [process for process, one in self.of if one is fate]


def judge(
    found: Sequence[Process], *, broker_answers: bool, runs_here: Callable[[Process], bool | None] | None = None
) -> Fates:
    """Judge them all; with a broker that does not answer, those are not known that speak over it."""
    here = {one.process_id: (runs_here or _runs_here)(one) for one in found}
    gone = {one.process_id for one in found if not one.stopped and _is_gone(one, here[one.process_id])}
    ingest_lives = any(one.role == "ingest" and not one.stopped and one.process_id not in gone for one in found)
    heard = broker_answers and ingest_lives
    replaced = _replaced(found, gone)

    def fate(one: Process) -> Fate:
        if one.stopped:
            return Fate.ENDED
        if one.process_id not in gone:
            return Fate.LIVES
        if one.process_id in replaced:
            return Fate.REPLACED
        sure = heard or one.role in OWN or here[one.process_id] is False
        return Fate.VANISHED if sure else Fate.UNKNOWN

    fates = tuple((one, fate(one)) for one in found)
    gone_kinds = Counter(_kind(one) for one, what in fates if what in {Fate.REPLACED, Fate.VANISHED})
    return Fates(fates, gone_kinds, frozenset(number for number, runs in here.items() if runs is False))


def _is_gone(one: Process, here: bool | None) -> bool:
    """Whether it is not among the processes of this machine; of another one, whether it has said nothing for long."""
    return here is False or one.silent > SILENT_AFTER


def _runs_here(one: Process) -> bool | None:
    """Whether it runs on this machine; None where it is of another."""
    if not one.machine or one.machine != this_machine():
        return None
    try:
        process = psutil.Process(one.pid)
        later = process.create_time() > one.started_at.timestamp() + _CLOCK
        return not later and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return None


def _replaced(found: Iterable[Process], silent: set[UUID]) -> set[UUID]:
    """Those that vanished, and in whose place another one of their kind began after their last sign."""
    replaced: set[UUID] = set()
    waiting: dict[tuple[str, str], list[Process]] = {}
    for one in sorted(found, key=lambda one: one.first_seen):
        gone = waiting.setdefault(_kind(one), [])
        former = next((other for other in gone if other.last_seen <= one.first_seen), None)
        if former is not None:
            gone.remove(former)
            replaced.add(former.process_id)
        if one.process_id in silent:
            gone.append(one)
    return replaced


def _kind(one: Process) -> tuple[str, str]:
    return one.role, one.queues
