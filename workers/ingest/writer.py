"""Writes one chunk. A database that is away is waited for; what of a chunk cannot be written is found by halving.

Few errors of the database say for sure whose fault they are: one that names a lack of memory may come from a single
message that takes too many locks. So, but for those that no message can cause, the kind of an error decides nothing
here. What counts is what can be seen: whether the database does other work meanwhile.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from storage import suspects
from storage.database import Connection, Database
from storage.errors import StorageError
from storage.writer import Undecodable, Written
from telemetry.backoff import equal_jitter
from telemetry.redact import redact
from workers.ingest.chunks import Chunk
from workers.ingest.parcel import Item, Parcel

logger = logging.getLogger(__name__)

_TRIES_TOGETHER = 2
"""Tries of several messages, while the database does other work, until they are tried apart: a deadlock goes by."""
_STUB = 1000
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 10.0
_WAITS = ("40", "55P03", "57014")
"""A deadlock, a lock or a statement that took too long: somebody else holds what is needed, and no message does."""


@dataclass(frozen=True)
class Failure:
    """Why a transaction cannot be written although the database works."""

    reason: str
    #: Whether the messages in it may be to blame.
    blames: bool
    #: Whether it names these very data.
    data: bool


@dataclass
class Stuck:
    """A batch or report that cannot be written for now, and why."""

    item: Item
    failure: Failure


@dataclass
class Outcome:
    """What became of a chunk."""

    written: Written = field(default_factory=Written)
    stuck: list[Stuck] = field(default_factory=list)


Store = Callable[[Connection, Sequence[Item], Sequence[Undecodable]], Written]
"""One transaction of batches and reports, and one of dead letters."""


@dataclass(frozen=True)
class Writer:
    """Writes chunks, for one lane."""

    name: str
    database: Database
    store: Store
    #: Called at each try, which ends within the time limits of the database.
    heartbeat: Callable[[], None]

    def write(self, chunk: Chunk, stop: threading.Event) -> Outcome | None:
        """Everything of ``chunk`` but what is stuck is committed when this returns. None: stopped before that."""
        outcome = Outcome()
        undecodable = [letter for _, letter in chunk.letters]
        parts: list[tuple[Sequence[Item], Sequence[Undecodable]]] = [(chunk.items, ())] if chunk.items else []
        if undecodable:
            parts.append(((), undecodable))
        while parts:
            items, letters = parts.pop()
            result = self._try(items, letters, stop)
            if result is None:
                return None
            if isinstance(result, Written):
                outcome.written.add(result)
            elif len(items) == 1:
                outcome.stuck.append(Stuck(items[0], result))
                parts = _without(items[0].parcel, parts, outcome, result)
            elif len(letters) == 1:
                # It is kept nowhere else, so it is tried until it is taken.
                parts.append(((), [_stub(letters[0])] if result.data else letters))
            else:
                middle = max(len(items), len(letters)) // 2
                parts += [(items[middle:], letters[middle:]), (items[:middle], letters[:middle])]
        return outcome

    def _try(
        self, items: Sequence[Item], letters: Sequence[Undecodable], stop: threading.Event
    ) -> Written | Failure | None:
        """What was written; or why it cannot be although the database works; None where it is to stop."""
        failures, waits = 0, 0
        while True:
            self.heartbeat()
            try:
                with self.database.connection() as connection:
                    return self.store(connection, items, letters)
            except StorageError as error:
                # A right that is missing, a server that is read only: no message has caused that. A connection that
                # broke has no code, and a message may have broken it.
                database_alone = error.about_input is False and bool(error.code)
                failure = Failure(str(error), not error.code.startswith(_WAITS), error.about_input is True)
                logger.warning("ingest, %s: %d messages are not written: %s", self.name, len(items), error)
            except Exception as error:  # whatever it is, it ends no process
                database_alone = False
                failure = Failure(redact(f"{type(error).__name__}: {error}"), blames=True, data=True)
                logger.exception("ingest, %s: %d messages are not written", self.name, len(items))
            if not database_alone and self.works():
                failures += 1
                if failures >= _TRIES_TOGETHER or len(items) == 1:
                    return failure
                waits = 0
            waits += 1
            if stop.wait(equal_jitter(waits, _FIRST_PAUSE, _LONGEST_PAUSE)):
                return None

    def works(self) -> bool:
        """Whether the database takes something in, apart from what is to be written."""
        try:
            with self.database.connection() as connection:
                suspects.probe(connection)
        except StorageError as error:
            logger.warning("ingest, %s: waits for the database: %s", self.name, error)
            return False
        return True


def _without(
    parcel: Parcel, parts: list[tuple[Sequence[Item], Sequence[Undecodable]]], outcome: Outcome, failure: Failure
) -> list[tuple[Sequence[Item], Sequence[Undecodable]]]:
    """Put aside what else is of a message one part of which is stuck: its neighbours do not wait for each to fail."""
    kept: list[tuple[Sequence[Item], Sequence[Undecodable]]] = []
    for items, letters in parts:
        outcome.stuck += [Stuck(item, failure) for item in items if item.parcel is parcel]
        others = [item for item in items if item.parcel is not parcel]
        if others or letters:
            kept.append((others, letters))
    return kept


def _stub(letter: Undecodable) -> Undecodable:
    """As much of a letter as is sure to be taken."""
    if len(letter.body) <= _STUB:
        return Undecodable(letter.body, letter.code, ascii(letter.reason)[:_STUB])
    reason = f"{ascii(letter.reason)[:_STUB]} (cut: it had {len(letter.body)} bytes)"
    return Undecodable(letter.body[:_STUB], letter.code, reason)
