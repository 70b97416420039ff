"""How the fleet stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from storage import cost_scopes, dead_letters, outbox
from storage.cost_scopes import LeftOut
from storage.database import Connection
from storage.outbox import OutboxStatus
from storage.reports.folded import as_there
from storage.sql import load
from telemetry.target import Target

_SQL = load("reports")


@dataclass(frozen=True, slots=True)
class TargetCoverage:
    """How completely a target is collected."""

    target: Target
    #: Configured now.
    enabled: bool
    live: bool
    #: Windows: the sum of the five that follow.
    planned: int
    complete: int
    empty: int
    denied: int
    failed: int
    #: Due, or being collected.
    waiting: int
    #: End of the newest window that is complete or empty; None where there is none yet.
    covered_until: datetime | None
    #: From there (or from when it was enabled) to the end of the newest window that should be delivered by now;
    #: None where it is not enabled.
    lag: timedelta | None
    #: While a permission is missing: when it is tried again.
    denied_until: datetime | None
    #: The missing one, or empty.
    permission: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Windows of a target that ended, or hang, for the same reason."""

    target: Target
    #: ``denied`` or ``failed``; ``open`` where it will be tried again by itself.
    state: str
    error: str
    permission: str
    windows: int
    #: Start of the oldest of them, and end of the newest.
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Partial:
    """Windows of a target that lack something: nobody can find it out any more, or a part was refused."""

    target: Target
    windows: int
    #: Start of the oldest of them, and end of the newest.
    since: datetime
    until: datetime
    #: What the newest one lacks, and why.
    reasons: tuple[str, ...]
    #: The permission that the newest one lacks, or empty.
    permission: str
    #: A part was refused, so they are read again: once it is granted, or the outage is over.
    again: bool


@dataclass(frozen=True, slots=True)
class ProviderActivity:
    """What the collections of a provider did lately."""

    provider: str
    #: Runs that reported.
    runs: int
    #: Of them, those that ended neither complete nor empty.
    troubled: int
    calls: int
    throttles: int
    #: Points, rates and resources that were committed.
    records: int
    records_per_second: float


@dataclass(frozen=True, slots=True)
class Status:
    """All of it, as of one moment."""

    at: datetime
    targets: list[TargetCoverage]
    activity: list[ProviderActivity]
    troubles: list[Trouble]
    partial: list[Partial]
    #: Targets of whose bills something does not count, since that of another one does.
    left_out: list[LeftOut]
    outbox: list[OutboxStatus]
    #: Messages that could not be taken in and wait for a person.
    dead_letters: int


def read_status(connection: Connection, now: datetime, *, since: datetime | None = None) -> Status:
    """Read everything in one snapshot; of windows, those that began ``since`` then."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return Status(
            at=now,
            targets=read_coverage(connection, now, since=since),
            activity=read_activity(connection, now),
            troubles=read_troubles(connection, since=since),
            partial=read_partial(connection, since=since),
            left_out=cost_scopes.left_out(connection, since=since),
            outbox=outbox.status(connection),
            dead_letters=dead_letters.count_waiting(connection),
        )


def read_coverage(connection: Connection, now: datetime, *, since: datetime | None = None) -> list[TargetCoverage]:
    """Every target, by name; counts are of the windows that began ``since`` then, None: ever."""
    rows = connection.execute(as_there(connection, _SQL["coverage"]), {"now": now, "since": since})
    return [TargetCoverage(Target(*row[:4]), *row[4:]) for row in rows]


def read_troubles(connection: Connection, *, since: datetime | None = None, limit: int = 20) -> list[Trouble]:
    """What went wrong with enabled targets, the newest first; a window that has ended well since is no trouble."""
    rows = connection.execute(as_there(connection, _SQL["troubles"]), {"since": since, "limit": limit})
    return [Trouble(Target(*row[:4]), *row[4:]) for row in rows]


def read_partial(connection: Connection, *, since: datetime | None = None, limit: int = 20) -> list[Partial]:
    """Enabled targets with windows that lack something, those with the newest first."""
    rows = connection.execute(as_there(connection, _SQL["partial"]), {"since": since, "limit": limit})
    return [
        Partial(Target(*place), windows, first, last, tuple(reasons.split("\n")), permission, again)
        for *place, windows, first, last, reasons, permission, again in rows
    ]


def read_activity(
    connection: Connection, now: datetime, *, within: timedelta = timedelta(minutes=1)
) -> list[ProviderActivity]:
    """Every provider that has an enabled target, over the time ``within`` before ``now``."""
    rows = connection.execute(_SQL["activity"], {"since": now - within})
    seconds = within.total_seconds()
    return [
        ProviderActivity(provider, runs, troubled, calls, throttles, records, records / seconds)
        for provider, runs, troubled, calls, throttles, records in rows
    ]
