"""The outbox: committed batches on their way to a destination, in order for each target.

Several forwarders may run side by side. Whoever has locked the oldest pending entry of a target owns that target's
order until its transaction ends; should the process die, the database lets go of the lock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection
from storage.sql import load

_SQL = load("outbox")
REMOVED = "the destination was removed: it is not in the configuration"
"""Why an entry is dead that waited for a destination which is gone."""
_MAX_ERROR = 2000
_PURGE_AT_ONCE = 10_000


class OutboxEntry(NamedTuple):
    """One message to be sent, locked by the transaction that took it."""

    outbox_id: int
    #: The message as ``telemetry.codec`` encoded it.
    body: bytes
    #: Tries before this one.
    attempts: int


class DeadEntry(NamedTuple):
    """One message that its destination will not take."""

    outbox_id: int
    destination: str
    target: str
    run_id: UUID
    number: int
    created_at: datetime
    attempts: int
    error: str


class OutboxWaiting(NamedTuple):
    """What waits: to be sent, or for a person."""

    pending: int
    dead: int


class OutboxStatus(NamedTuple):
    """What one destination has had, and what waits for it."""

    destination: str
    pending: int
    sent: int
    dead: int
    #: When the oldest pending entry was committed; None where nothing waits.
    oldest_pending: datetime | None
    last_sent: datetime | None
    #: Of the pending entry that failed most often; None where none has failed.
    error: str | None


def due_targets(connection: Connection, destination: str, *, busy: Iterable[int] = (), limit: int = 16) -> list[int]:
    """Ids of targets whose oldest pending entry is due, the longest waiting first, without those in ``busy``."""
    return _targets(connection, "due_targets", destination, busy, limit)


def probe_targets(connection: Connection, destination: str, *, busy: Iterable[int] = (), limit: int = 16) -> list[int]:
    """Ids of targets with pending entries, due or not, the one whose oldest failed least often first."""
    return _targets(connection, "probe_targets", destination, busy, limit)


def take(
    connection: Connection, destination: str, target_id: int, *, hold: float, even_if_waiting: bool = False
) -> OutboxEntry | None:
    """Lock and return the target's oldest pending entry, inside of the caller's transaction.

    None where there is none, it is not due (unless ``even_if_waiting``), or another forwarder has it. ``hold`` is the
    most seconds that the transaction may be idle, for the sending: past them the database ends it.
    """
    milliseconds = str(int(hold * 1000))
    connection.execute(
        b"SELECT set_config('idle_in_transaction_session_timeout', %(timeout)s, true)", {"timeout": milliseconds}
    )
    parameters = {"destination": destination, "target_id": target_id, "even_if_waiting": even_if_waiting}
    with connection.cursor(row_factory=class_row(OutboxEntry)) as cursor:
        return cursor.execute(_SQL["take"], parameters).fetchone()


def take_behind(connection: Connection, destination: str, target_id: int, refused: Iterable[int]) -> OutboxEntry | None:
    """Lock and return the target's oldest pending entry but for those in ``refused``; None where there is none.

    For whoever has taken the head, inside of the same transaction: nobody else gets at what is behind it.
    """
    parameters = {"destination": destination, "target_id": target_id, "refused": list(refused)}
    with connection.cursor(row_factory=class_row(OutboxEntry)) as cursor:
        return cursor.execute(_SQL["take_behind"], parameters).fetchone()


def mark_sent(connection: Connection, outbox_id: int, remark: str = "") -> None:
    """The destination has it: its body is dropped. ``remark`` is kept as its error: what was not taken of it."""
    connection.execute(_SQL["mark_sent"], {"outbox_id": outbox_id, "remark": _text(remark)})


def mark_retry(connection: Connection, outbox_id: int, wait: float, error: str) -> None:
    """It failed, and is due again after ``wait`` seconds; until then its target waits with it."""
    connection.execute(_SQL["mark_retry"], {"outbox_id": outbox_id, "wait": wait, "error": _text(error)})


def mark_dead(connection: Connection, outbox_id: int, reason: str) -> None:
    """It will never be taken as it is: the entries behind it go on, and it stays for a person to read and replay."""
    connection.execute(_SQL["mark_dead"], {"outbox_id": outbox_id, "error": _text(reason)})


def wake(connection: Connection, destination: str) -> int:
    """Make due what waits after a failure: the destination answers again. Returns how many."""
    return connection.execute(_SQL["wake"], {"destination": destination}).rowcount


def replay(connection: Connection, outbox_ids: Iterable[int] | None = None) -> int:
    """Make dead entries pending again, all of them where no ids are given; returns how many.

    They come before what is pending of their target, but after what was sent meanwhile.
    """
    chosen = None if outbox_ids is None else list(outbox_ids)
    return connection.execute(_SQL["replay"], {"outbox_ids": chosen}).rowcount


def dead_entries(connection: Connection, limit: int = 100) -> list[DeadEntry]:
    """The oldest dead entries, with their reasons."""
    with connection.cursor(row_factory=class_row(DeadEntry)) as cursor:
        return cursor.execute(_SQL["dead"], {"limit": limit}).fetchall()


def status(connection: Connection) -> list[OutboxStatus]:
    """One line per destination that the outbox knows. Reads the whole table: for people, not for a tight loop."""
    with connection.cursor(row_factory=class_row(OutboxStatus)) as cursor:
        return cursor.execute(_SQL["status"]).fetchall()


def count_waiting(connection: Connection) -> dict[str, OutboxWaiting]:
    """How much waits, by destination, without those for which nothing does. Cheap enough for a tight loop."""
    rows = connection.execute(_SQL["count_waiting"])
    return {destination: OutboxWaiting(pending, dead) for destination, pending, dead in rows}


def release(connection: Connection, known: Collection[str], before: datetime) -> int:
    """Mark dead what waits since before a time for destinations that are not among ``known``; returns how many.

    It can be replayed, should the destination come back: until then it holds back nothing, and after that nothing
    comes out of order by itself. In several short transactions: outside of a transaction.
    """
    values = {"known": list(known), "before": before, "error": REMOVED, "limit": _PURGE_AT_ONCE}
    return _in_parts(connection, "release", values)


def forget(connection: Connection, destination: str) -> int:
    """Delete what a destination has had, and what is dead; not what waits. Returns how many. As :func:`release`."""
    return _in_parts(connection, "forget_destination", {"destination": destination, "limit": _PURGE_AT_ONCE})


def purge_sent(connection: Connection, before: datetime) -> int:
    """Delete what was sent before a time, in several short transactions; returns how many. Outside of a transaction."""
    return _in_parts(connection, "purge_sent", {"before": before, "limit": _PURGE_AT_ONCE})


def _in_parts(connection: Connection, query: str, values: Mapping[str, Any]) -> int:
    changed = 0
    while True:
        count = connection.execute(_SQL[query], values).rowcount
        changed += count
        if count < _PURGE_AT_ONCE:
            return changed


def _text(error: str) -> str:
    # Postgres keeps no NUL in a text, and no half a character.
    return error.replace("\0", "")[:_MAX_ERROR].encode("utf-8", "replace").decode()


def _targets(connection: Connection, query: str, destination: str, busy: Iterable[int], limit: int) -> list[int]:
    parameters = {"destination": destination, "busy": list(busy), "limit": limit}
    return [target_id for (target_id,) in connection.execute(_SQL[query], parameters)]
