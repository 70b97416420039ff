"""Due windows are handed out, each as a numbered attempt with a lease."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

from storage import locks
from storage.database import Connection
from storage.ledger.backfills import payable
from storage.ledger.windows import settle_denied
from storage.sql import load
from telemetry.target import Target, Window

_SQL = load("ledger_dispatch")
_EACH_TIME = False
"""Planned each time: a plan for any time would read whole tables where an index has the few that are due."""
_NO_BUDGET: Mapping[str, Any] = MappingProxyType({"paid_targets": [], "paid_starts": []})


@dataclass(frozen=True)
class Dispatch:
    """One attempt at a window, to be sent to ``queue``."""

    target: Target
    window: Window
    #: From 1, counted by the ledger.
    attempt: int
    #: As it is configured; the lane of the service may have one of its own.
    queue: str
    target_id: int


class Kind(NamedTuple):
    """What is collected of one service over one queue."""

    provider: str
    queue: str
    service: str


@dataclass(frozen=True)
class Room:
    """How many more of one lane of a provider's queue may be handed out."""

    provider: str
    queue: str
    lane: str
    room: int


@dataclass(frozen=True)
class Choice:
    """What may be handed out, and how much of it."""

    #: The lane of each (provider, service); of one that is not named nothing is handed out.
    lanes: Mapping[tuple[str, str], str]
    rooms: Sequence[Room]

    def values(self) -> dict[str, Any]:
        """Parameters of the statements."""
        return {
            "kind_providers": [provider for provider, _ in self.lanes],
            "services": [service for _, service in self.lanes],
            "kind_lanes": list(self.lanes.values()),
            "providers": [one.provider for one in self.rooms],
            "queues": [one.queue for one in self.rooms],
            "lanes": [one.lane for one in self.rooms],
            "rooms": [one.room for one in self.rooms],
        }


class Found(NamedTuple):
    """A window that is due."""

    room: Room
    target_id: int
    start: datetime
    #: Of a back-fill with a budget.
    is_budgeted: bool
    #: Settled before, and to be read again.
    is_refresh: bool


def is_any_due(connection: Connection, now: datetime) -> bool:
    """Whether there is anything to hand out, or to settle. Costs next to nothing."""
    row = connection.execute(_SQL["is_any_due"], {"now": now}).fetchone()
    return bool(row and row[0])


def count_targets(connection: Connection) -> int:
    """Those that are enabled."""
    row = connection.execute(_SQL["count_targets"]).fetchone()
    return row[0] if row else 0


def count_out(connection: Connection, now: datetime) -> dict[Kind, int]:
    """Attempts that are out, and not lost."""
    return {Kind(*kind): out for *kind, out in connection.execute(_SQL["count_out"], {"now": now})}


def take_due(
    connection: Connection,
    provider: str | None,
    now: datetime,
    *,
    lease: timedelta,
    max_attempts: int,
    max_in_flight: int,
    limit: int = 1000,
    service: str | None = None,
) -> list[Dispatch]:
    """Take at most ``limit`` due windows of ``provider`` (None: of every one), whatever the queues hold.

    No more than leave ``max_in_flight`` of each provider out. See :func:`take` for what is due, and in which order.

    What is returned is committed. Send it, and :func:`give_back` what cannot be sent.
    """
    with connection.transaction():
        locks.take(connection, locks.DISPATCH)
        settle_overdue(connection, now, max_attempts=max_attempts, limit=limit, provider=provider, service=service)
        kinds = [Kind(*row) for row in connection.execute(_SQL["kinds"], {"provider": provider, "service": service})]
        bounds = dict.fromkeys((kind.provider for kind in kinds), max_in_flight)
        for kind, out in count_out(connection, now).items():
            if kind.provider in bounds:
                bounds[kind.provider] -= out
        places = sorted({(kind.provider, kind.queue) for kind in kinds})
        lanes = {(kind.provider, kind.service): "" for kind in kinds}
        choice = Choice(lanes, [Room(*place, "", limit) for place in places])
        fitting = []
        for found in find_due(connection, choice, now, len(places) * limit):
            bounds[found.room.provider] -= 1
            if bounds[found.room.provider] >= 0:
                fitting.append(found)
        return take(connection, fitting[:limit], now, lease=lease)


def settle_overdue(
    connection: Connection,
    now: datetime,
    *,
    max_attempts: int,
    limit: int,
    provider: str | None = None,
    service: str | None = None,
) -> None:
    """Make due again what was handed out and not reported before its lease ended, and deny what lacks a permission.

    A lost attempt is no answer, so it never makes a window ``failed``: without a worker the window stays open, however
    often it is handed out, its reason is among the troubles and the target's lag grows. That is what I2 asks for:
    nothing stays in between unseen, and nothing is given up that nobody tried. Each loss makes it wait longer, to an
    hour at the most: it may be what ends its workers. A refresh is put off by a day after ``max_attempts`` losses.
    """
    settle_denied(connection, {"now": now, "provider": provider, "service": service}, 10 * limit)
    connection.execute(_SQL["settle_lost"], {"now": now, "max_attempts": max_attempts, "limit": 10 * limit})


