"""Trouble with processes: those that vanished, that hang, that nobody has started."""

from __future__ import annotations

from collections.abc import Iterator

from storage.processes import Process
from tasks.schedule import PLAN_QUEUE, PUSH_QUEUE
from workers.output import duration
from workers.status.facts import Facts
from workers.status.fates import OWN, Fate
from workers.status.kinds.kind import Found, grouped, kind

_OFTEN = 3
_SETTLED_AFTER = 120.0
"""Seconds that a fleet has to be up before a process is missed that has never been there."""


def named(process: Process) -> str:
    """How a person finds it."""
    return f"{process.role} on {process.host} (process {process.pid})"


@kind("process_down", "A process of the `finfleet up` of this directory does not run, or ends again and again.")
def _down(facts: Facts) -> Iterator[Found]:
    for line in facts.beside:
        yield line, ()


@kind("process_vanished", "A process gave signs of life, gives none any more, and did not end in order.")
def _vanished(facts: Facts) -> Iterator[Found]:
    for one in facts.fates.those(Fate.VANISHED) if facts.fates else ():
        if facts.fates is None or one.process_id not in facts.fates.dead:
            yield f"no sign of life for {duration(one.silent)}: it was killed, hangs, or cannot reach us", (named(one),)
        elif not any(line.startswith(f"{_in_up(one)} of finfleet up ") for line in facts.beside):
            yield "it runs no more, and was not told to stop", (named(one),)


def _in_up(process: Process) -> str:
    """What such a process is called by a `finfleet up`."""
    what = process.role.removeprefix("worker ")
    return what if what == process.role or what in {PLAN_QUEUE, PUSH_QUEUE} else f"collect.{what}"


@kind("process_missing", "The configuration needs a process of that role, and none lives.")
def _missing(facts: Facts) -> Iterator[Found]:
    newest = facts.database.newest_sign
    if not facts.living() and newest is not None and newest > _SETTLED_AFTER:
        if facts.fates is None or not facts.fates.those(Fate.VANISHED):
            yield f"no process of the fleet lives, the last sign of one came {duration(newest)} ago: start it", ()
        return
    if facts.fates is None:
        return
    known = {one.role for one, fate in facts.fates.of if fate is not Fate.REPLACED and not _long_ended(one)}
    if not any((one.last_seen - one.first_seen).total_seconds() > _SETTLED_AFTER for one in facts.living()):
        return
    heard = "ingest" in {one.role for one in facts.living()} and not facts.broker_fault
    for role in _needed(facts):
        if role not in known and (heard or role in OWN):
            yield f"nobody runs it: start `finfleet {role}`", (role,)


def _long_ended(one: Process) -> bool:
    return one.stopped and one.silent > _SETTLED_AFTER


def _needed(facts: Facts) -> Iterator[str]:
    yield from ("ingest", "worker plan", "beat")
    if facts.settings.destinations:
        yield "forward"
    if facts.settings.push_sources:
        yield "worker push"
    providers = {one.target.provider for one in facts.database.lateness or ()}
    collected = {provider for provider, _ in facts.settings.providers()}
    for provider in sorted(providers & collected):
        yield f"worker {provider}"


@kind("process_troubled", "A process lives, and says itself that it does not work, or that a clock is wrong.")
def _troubled(facts: Facts) -> Iterator[Found]:
    yield from grouped((named(one), one.trouble) for one in facts.living() if one.trouble)


@kind("process_restarts", "A process has vanished three times or more within the hour.")
def _restarts(facts: Facts) -> Iterator[Found]:
    for (role, _), times in facts.fates.vanished.items() if facts.fates else ():
        if times >= _OFTEN:
            yield f"ended {times} times within the hour without being told to: look at its log", (role,)


KINDS = (_down, _vanished, _missing, _troubled, _restarts)
