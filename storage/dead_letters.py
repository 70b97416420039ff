"""Messages that could not be taken in: kept as they came, with the reason, for a person to read, replay or drop."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from psycopg.rows import class_row

from storage.database import Connection
from storage.errors import translated
from storage.sql import load
from telemetry.redact import redact

_SQL = load("dead_letters")
_MAX_REASON = 4000


class Letter(NamedTuple):
    """A message that cannot be taken in."""

    body: bytes
    #: One word: ``malformed``, ``unknown_schema``, ``invalid``, ``unplanned``, ``refused`` ...
    code: str
    #: For a person.
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message in the table."""

    dead_letter_id: int
    reason_code: str
    reason: str
    first_seen: datetime
    last_seen: datetime
    #: How often it came.
    times: int
    #: Bytes.
    size: int
    #: When it was put back on the results queue; None while it waits.
    replayed_at: datetime | None
    #: The first bytes, by which it is told where it came from; none where the whole is there.
    beginning: bytes = b""
    #: None in a listing.
    body: bytes | None = None


def dead_letter(connection: Connection, letters: Sequence[Letter], now: datetime) -> None:
    """Keep these. One that is there already is counted, and waits again if it was replayed."""
    if not letters:
        return
    times: dict[bytes, int] = {}
    latest: dict[bytes, Letter] = {}
    for letter in letters:
        digest = hashlib.sha256(letter.body).digest()
        times[digest] = times.get(digest, 0) + 1
        latest[digest] = letter
    columns = {
        "hashes": list(latest),
        "bodies": [letter.body for letter in latest.values()],
        "codes": [letter.code for letter in latest.values()],
        "reasons": [_reason(letter.reason) for letter in latest.values()],
        "times": list(times.values()),
        "now": now,
    }
    with translated():
        connection.execute(_SQL["dead_letter"], columns)


def listing(
    connection: Connection, limit: int = 100, *, replayed: bool = False, beginning: int = 0
) -> list[DeadLetter]:
    """The newest letters, with so many bytes of their bodies: those that wait, or with ``replayed`` all."""
    with translated(), connection.cursor(row_factory=class_row(DeadLetter)) as cursor:
        return cursor.execute(
            _SQL["listing"], {"limit": limit, "replayed": replayed, "beginning": beginning}
        ).fetchall()


def get(connection: Connection, dead_letter_id: int) -> DeadLetter | None:
    """One letter with its body; None where there is none of that id."""
    with translated(), connection.cursor(row_factory=class_row(DeadLetter)) as cursor:
        return cursor.execute(_SQL["get"], {"dead_letter_id": dead_letter_id}).fetchone()


def count_waiting(connection: Connection) -> int:
    """How many wait for a person."""
    with translated():
        row = connection.execute(_SQL["count_waiting"]).fetchone()
    return row[0] if row else 0


def mark_replayed(connection: Connection, letter: DeadLetter, now: datetime) -> bool:
    """Note that a letter is back on the results queue; call it after the broker took it.

    ``letter`` is what was read before it was published. Where the letter has come back since then, be it before this
    call, it goes on waiting, and False is returned.
    """
    values = {"dead_letter_id": letter.dead_letter_id, "times": letter.times, "now": now}
    with translated():
        return connection.execute(_SQL["mark_replayed"], values).rowcount == 1


def drop(connection: Connection, dead_letter_ids: Iterable[int]) -> int:
    """Delete these for good. Returns how many there were."""
    with translated():
        return connection.execute(_SQL["drop"], {"ids": list(dead_letter_ids)}).rowcount


def _reason(text: str) -> str:
    # A reason may quote what was wrong with the message, a NUL character for instance, which Postgres cannot keep.
    return redact(text).replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()[:_MAX_REASON]
