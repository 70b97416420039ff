"""What may be wrong with the fleet, as far as the database knows: cheap to ask, however long its ledger is."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from storage.database import Connection
from storage.reports.folded import as_there
from storage.sql import load
from telemetry.target import Target

_SQL = load("trouble")


class Lateness(NamedTuple):
    """How far an enabled target is behind."""

    target: Target
    queue: str
    interval: timedelta
    #: End of the newest window that was settled well; None where there is none.
    covered_until: datetime | None
    #: From there to the end of the newest window that should be delivered by now.
    lag: timedelta
    #: How long the first window that is missing has been open; None where none was opened.
    open_for: timedelta | None
    #: A permission is missing, and why that is known.
    denied: bool
    permission: str
    error: str


class BadWindows(NamedTuple):
    """Windows of a target that are not as they should be, for one reason."""

    target: Target
    #: ``denied``, ``failed``, ``refused``, ``not_read_again``, ``lost``; of deliveries ``missing`` or ``unread``.
    state: str
    permission: str
    error: str
    windows: int
    #: Start of the oldest, and end of the newest.
    since: datetime
    until: datetime


class Unsent(NamedTuple):
    """What a destination does not have."""

    destination: str
    pending: int
    dead: int
    #: Seconds since the oldest pending one was committed.
    oldest: float | None
    #: Tries of the pending ones that have failed.
    failures: int
    #: Of the pending one that failed most often, and of the newest dead one.
    error: str
    dead_error: str


def read_lateness(connection: Connection, now: datetime) -> list[Lateness]:
    """Every enabled target, by name."""
    rows = connection.execute(as_there(connection, _SQL["late"]), {"now": now})
    return [Lateness(Target(*row[:4]), *row[4:]) for row in rows]


def read_bad_windows(connection: Connection, since: datetime | None = None) -> list[BadWindows]:
    """Of enabled targets, by kind and name; of windows that began ``since`` then."""
    found: list[BadWindows] = []
    names = ["bad", "not_read_again", "refused", "lost"]
    if connection.execute(_SQL["has_deliveries"]).fetchone() == (True,):
        names.append("deliveries")
    for name in names:
        rows = connection.execute(as_there(connection, _SQL[name]), {"since": since})
        found += [BadWindows(Target(*row[:4]), *row[4:]) for row in rows]
    return found


def read_unsent(connection: Connection, now: datetime) -> list[Unsent]:
    """Every destination for which something waits, or is dead."""
    return [Unsent(*row) for row in connection.execute(_SQL["outbox"], {"now": now})]


def read_dead_letters(connection: Connection) -> dict[str, int]:
    """How many messages wait for a person, by reason."""
    return dict(connection.execute(_SQL["dead_letters"]).fetchall())
