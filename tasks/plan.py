"""The planner's tasks: fan a service out into windows, and sweep up what is due, overdue or was never planned.

A database that is away, takes no changes or is full is waited for by the next tick: the ledger knows what is owed, and
a tick that did nothing costs time only. What waiting does not mend fails the task, and never the process.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from celery import shared_task

from storage import ledger, outbox
from storage.cost_scopes import judge_again
from storage.errors import StorageError
from storage.maintenance import maintain
from tasks.dispatch import dispatch_due
from tasks.handing import hands_out_here
from tasks.keeping import TargetKeeper
from tasks.maintenance import kept_by, load_rules, steps_of
from tasks.runtime import runtime
from telemetry.logs import fields

logger = logging.getLogger(__name__)

keeper = TargetKeeper()
"""That of this process."""

_REMOVED_FOR = timedelta(hours=1)
"""How long an entry of the outbox waits for a destination that the configuration does not have."""
_MAINTAIN_FOR = timedelta(minutes=5)
"""Of an hour: a thread of the planner does it, the others plan."""


@shared_task(name="tasks.plan.fan_out")
def fan_out(provider: str, service: str) -> str:
    """Open the windows of every target of a service that have closed since the last tick, and hand them out.

    Any number of beats may tick: the ledger opens a window once. Returns what came of it.
    """
    plan = runtime.planned().get((provider, service))
    if plan is None:
        logger.warning("fan_out %s/%s: it is not in the configuration of this worker", provider, service)
        return f"{provider}/{service} is not in the configuration of this worker"
    clock = runtime.database().clock
    with _waiting(f"fan_out {provider}/{service}") as tick:
        with runtime.database().connection() as connection:
            keeper.keep(connection, plan, clock.now(connection))
            opened = ledger.open_windows(connection, provider, service, clock.passed(connection))
        handed_out = 0 if hands_out_here() else dispatch_due(provider, service)
        said = f"{opened} windows opened, {handed_out} attempts handed out"
        found = fields(event="planned", provider=provider, service=service, opened=opened, handed_out=handed_out)
        logger.info("%s/%s: %s", provider, service, said, extra=found)
        tick.said = said
    return tick.said


@shared_task(name="tasks.plan.sweep")
def sweep() -> str:
    """Mend the ledger, then hand out everything that is due: retries, lost attempts, refreshes, back-fill.

    What one part of it cannot do for now, such as one statement over a large table, does not keep the others from it.
    Returns what came of it.
    """
    clock = runtime.database().clock
    with _waiting("sweep") as tick:
        opened, reopened = 0, 0
        with _part("what is configured"), runtime.database().connection() as connection:
            ledger.disable_unknown(connection, list(runtime.planned()), clock.now(connection))
        with _part("opening windows"), runtime.database().connection() as connection:
            # What ticks have missed, and what is more than one tick opens: a long back-fill, a long time without a
            # planner.
            opened = ledger.open_windows(connection, None, None, clock.passed(connection))
        with _part("healing"), runtime.database().connection() as connection:
            healed = ledger.heal_gaps(connection, clock.passed(connection))
            opened, reopened = opened + healed.opened, healed.reopened
        with _part("whose bill counts"), runtime.database().connection() as connection:
            judge_again(connection)
        handed_out = 0
        for provider, _ in runtime.settings().providers():
            with _part(f"handing out {provider}"):
                handed_out += 0 if hands_out_here() else dispatch_due(provider)
        said = f"{opened} windows opened, {reopened} denied, failed or refused ones due again"
        said = f"{said}, {handed_out} attempts handed out"
        logger.info("sweep: %s", said, extra=fields(event="swept", opened=opened, handed_out=handed_out))
        tick.said = said
    return tick.said


@shared_task(name="tasks.plan.forget_old")
def forget_old() -> str:
    """Maintain the database: fold what is old, and forget what the ``retention`` section says is too old.

    What is left after a few minutes the next tick goes on with. Returns what came of it.
    """
    settings = runtime.settings()
    with _waiting("maintenance") as tick:
        with runtime.database().connection() as connection:
            # What is forgotten is so for ever: nothing is that is not old by both clocks.
            now = runtime.database().clock.passed(connection)
            # Not at once: while a configuration is rolled out, others may know a destination that this one does not.
            released = outbox.release(connection, settings.known_destinations.keys(), now - _REMOVED_FOR)
        if released:
            logger.warning("outbox: %d entries are dead: their destination is not in the configuration", released)
        load_rules(runtime.database(), settings, now, "the planner")
        done = maintain(runtime.database(), now, kept_by(settings), _MAINTAIN_FOR, steps=steps_of(settings))
        said = ", ".join(one.said for one in done if one.count) or "nothing to do"
        logger.info("maintenance: %s", said, extra=fields(event="maintenance"))
        tick.said = said
        for one in done:
            if one.error is not None:
                raise one.error
    return tick.said


@dataclass
class _Tick:
    """What came of a tick."""

    said: str = ""


@contextmanager
def _waiting(what: str) -> Iterator[_Tick]:
    """Leave what the database cannot do for now to the next tick, and say so."""
    tick = _Tick()
    try:
        yield tick
    except StorageError as error:
        if not error.transient:
            raise
        logger.warning("%s waits for the database, the next tick tries again: %s", what, error)
        tick.said = f"waits for the database, the next tick tries again: {error}"


@contextmanager
def _part(what: str) -> Iterator[None]:
    """Go on with the other parts, unless nothing at all can be done."""
    try:
        yield
    except StorageError as error:
        if error.about_input is False:
            raise
        level = logging.WARNING if error.transient else logging.ERROR
        logger.log(level, "sweep: %s failed, the next one tries again: %s", what, error)
