"""One message on its way: what of it is still to be written, and whether it may be acknowledged."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from storage.writer import Received
from tasks.results import Consumer, Delivery
from workers.ingest.doors import Reading

if TYPE_CHECKING:
    from workers.ingest.chunks import Chunk


@dataclass(eq=False)
class Inlet:
    """A queue that a lane takes messages off."""

    read: Callable[[bytes], Reading]
    #: Reads what has a queue of its own that does not take it.
    read_here: Callable[[bytes], Reading]
    consumer: Consumer
    #: What was received and is still to be written, read as it is asked for.
    work: Iterator[Chunk] = field(default_factory=lambda: iter(()))
    #: Monotonic seconds until which it is left alone, since the broker refuses it.
    rests_until: float = 0.0
    #: What was received and is to be tried alone.
    suspects: deque[Delivery] = field(default_factory=deque)


@dataclass(eq=False)
class Parcel:
    """A message that was received, and read."""

    inlet: Inlet
    delivery: Delivery
    #: Batches and reports that are not committed yet.
    left: int
    #: Of its body, where it is tried alone.
    digest: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Item:
    """One batch or report of a parcel."""

    parcel: Parcel
    received: Received
