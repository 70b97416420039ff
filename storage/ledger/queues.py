"""What planners have seen of Celery's queues: in the database, so that any of them goes on from the last look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from storage.database import Connection
from storage.sql import load

_SQL = load("ledger_queues")


class LastLook(NamedTuple):
    """A queue as the last planner that handed out left it."""

    #: How many looks there were: another number, another look.
    looks: int
    #: Messages, with those that it sent.
    left_waiting: int
    #: Messages that were taken from it between two looks, of late.
    drained: float
    #: Seconds since then, by the database's clock.
    age: float


def last_looks(connection: Connection) -> dict[str, LastLook]:
    """Of every queue that a planner has looked at."""
    return {queue: LastLook(*look) for queue, *look in connection.execute(_SQL["read"])}


def note_looks(connection: Connection, looks: Mapping[str, tuple[int, float]]) -> None:
    """Note what is left waiting on these queues, and what was drained. The caller holds dispatch's lock."""
    if looks:
        values = {
            "queues": list(looks),
            "left_waiting": [left for left, _ in looks.values()],
            "drained": [drained for _, drained in looks.values()],
        }
        connection.execute(_SQL["note"], values)
