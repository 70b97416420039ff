"""Trouble with targets: what is denied, failed, late, or lacks a part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any, TypeVar

from storage.reports import BadWindows, Lateness
from workers.output import cell, duration
from workers.status.facts import Facts
from workers.status.kinds.kind import Found, grouped, kind

T = TypeVar("T")

GRACE = timedelta(minutes=20)
"""What a lost attempt costs: the lease of a quarter of an hour, and a little."""


@kind("unplanned", "There is no target at all: nothing is enabled, or no planner has run yet.")
def _unplanned(facts: Facts) -> Iterator[Found]:
    if facts.database.lateness is not None and not facts.database.lateness:
        yield "no target: enable a provider in the configuration, and see that a worker for the queue plan runs", ()


@kind("denied", "A permission is missing: windows are denied, or the target is not asked at the moment.")
def _denied(facts: Facts) -> Iterator[Found]:
    cases = {str(one.target): (one.permission, one.error) for one in _bad(facts, "denied")}
    cases |= {str(one.target): (one.permission, one.error) for one in _lateness(facts) if one.denied}
    yield from grouped((target, _grant(*case)) for target, case in cases.items())


@kind("failed", "Windows were given up after several tries.")
def _failed(facts: Facts) -> Iterator[Found]:
    for error, those in _by(_bad(facts, "failed"), lambda one: one.error):
        yield f"{_windows(those)}: {error}", _names(those)


@kind("refused", "Windows are settled without a part that was refused: a permission is missing, or an outage.")
def _refused(facts: Facts) -> Iterator[Found]:
    yield from grouped((str(one.target), _lacks(one)) for one in _bad(facts, "refused"))


@kind("not_read_again", "The re-reading of settled windows was denied, or has failed; they keep what they have.")
def _not_read_again(facts: Facts) -> Iterator[Found]:
    denied = {one.target for one in _lateness(facts) if one.denied}
    cases = (one for one in _bad(facts, "not_read_again") if one.target not in denied)
    yield from grouped(
        (str(one.target), f"could not be read again: {_grant(one.permission, one.error)}") for one in cases
    )


@kind("nothing", "No window of the target was ever settled well, although there was time for it.")
def _nothing(facts: Facts) -> Iterator[Found]:
    planned = {one.target: one.planned for one in (facts.database.status.targets if facts.database.status else ())}
    for _, those in _by((one for one in _late(facts) if one.covered_until is None), _kind):
        windows = sum(planned.get(one.target, 0) for one in those)
        yield f"{f'0 of {windows:,} windows' if windows else 'no window'} so far, {_behind_by(those)}", _names(those)


@kind("late", "The target is behind by more than its interval and 20 minutes of grace (its delay is not counted).")
def _behind(facts: Facts) -> Iterator[Found]:
    for _, those in _by((one for one in _late(facts) if one.covered_until is not None), _kind):
        since = min(one.covered_until for one in those if one.covered_until is not None)
        yield f"{_behind_by(those)}: nothing since {cell(since)}", _names(those)


@kind("lost", "Attempts at a window came to nothing more than once: nobody takes them, or they end who does.")
def _lost(facts: Facts) -> Iterator[Found]:
    yield from grouped((str(one.target), one.error) for one in _bad(facts, "lost"))


def _bad(facts: Facts, state: str) -> Iterator[BadWindows]:
    return (one for one in facts.database.bad or () if one.state == state and facts.filters.take(one.target))


def _lateness(facts: Facts) -> Iterator[Lateness]:
    return (one for one in facts.database.lateness or () if facts.filters.take(one.target))


def _late(facts: Facts) -> Iterator[Lateness]:
    """Those that are late for no reason that is told already."""
    for one in _lateness(facts):
        most = one.interval + GRACE
        if one.lag > most and (one.open_for is None or one.open_for > most) and not one.denied:
            yield one


def _kind(one: Lateness) -> tuple[str, timedelta]:
    """Those are most likely late for the same reason that the same workers collect as often."""
    return one.queue, one.interval


def _by(cases: Iterable[T], key: Callable[[T], Any]) -> Iterator[tuple[Any, list[T]]]:
    """Cases of the same key together, in the order in which the first of each came."""
    found: dict[Any, list[T]] = {}
    for one in cases:
        found.setdefault(key(one), []).append(one)
    yield from found.items()


def _names(those: Iterable[Lateness | BadWindows]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(one.target) for one in those))


def _behind_by(those: list[Lateness]) -> str:
    lag = duration(max(one.lag for one in those).total_seconds())
    return f"{'up to ' if len(those) > 1 else ''}{lag} behind, read every {duration(those[0].interval.total_seconds())}"


def _windows(those: list[BadWindows]) -> str:
    count = sum(one.windows for one in those)
    return f"{'1 window' if count == 1 else f'{count:,} windows'} since {cell(min(one.since for one in those))}"


def _lacks(one: BadWindows) -> str:
    what = one.error.replace("\n", "; ")
    return f"lacks {what}" + (f"; grant {one.permission}" if one.permission and one.permission not in what else "")


def _grant(permission: str, error: str) -> str:
    return f"grant {permission}" + (f" ({error})" if error and permission not in error else "") if permission else error


KINDS = (_unplanned, _denied, _failed, _refused, _not_read_again, _nothing, _behind, _lost)
