"""What DescribeInstances says about time: since when an instance runs, and until when it did.

It tells the present only. LaunchTime is that of the last start, and the reason of the last transition bears a time:
between those two the state is known, before and beyond it is not, and nothing is said of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.core.state_intervals import Known, State, StateInterval, intervals_in, length_between
from telemetry.target import Window

_TRANSITION = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)")
_ENDED = frozenset({"stopping", "stopped", "shutting-down", "terminated"})


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

    @classmethod
    def of(cls, instance: Mapping[str, Any]) -> InstanceTimes:
        """The times of an instance of DescribeInstances."""
        state = instance["State"]["Name"]
        launched = _utc(instance.get("LaunchTime"))
        attached = [
            _utc(interface["Attachment"]["AttachTime"])
            for interface in instance.get("NetworkInterfaces", ())
            # The first one cannot be detached: it is as old as the instance.
            if interface.get("Attachment", {}).get("DeviceIndex") == 0 and "AttachTime" in interface["Attachment"]
        ]
        created = min((time for time in (launched, *attached) if time is not None), default=None) if attached else None
        return cls(state, launched, created, _ended(instance) if state in _ENDED else None)

    def may_have_data(self, window: Window) -> bool:
        """Whether it can have run in a part of ``window``. What is asked of CloudWatch is paid, data or not."""
        if self.created is not None and self.created >= window.end:
            return False
        return not (self.state in _ENDED and self.ended is not None and self.ended <= window.start)

    @property
    def may_have_another_type(self) -> bool:
        """Whether it can have been given another type since it ran: of one that is stopped it can be changed."""
        return self.state == "stopped"

    def length_in(self, window: Window, now: datetime) -> timedelta:
        """For how long of ``window`` it may have existed: a rate, zero or not, is owed for it."""
        if self.state == "pending" and self.created is None:
            return timedelta(0)
        gone = self.ended if self.state in {"shutting-down", "terminated"} else None
        return length_between(window, self.created, min(now, gone or now))

    def intervals(self, window: Window, now: datetime) -> Iterator[StateInterval]:
        """The parts of ``window`` in which the state is known and has a price, until ``now`` at the latest."""
        return intervals_in(window, now, self._known())

    def _known(self) -> Iterator[Known]:
        if self.state in _ENDED and self.ended is None:
            return
        if self.launched is not None and (self.state == "running" or self.ended is not None):
            yield Known(State.RUNNING, self.launched, self.ended)
        if self.state == "stopped" and self.ended is not None:
            yield Known(State.STOPPED, self.ended)


def _ended(instance: Mapping[str, Any]) -> datetime | None:
    found = _TRANSITION.search(instance.get("StateTransitionReason") or "")
    return datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) if found else None


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)
