"""What is let in: reads one message, apart from all others, and never raises. Whatever reading raises is its own.

A door belongs to a queue. Through that of the results come runs that a planner has granted, and through that of a
source only what that source pushes.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from pydantic import SecretStr

from storage.writer import Received, Undecodable
from telemetry.batch import Batch, Message
from telemetry.codec import decode
from telemetry.errors import InvalidRecord, MalformedMessage, MessageError
from telemetry.grants import check_grant
from telemetry.presence import Sign
from telemetry.presence import unwrap as unwrap_sign
from telemetry.push.batches import is_push, is_pushed, messages_of, source_of
from telemetry.push.checks import MAX_AHEAD
from telemetry.push.sources import Pushers, WrongQueue
from telemetry.redact import redact
from telemetry.target import format_time
from telemetry.undeliverable import is_wrapped, unwrap

logger = logging.getLogger(__name__)

_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass
class Reading:
    """What one message turned out to be: exactly one of these."""

    #: Batches and reports to be written.
    items: list[Received] = field(default_factory=list)
    #: A dead letter.
    letter: Undecodable | None = None
    #: The source whose own queue it belongs to.
    elsewhere: str | None = None
    #: That a process of the fleet lives: nothing to be kept.
    sign: Sign | None = None


@dataclass(frozen=True)
class Doors:
    """What the doors of one ingest have in common."""

    #: A run is let in where one of these has signed its attempt.
    keys: Sequence[SecretStr]
    pushers: Pushers
    now: Callable[[], datetime]
    #: Sources with a queue of their own.
    queued: frozenset[str] = frozenset()

    def results(self, body: bytes) -> Reading:
        """A message of the results queue, or of that of the bills."""
        return _read(body, self._results)

    def pushes(self, source: str, body: bytes) -> Reading:
        """A message of the queue of one source."""
        return _read(body, partial(self._pushes, source))

    def letters(self, body: bytes) -> Reading:
        """A message that a worker has wrapped. Whatever it is, nothing of it is stored but the letter."""
        return _read(body, _letter)

    def processes(self, body: bytes) -> Reading:
        """A message by which a process without a database says that it lives."""
        return _read(body, lambda data: Reading(sign=unwrap_sign(data)))

    def _results(self, body: bytes) -> Reading:
        if is_push(body):
            return self._of_a_source(source_of(body), body)
        message = decode(body)
        target = message.run.target
        if is_pushed(target):
            return self._of_a_source(target.account, body)
        now = self.now()
        check_grant(self.keys, message.run, now)
        _check_clocks(message, now)
        return Reading([Received(message, body)])

    def _of_a_source(self, source: str | None, body: bytes) -> Reading:
        """What was pushed, and lies among the results: it goes to the queue of its source, where it has one."""
        if source in self.queued and source not in self.pushers.walled:
            return Reading(elsewhere=source)
        return self._pushed(body, self._believe_among_results)

    def _pushes(self, source: str, body: bytes) -> Reading:
        if not is_push(body) and not is_pushed(target := decode(body).run.target):
            raise WrongQueue(f"target {target}: this is the queue of source {source!r}, for what it pushes only")
        return self._pushed(body, partial(_believe_alone, source))

    def _pushed(self, body: bytes, believe: Callable[[str], None]) -> Reading:
        now = self.now()
        items = [Received(*item) for item in messages_of(body, self.pushers, now, believe)]
        for item in items:
            _check_clocks(item.message, now)
        return Reading(items)

    def _believe_among_results(self, source: str) -> None:
        if source in self.pushers.walled:
            raise WrongQueue(f"source: {source!r}: it is believed on its own queue alone (own_queue_only): use that")


def _believe_alone(own: str, source: str) -> None:
    if source != own:
        raise WrongQueue(f"source: {source!r}: this is the queue of {own!r}: send it to that of {source!r}")


def _read(body: bytes, read: Callable[[bytes], Reading]) -> Reading:
    try:
        return read(body)
    except MessageError as error:
        return Reading(letter=Undecodable(body, error.code, str(error)))
    except Exception as error:
        logger.exception("a message cannot be read")
        reason = redact(f"it cannot be read: {type(error).__name__}: {error}")
        return Reading(letter=Undecodable(body, MalformedMessage.code, reason))


def _letter(body: bytes) -> Reading:
    found = unwrap(body) if is_wrapped(body) else None
    if found is None:
        raise MalformedMessage("it is not wrapped, and nothing else belongs on the queue of letters")
    code = found.code if _CODE.fullmatch(found.code) else MalformedMessage.code
    # What was pushed is kept as it was sent: mended, it can be replayed.
    kept = found.body if is_push(found.body) else body
    return Reading(letter=Undecodable(kept, code, f"on queue {found.queue}: {found.reason}"))


def _check_clocks(message: Message, now: datetime) -> None:
    """Times decide which of two runs is the newer one: none may lie where no clock can be."""
    times = {"run.started_at": message.run.started_at}
    if isinstance(message, Batch):
        times["collected_at"] = message.collected_at
    else:
        times["finished_at"] = message.finished_at
    for name, moment in times.items():
        if moment > now + MAX_AHEAD:
            ahead = timedelta(seconds=round((moment - now).total_seconds()))
            remedy = f"it is {ahead} ahead of the ingest's clock ({format_time(now)}): set the clock of who sent it"
            raise InvalidRecord(name, str(moment), remedy)
