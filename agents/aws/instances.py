"""What DescribeInstances says about time: since when an instance runs, and until when it did.

It tells the present only. LaunchTime is that of the last start, and the reason of the last transition bears a time:
between those two the state is known, before and beyond it is not, and nothing is said of it. Where the reason bears
none, the first time that the instance was seen so is as good for what comes after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.core.items import Item
from agents.core.sightings import Sightings
from agents.core.state_intervals import Known, State, StateInterval, intervals_in, length_between
from telemetry.target import Window

_TRANSITION = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)")
_ENDED = frozenset({"stopping", "stopped", "shutting-down", "terminated"})
_AT_REST = frozenset({"stopped", "terminated"})
"""States in which it does not run any more; in the others of those above it may, to the end."""


@dataclass(frozen=True)
class InstanceTimes:
    """The times of one instance."""

    state: str
    #: Its last start; None where the provider does not say.
    launched: datetime | None
    #: Its first start, as far as it can be known: no data is older.
    created: datetime | None
    #: When it left the state of running; None where it has not, or the provider does not say.
    ended: datetime | None

    #: When it was first seen at rest since its last start: it left the state of running before. None: not seen so.
    seen: datetime | None = None

    @classmethod
    def of(cls, instance: Mapping[str, Any] | Item) -> InstanceTimes:
        """The times of an instance of DescribeInstances; what is not told is unknown."""
        item = Item.of(instance)
        state = item.item("State").needed("Name")
        launched = item.time("LaunchTime")
        attachments = [one.item("Attachment") for one in item.items("NetworkInterfaces")]
        # The first one cannot be detached: it is as old as the instance.
        attached = [one.time("AttachTime") for one in attachments if one.number("DeviceIndex") == 0]
        times = [time for time in attached if time is not None]
        created = min([*times, launched] if launched is not None else times) if times else None
        return cls(state, launched, created, _ended(item) if state in _ENDED else None)

    def seen_at_rest(self, seen: Sightings, thing: str, now: datetime) -> InstanceTimes:
        """The same, with since when ``thing`` was seen at rest, where EC2 does not say."""
        if self.state not in _AT_REST or self.ended is not None:
            return self
        return replace(self, seen=seen.since(thing, (self.state, self.launched), now))

    def may_have_data(self, window: Window) -> bool:
        """Whether it can have run in a part of ``window``. What is asked of CloudWatch is paid, data or not."""
        if self.created is not None and self.created >= window.end:
            return False
        ended = self.ended or self.seen
        return not (self.state in _ENDED and ended is not None and ended <= window.start)

    @property
    def may_have_another_type(self) -> bool:
        """Whether it can have been given another type since it ran: of one that is stopped it can be changed."""
        return self.state == "stopped"

    def length_in(self, window: Window, now: datetime) -> timedelta:
        """For how long of ``window`` it may have existed: a rate, zero or not, is owed for it."""
        if self.state == "pending" and self.created is None:
            return timedelta(0)
        gone = (self.ended or self.seen) if self.state in {"shutting-down", "terminated"} else None
        return length_between(window, self.created, min(now, gone or now))

    def intervals(self, window: Window, now: datetime) -> Iterator[StateInterval]:
        """The parts of ``window`` in which the state is known and has a price, until ``now`` at the latest."""
        return intervals_in(window, now, self._known())

    def _known(self) -> Iterator[Known]:
        if self.state in _ENDED and self.ended is None:
            if self.state == "stopped" and self.seen is not None:
                yield Known(State.STOPPED, self.seen)
            return
        if self.launched is not None and (self.state == "running" or self.ended is not None):
            yield Known(State.RUNNING, self.launched, self.ended)
        if self.state == "stopped" and self.ended is not None:
            yield Known(State.STOPPED, self.ended)


def _ended(instance: Item) -> datetime | None:
    found = _TRANSITION.search(instance.text("StateTransitionReason"))
    try:
        return datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) if found else None
    except ValueError:  # digits, and no time
        return None
