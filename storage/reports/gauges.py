"""The figures that metrics show: cheap enough to be read every few seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from storage.database import Connection
from storage.sql import load

_SQL = load("gauges")


class OpenWindows(NamedTuple):
    """Windows of one provider that are ``planned`` or ``dispatched``."""

    provider: str
    state: str
    windows: int
    #: Seconds that the oldest due one has waited; None where none is due.
    oldest_due: float | None


class BadWindows(NamedTuple):
    """Windows of one provider that are ``denied`` or ``failed``."""

    provider: str
    state: str
    windows: int


class RefusedWindows(NamedTuple):
    """Settled windows of one provider that lack a part which was refused."""

    provider: str
    windows: int


class Lag(NamedTuple):
    """The enabled targets of one service."""

    provider: str
    service: str
    targets: int
    #: Of them, those whose permission is missing.
    denied: int
    #: Of the target that is furthest behind, in seconds.
    lag: float


class OutboxGauge(NamedTuple):
    """Entries of one destination that are ``pending`` or ``dead``."""

    destination: str
    state: str
    entries: int
    #: Seconds since the oldest of them was committed.
    oldest: float


class DeadLetterGauge(NamedTuple):
    """Messages that wait for a person."""

    code: str
    letters: int


@dataclass(frozen=True, slots=True)
class Gauges:
    """All of it, as of one moment."""

    open_windows: list[OpenWindows]
    bad_windows: list[BadWindows]
    refused_windows: list[RefusedWindows]
    lags: list[Lag]
    outbox: list[OutboxGauge]
    dead_letters: list[DeadLetterGauge]


def read_gauges(connection: Connection, now: datetime) -> Gauges:
    """Read everything in one snapshot."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute("SET LOCAL statement_timeout TO '5s'")
        at = {"now": now}
        return Gauges(
            open_windows=[OpenWindows(*row) for row in connection.execute(_SQL["open_windows"], at)],
            bad_windows=[BadWindows(*row) for row in connection.execute(_SQL["bad_windows"])],
            refused_windows=[RefusedWindows(*row) for row in connection.execute(_SQL["refused_windows"])],
            lags=[Lag(*row) for row in connection.execute(_SQL["lags"], at)],
            outbox=[OutboxGauge(*row) for row in connection.execute(_SQL["outbox"], at)],
            dead_letters=[DeadLetterGauge(*row) for row in connection.execute(_SQL["dead_letters"])],
        )
