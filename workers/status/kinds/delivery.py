"""Trouble with what was collected and is not where it belongs: dead letters, destinations that do not take it."""

from __future__ import annotations

from collections.abc import Iterator

from storage.reports import Unsent
from workers.commands.outbox import standing
from workers.output import duration
from workers.status.facts import Facts
from workers.status.kinds.kind import Found, kind

_FAILURES = 5
"""As many as open the circuit."""
_FAILING_FOR = 60.0
STUCK_AFTER = 600.0


@kind("dead_letters", "Messages could not be taken in, and wait for a person.")
def _dead_letters(facts: Facts) -> Iterator[Found]:
    letters = facts.database.letters or {}
    if letters:
        reasons = ", ".join(f"{count:,} {code}" for code, count in letters.items())
        yield f"{reasons}: finfleet dlq list", ()


@kind("outbox_dead", "A destination has rejected batches; they wait for a person.")
def _outbox_dead(facts: Facts) -> Iterator[Found]:
    for one in facts.database.unsent or ():
        if one.dead:
            error = f": {one.dead_error}" if one.dead_error else ""
            yield f"{one.dead:,} batches are dead (finfleet outbox dead){error}", (one.destination,)


@kind("outbox_failing", "A destination fails again and again: its circuit is open, or about to.")
def _outbox_failing(facts: Facts) -> Iterator[Found]:
    for one in _waiting(facts):
        if _fails(one):
            yield (
                f"{one.pending:,} batches wait{_since(one)}, {one.failures:,} tries failed: {one.error}",
                (one.destination,),
            )


@kind("outbox_stuck", "The oldest batch for a destination waits for more than ten minutes.")
def _outbox_stuck(facts: Facts) -> Iterator[Found]:
    for one in _waiting(facts):
        if not _fails(one) and (one.oldest or 0.0) > STUCK_AFTER:
            yield f"{one.pending:,} batches wait{_since(one)}: is a forwarder running?", (one.destination,)


def _waiting(facts: Facts) -> Iterator[Unsent]:
    """What waits for destinations that are to be served."""
    for one in facts.database.unsent or ():
        if one.pending and standing(facts.settings, one.destination) == "enabled":
            yield one


def _fails(one: Unsent) -> bool:
    return bool(one.error) and (one.failures >= _FAILURES or (one.oldest or 0.0) > _FAILING_FOR)


def _since(one: Unsent) -> str:
    return "" if one.oldest is None else f", the oldest for {duration(one.oldest)}"


KINDS = (_dead_letters, _outbox_dead, _outbox_failing, _outbox_stuck)
