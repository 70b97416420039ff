"""Maintenance: partitions are made ahead, what is old is folded, and what is too old is forgotten.

It is a list of steps, each of which does a bounded piece of its work in one small transaction. They take turns until
none has anything left, or the time is over; the next run goes on from there. What one step cannot do does not keep the
others from their work. Several processes may maintain one database at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from storage import retention
from storage.allocation.allocating import allocate_due
from storage.database import Connection, Database
from storage.errors import StorageError, StorageReadOnly
from storage.folding.bills import fold_bills
from storage.folding.ledger import fold_ledger
from storage.folding.points import DROP_AFTER, SEAL_AFTER, drop_sealed, fold_points
from storage.folding.rates import fold_rates
from storage.folding.runs import fold_runs
from storage.partitions import make_ahead
from storage.retention import Kept
from storage.versions import note_versions
from telemetry.logs import fields

logger = logging.getLogger(__name__)


class Step(NamedTuple):
    """One kind of maintenance."""

    name: str
    #: What it counts.
    counts: str
    #: Does a piece of it; returns how much, 0: nothing is left.
    run: Callable[[Connection, datetime, Kept], int]


@dataclass(slots=True)
class Done:
    """What a step has done."""

    step: str
    counts: str
    count: int = 0
    seconds: float = 0.0
    #: Whether nothing is left to do.
    finished: bool = False
    #: Why it stopped.
    error: StorageError | None = None

    @property
    def said(self) -> str:
        """In words."""
        return f"{self.count} {self.counts}"


def _soon(after: timedelta, kept: Kept) -> timedelta:
    """Points that are not kept for as long as that are sealed before they go, so that their rollups are there."""
    return min(after, kept.points) if kept.points else after


def _seal(connection: Connection, now: datetime, kept: Kept) -> int:
    return fold_points(connection, now, after=_soon(SEAL_AFTER, kept))


def _drop_sealed(connection: Connection, now: datetime, kept: Kept) -> int:
    return drop_sealed(connection, now, after=_soon(DROP_AFTER, kept))


STEPS: tuple[Step, ...] = (
    Step("partitions", "partitions made", lambda connection, now, _: make_ahead(connection, now)),
    Step("seal", "points sealed", _seal),
    Step("sealed days", "emptied days dropped", _drop_sealed),
    Step("fold rates", "rates folded", lambda connection, now, _: fold_rates(connection, now)),
    Step("fold ledger", "windows folded", lambda connection, now, _: fold_ledger(connection, now)),
    Step("fold runs", "runs summed up", lambda connection, now, _: fold_runs(connection, now)),
    Step("bills", "readings of bills added up", lambda connection, now, _: fold_bills(connection, now)),
    Step("versions", "versions of bills noted", lambda connection, *_: note_versions(connection)),
    Step("allocation", "months of bills allocated", lambda connection, now, _: allocate_due(connection, now)),
    Step("points", "months of points forgotten", retention.forget_points),
    Step("rates", "days of rates forgotten", retention.forget_rates),
    Step("intervals", "intervals of rates forgotten", retention.forget_intervals),
    Step("hourly", "months of hourly rollups forgotten", retention.forget_hourly),
    Step("daily", "years of daily rollups forgotten", retention.forget_daily),
    Step("runs", "runs forgotten", retention.forget_runs),
    Step("history", "former lines of bills forgotten", retention.forget_history),
    Step("recommendations", "former recommendations forgotten", retention.forget_recommendations),
    Step("sent", "sent entries forgotten", retention.forget_sent),
    Step("suspects", "suspect messages forgotten", retention.forget_suspects),
    Step("processes", "processes forgotten", retention.forget_processes),
)


def maintain(
    database: Database,
    now: datetime,
    kept: Kept,
    limit: timedelta | None = None,
    *,
    steps: Sequence[Step] = STEPS,
) -> list[Done]:
    """Run the steps in turn, until none has anything left or ``limit`` is over; what each has done, in their order.

    A step that has begun ends its transaction first. StorageUnavailable where the database cannot be reached at all;
    StorageReadOnly where it takes no changes, which no other step would fare better with.
    """
    with database.connection():
        """Once for all: else each step would wait for it."""
    until = None if limit is None else time.monotonic() + limit.total_seconds()
    found = [Done(step.name, step.counts) for step in steps]
    turns = list(zip(steps, found, strict=True))
    try:
        # What one step has done may be work for another: until a whole round finds nothing.
        while _take_turns(database, turns, now, kept, until):
            continue
    finally:
        for done in found:
            _tell(done)
    return found


def _take_turns(
    database: Database, turns: Sequence[tuple[Step, Done]], now: datetime, kept: Kept, until: float | None
) -> bool:
    """Run the steps in turn until each says that nothing is left; whether there was something, and time is left."""
    before = sum(done.count for _, done in turns)
    left = [(step, done) for step, done in turns if done.error is None]
    while left:
        for step, done in left:
            if until is not None and time.monotonic() >= until:
                return False
            _run(database, step, done, now, kept)
        left = [(step, done) for step, done in left if not done.finished and done.error is None]
    return sum(done.count for _, done in turns) > before


def _run(database: Database, step: Step, done: Done, now: datetime, kept: Kept) -> None:
    began = time.monotonic()
    try:
        with database.connection() as connection:
            count = step.run(connection, now, kept)
    except StorageReadOnly:
        raise
    except StorageError as error:
        done.error = error
    else:
        done.count += count
        done.finished = count == 0
    done.seconds += time.monotonic() - began


def _tell(done: Done) -> None:
    if done.count:
        logger.info("maintenance: %s in %.1f s", done.said, done.seconds, extra=fields(event="maintained"))
    if done.error is not None:
        level = logging.WARNING if done.error.transient else logging.ERROR
        logger.log(level, "maintenance: %s failed, the next run tries again: %s", done.step, done.error)
