"""One message on its way: what of it is still to be written, and whether it may be acknowledged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from storage.writer import Received
from tasks.results import Consumer, Delivery
from workers.ingest.doors import Reading


@dataclass
class Inlet:
    """A queue that a lane takes messages off."""

    read: Callable[[bytes], Reading]
    #: Reads what has a queue of its own that does not take it.
    read_here: Callable[[bytes], Reading]
    consumer: Consumer
    #: Messages a turn: fewer where they take long, so that every inlet of a lane has the same part of its time.
    share: int


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
