"""What changed since a window began, as Resource Graph remembers it: for windows that are collected late.

Azure notes the change of every property for 14 days (it was 7 for a while), within five minutes.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from agents.azure import graph
from agents.azure.calls import AzureCalls
from agents.core.items import Listing
from telemetry.target import Window, format_time

_REMEMBERED = timedelta(days=7)
_FORGOTTEN = f"collected more than {_REMEMBERED.days} days late, and Azure may not remember what was deleted since"
_DELETED = "deleted after the window began, and Azure lists only what there is now"
_THINGS = "changes"
_COLUMNS = {
    "target": "tostring(properties.targetResourceId)",
    "what": "tostring(properties.changeType)",
    "changes": "properties.changes",
}


class Changes:
    """The changes of all resources of one type since a window began."""

    def __init__(self, *, known: bool) -> None:
        #: Whether Azure remembers so long.
        self.known = known
        self._changed: defaultdict[str, set[str]] = defaultdict(set)
        self._deleted: set[str] = set()

    def add(self, row: graph.Row) -> bool:
        """Take one change in; whether it is known which one it is."""
        target = (row.expected("target") or "").lower()
        what, paths = row.expected("what"), row.item("changes")
        if target and what == "Delete":
            self._deleted.add(target)
        elif target and (what == "Create" or (what == "Update" and row.has("changes") and paths.is_known)):
            self._changed[target].update(str(path).lower() for path in paths.fields)
        else:
            return False
        return True

    def touches(self, resource_id: str, *paths: str) -> bool:
        """Whether one of these properties, or a part of it, has changed: ``properties.hardwareProfile``."""
        wanted = tuple(path.lower() for path in paths)
        return any(path.startswith(wanted) for path in self._changed.get(resource_id.lower(), ()))

    @property
    def deleted(self) -> int:
        """How many were deleted."""
        return len(self._deleted)


def read_late(calls: AzureCalls, kind: str, window: Window, things: str) -> Changes:
    """Read the changes of a type of resource, for a window that is collected late; say how many were deleted since."""
    if window.start < calls.context.shared.now() - _REMEMBERED:
        calls.context.partial("what was deleted since", _FORGOTTEN)
        return Changes(known=False)
    changes = Changes(known=False)
    with calls.context.part("what was deleted since"):
        changes = _read(calls, kind, window)
    if changes.deleted and calls.context.only is None:
        calls.context.partial("all", _DELETED, of=things, count=changes.deleted)
    return changes


def _read(calls: AzureCalls, kind: str, window: Window) -> Changes:
    changes = Changes(known=True)
    listing: Listing[bool] = Listing(calls.context, _THINGS)
    for found in graph.change_rows(calls, _COLUMNS, _since(kind, window.start), of=_THINGS):
        if not listing.read(found, changes.add):
            # It may have been any change of anything.
            changes.known = False
    return changes


def _since(kind: str, moment: datetime) -> list[str]:
    return [
        f"properties.targetResourceType =~ {graph.quoted(kind)}",
        f"todatetime(properties.changeAttributes.timestamp) >= datetime({format_time(moment)})",
    ]