def find_due(
    connection: Connection, choice: Choice, now: datetime, limit: int, *, newest: int | None = None
) -> list[Found]:
    """At most ``limit`` windows that are due, in the order in which they should go out.

    With ``newest`` so many of each target at the most, which takes no longer where their past is long.

    Due are what was never collected, and what failed and may be tried again: first the present, the windows that have
    closed last, then the past; and, after all of those, settled windows whose refresh is due. Accounts take turns. Of a
    back-fill with a budget only so many as what is left of it pays for.
    """
    values = {**choice.values(), "now": now}
    budgets = _budgets(connection, now, limit)
    with _without_loops(connection):
        return _find_due(connection, choice, {**values, **budgets}, limit, newest)


@contextmanager
def _without_loops(connection: Connection) -> Iterator[None]:
    """Have what is found joined by hashes.

    Before their first ANALYZE a server takes large tables for small ones, and compares each due window with each
    target: minutes instead of a second, at the first start of a large fleet.
    """
    with connection.transaction():
        connection.execute("SET LOCAL enable_nestloop TO off")
        yield
        connection.execute("SET LOCAL enable_nestloop TO DEFAULT")


def _find_due(
    connection: Connection, choice: Choice, values: Mapping[str, Any], limit: int, newest: int | None
) -> list[Found]:
    bounds = {"limit": limit, "newest": newest}
    due = connection.execute(_SQL["find_due"], {**values, **bounds}, prepare=_EACH_TIME).fetchall()
    found = [
        Found(choice.rooms[number - 1], target_id, start, is_budgeted, is_refresh=False)
        for number, target_id, start, is_budgeted in due
    ]
    if len(found) < limit:
        bounds["limit"] = limit - len(found)
        again = connection.execute(_SQL["find_refreshes"], {**values, **bounds}, prepare=_EACH_TIME).fetchall()
        found += [
            Found(choice.rooms[number - 1], target_id, start, is_budgeted=False, is_refresh=True)
            for number, target_id, start in again
        ]
    return found


def take(connection: Connection, found: Sequence[Found], now: datetime, *, lease: timedelta) -> list[Dispatch]:
    """Take what was found, as far as it is still due, in the same order. The caller holds dispatch's lock.

    One planner gets a window.
    """
    planned = [one for one in found if not one.is_refresh]
    again = [one for one in found if one.is_refresh]
    values = {"now": now, "lease_end": now + lease}
    if any(one.is_budgeted for one in planned):
        budgets = _budgets(connection, now, len(planned), planned)
    else:
        budgets = {**_NO_BUDGET, "budgeted": [row[0] for row in connection.execute(_SQL["budgets"])]}
    return [
        *_take(connection, "take_planned", planned, values | budgets),
        *_take(connection, "take_refreshes", again, values),
    ]


def _budgets(connection: Connection, now: datetime, limit: int, found: Sequence[Found] | None = None) -> dict[str, Any]:
    of = None if found is None else ([one.target_id for one in found], [one.start for one in found])
    paid = payable(connection, {"now": now, "provider": None, "service": None}, limit, of)
    return {"budgeted": paid.backfill_ids, "paid_targets": paid.target_ids, "paid_starts": paid.starts}


def _take(connection: Connection, statement: str, found: Sequence[Found], values: Mapping[str, Any]) -> list[Dispatch]:
    if not found:
        return []
    which = {"target_ids": [one.target_id for one in found], "starts": [one.start for one in found]}
    rows = connection.execute(_SQL[statement], {**values, **which}, prepare=_EACH_TIME).fetchall()
    return [
        Dispatch(Target(*place), Window(start, end), attempt, queue, target_id)
        for _, target_id, *place, queue, start, end, attempt in sorted(rows)
    ]


def give_back(connection: Connection, dispatches: Sequence[Dispatch], delay: timedelta, now: datetime) -> int:
    """Return what could not be sent: due again at ``now + delay``, and no failure of the window. The number returned.

    An attempt that was reported or superseded meanwhile is left alone, so the number may be smaller.
    """
    rows = {
        "target_ids": [dispatch.target_id for dispatch in dispatches],
        "starts": [dispatch.window.start for dispatch in dispatches],
        "attempts": [dispatch.attempt for dispatch in dispatches],
        "due_at": now + delay,
    }
    return connection.execute(_SQL["give_back"], rows).rowcount
