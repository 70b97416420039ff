"""How much goes into one transaction.

Every day of points or rates has a partition with indexes of its own, and a transaction locks each that it touches: the
locks of a server are few. Records and messages bound the memory and the time that it takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from storage.writer import Undecodable
from telemetry.batch import Batch, Message
from workers.ingest.parcel import Item, Parcel

MAX_DAYS = 64
MAX_RECORDS = 50_000
"""Unless the settings say otherwise (``ingest.max_records``)."""
MAX_MESSAGES = 1000
MAX_BYTES = 32 * 1024 * 1024
"""Of bodies, as they travel."""
SMALL_BYTES = 128 * 1024
SMALL_MESSAGES = 128


@dataclass
class Chunk:
    """What one transaction writes."""

    items: list[Item] = field(default_factory=list)
    #: Messages that are written down as dead letters.
    letters: list[tuple[Parcel, Undecodable]] = field(default_factory=list)
    most_records: int = MAX_RECORDS
    _days: set[int] = field(default_factory=set)
    _records: int = 0
    _bytes: int = 0

    def __bool__(self) -> bool:
        return bool(self.items or self.letters)

    def add(self, part: Item | tuple[Parcel, Undecodable]) -> bool:
        """Take ``part`` in, unless this would then be too much; a first one always is taken."""
        if isinstance(part, tuple):
            days, records, size = set[int](), 0, len(part[1].body)
        else:
            message = part.received.message
            days, records, size = _days_of(message), _records_of(message), len(part.received.body)
        if self and not self._has_room(days, records, size):
            return False
        self._days |= days
        self._records += records
        self._bytes += size
        if isinstance(part, tuple):
            self.letters.append(part)
        else:
            self.items.append(part)
        return True

    @property
    def is_small(self) -> bool:
        """Whether a transaction of it is mostly its beginning and its end."""
        return self._bytes < SMALL_BYTES and len(self.items) + len(self.letters) < SMALL_MESSAGES

    def _has_room(self, days: set[int], records: int, size: int) -> bool:
        return (
            len(self.items) + len(self.letters) < MAX_MESSAGES
            and len(self._days | days) <= MAX_DAYS
            and self._records + records <= self.most_records
            and self._bytes + size <= MAX_BYTES
        )


def chunks(parts: Iterable[Item | tuple[Parcel, Undecodable]], most_records: int = MAX_RECORDS) -> Iterator[Chunk]:
    """``parts`` in as few chunks as their order allows. Lazy: a part is asked for when the chunk before it is taken."""
    chunk = Chunk(most_records=most_records)
    for part in parts:
        if not chunk.add(part):
            yield chunk
            chunk = Chunk(most_records=most_records)
            chunk.add(part)
    if chunk:
        yield chunk


def _days_of(message: Message) -> set[int]:
    if not isinstance(message, Batch) or not (message.points.start or message.rates):
        return set()
    last = message.run.window.end - timedelta.resolution
    return set(range(message.run.window.start.toordinal(), last.toordinal() + 1))


def _records_of(message: Message) -> int:
    return message.record_count if isinstance(message, Batch) else 1
