"""What goes into the writer, and what it answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from telemetry.backoff import ceiling, full_jitter
from telemetry.batch import Message, Report


class Received(NamedTuple):
    """A message of the results queue."""

    message: Message
    #: As it came: it is forwarded, or becomes a dead letter, unchanged.
    body: bytes


class Rejected(NamedTuple):
    """A message that cannot be taken in."""

    received: Received
    #: ``unplanned`` (the ledger knows no such collection), ``contradiction`` (its run says otherwise elsewhere),
    #: ``refused`` (the database does not take it).
    code: str
    #: For a person.
    reason: str


class Undecodable(NamedTuple):
    """A body that is no message."""

    body: bytes
    #: Of the error that says so.
    code: str
    #: For a person.
    reason: str


@dataclass(slots=True)
class Written:
    """What one or several transactions did. All of it is committed."""

    #: New batches.
    batches: int = 0
    #: Points, rates and resources in them.
    records: int = 0
    #: New reports.
    reports: int = 0
    #: Batches and reports that were there already.
    duplicates: int = 0
    #: Windows that changed their state, by the new state.
    settled: Counter[str] = field(default_factory=Counter)
    #: What was left out, in the order in which it came.
    rejected: list[Rejected] = field(default_factory=list)
    #: The new reports, and the new records by provider and service: for metrics.
    ended: list[Report] = field(default_factory=list, repr=False)
    records_of: Counter[tuple[str, str]] = field(default_factory=Counter, repr=False)
    #: Dead letters, by their code.
    dead_lettered: Counter[str] = field(default_factory=Counter)

    def add(self, other: Written) -> None:
        """Count ``other`` in."""
        self.batches += other.batches
        self.records += other.records
        self.reports += other.reports
        self.duplicates += other.duplicates
        self.settled += other.settled
        self.rejected += other.rejected
        self.ended += other.ended
        self.records_of += other.records_of
        self.dead_lettered += other.dead_lettered


def _up_to(most: float) -> float:
    return full_jitter(1, most, most)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What follows from a report."""

    #: Failed or lost attempts, until a window is given up.
    max_attempts: int = 8
    #: Throttled attempts since the window was last settled, until it counts as failed.
    max_throttles: int = 50
    #: The first wait after a failure goes up to this; it doubles with each one ...
    retry_base: timedelta = timedelta(seconds=30)
    #: ... up to this.
    retry_cap: timedelta = timedelta(minutes=30)
    #: No provider makes a window wait longer: a budget is renewed every day.
    longest_wait: timedelta = timedelta(hours=25)
    #: After a refusal, until one window probes again.
    denied_for: timedelta = timedelta(hours=1)
    #: By provider and service: how long after its end a window is read again.
    refresh: Mapping[tuple[str, str], Sequence[timedelta]] = field(default_factory=dict)
    #: A refresh that failed is tried again then.
    refresh_retry: timedelta = timedelta(hours=24)
    #: Picks a wait, in seconds, from its ceiling.
    jitter: Callable[[float], float] = _up_to

    def backoff(self, failures: int) -> timedelta:
        """How long to wait after so many failures in a row, from 1."""
        most = ceiling(failures, self.retry_base.total_seconds(), self.retry_cap.total_seconds())
        return timedelta(seconds=self.jitter(most))

    def next_refresh(self, service: tuple[str, str], window_end: datetime, read_at: datetime) -> datetime | None:
        """When a window that was read at ``read_at`` is to be read again; None where that was the last time.

        Clocks differ: a read within a minute before a refresh was due is that refresh.
        """
        due = (window_end + delta for delta in sorted(self.refresh.get(service, ())))
        return next((moment for moment in due if moment > read_at + timedelta(minutes=1)), None)
