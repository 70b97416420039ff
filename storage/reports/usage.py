"""What collecting took, as it was metered: what the next readings will take, and how far an estimate was off."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from storage.database import Connection
from storage.sql import load
from telemetry.deliveries import DeliveredFile
from telemetry.target import Target

_SQL = load("usage")
_NEWEST = 24
"""Readings of a target that its mean is of."""
_SINCE = timedelta(days=35)
_DELIVERED_SINCE = timedelta(days=7)
"""A week has each day of it once: some exports rest on Sundays."""


class ApiReadings(NamedTuple):
    """What an API was asked in the newest readings of one target."""

    #: Those that asked it.
    readings: int
    calls: int
    #: None: of some calls the price is not known.
    usd: Decimal | None


@dataclass
class Readings:
    """The newest readings of one target that ended well."""

    count: int
    apis: dict[str, ApiReadings] = field(default_factory=dict)


class Metered(NamedTuple):
    """What an API of one service was asked in a span of time."""

    provider: str
    service: str
    api: str
    calls: int
    usd: Decimal | None


class PlannedReadings(NamedTuple):
    """The readings of one target in a span of time."""

    target: Target
    interval: timedelta
    enabled: bool
    #: Windows that were opened (or versions of bills that were seen), windows that were never read, and readings that
    #: were due again.
    opened: int
    unread: int
    again: int
    #: Readings that reported, however they ended.
    reported: int
    #: Attempts that no report came of, in windows that are not settled yet.
    lost: int


def newest_readings(connection: Connection, now: datetime) -> dict[str, Readings]:
    """What the last readings of each target took, by its name; one that was not read for 35 days is left out."""
    found: dict[str, Readings] = {}
    for *place, count, api, readings, calls, usd in connection.execute(
        _SQL["readings"], {"since": now - _SINCE, "newest": _NEWEST}
    ):
        of = found.setdefault(str(Target(*place)), Readings(count))
        if api is not None:
            of.apis[api] = ApiReadings(readings, calls, usd)
    return found


def waiting_windows(connection: Connection, now: datetime) -> dict[str, int]:
    """Windows of each target that are to be read, the first time or because a back-fill wants it again, by its name."""
    return {str(Target(*place)): int(windows) for *place, windows in connection.execute(_SQL["waiting"], {"now": now})}


def deliveries_a_day(connection: Connection, now: datetime) -> dict[str, Decimal]:
    """How many versions of bills a day were delivered of late, by the target that reads them.

    One that has not been looked at for a day yet is left out: how many come is not known.
    """
    rows = connection.execute(_SQL["deliveries"], {"since": now - _DELIVERED_SINCE, "now": now})
    return {str(Target(*place)): a_day for *place, a_day in rows if a_day is not None}


def newest_files(connection: Connection) -> dict[str, list[DeliveredFile]]:
    """The files of the newest delivery whose sizes are all known, by the target that reads it."""
    return {
        str(Target(*place)): [DeliveredFile(name=one["name"], size=one["size"]) for one in files]
        for *place, files in connection.execute(_SQL["newest_files"])
    }


def metered(connection: Connection, since: datetime) -> list[Metered]:
    """What the readings that reported since then took."""
    return [Metered(*row) for row in connection.execute(_SQL["metered"], {"since": since})]


def planned_readings(
    connection: Connection, since: datetime, now: datetime, again: Iterable[tuple[str, timedelta]]
) -> list[PlannedReadings]:
    """The readings that fell due between, of every target; ``again`` is when a service reads a window once more."""
    offsets = list(again)
    values = {
        "since": since,
        "now": now,
        "services": [service for service, _ in offsets],
        "offsets": [int(late.total_seconds()) for _, late in offsets],
    }
    return [
        PlannedReadings(
            Target(*place), timedelta(seconds=seconds), enabled, opened, unread, due_again, reported, int(lost)
        )
        for *place, seconds, enabled, opened, unread, lost, due_again, reported in connection.execute(
            _SQL["planned"], values
        )
    ]
