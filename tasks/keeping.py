"""The ledger's targets are kept as the configuration has them: compared when that changes, and once in a while.

To compare 160,000 targets takes seconds, so a digest of what was planned last stands for them. It is in the database:
each planner notices what another one, or a restored copy, has changed.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from storage import ledger
from storage.database import Connection
from storage.ledger import Synced, TargetPlan
from tasks.regions import expand, regions_of
from tasks.targets import Planned
from telemetry.target import Target

COMPARED_EVERY = timedelta(hours=1)
"""Whatever the digest says: somebody may have edited the table."""


@dataclass(frozen=True)
class _Expanded:
    """The targets of a service with their regions, and what they were made of."""

    planned: Planned
    regions: Mapping[Target, list[str]]
    targets: tuple[TargetPlan, ...]
    digest: str


@dataclass
class TargetKeeper:
    """Keeps the targets of all services. Any number of threads may ask."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _expanded: dict[tuple[str, str], _Expanded] = field(default_factory=dict)

    def keep(self, connection: Connection, planned: Planned, now: datetime) -> Synced | None:
        """Make the targets of a service those that are planned; None where they are, by all that is known.

        The first time that a process is asked it compares.
        """
        key = planned.service.key
        former = self._expanded.get(key)
        expanded = self._expand(connection, former, planned, now)
        if former is not None and former.planned is planned:
            since = now - COMPARED_EVERY
            if ledger.was_planned(connection, *key, expanded.digest, since):
                self._remember(key, expanded)
                return None
        synced = ledger.sync_targets(connection, expanded.targets, *key, now, digest=expanded.digest)
        self._remember(key, expanded)
        return synced

    def _remember(self, key: tuple[str, str], expanded: _Expanded) -> None:
        with self._lock:
            self._expanded[key] = expanded

    def _expand(self, connection: Connection, former: _Expanded | None, planned: Planned, now: datetime) -> _Expanded:
        regions = regions_of(connection, planned.targets, now)
        if former is not None and former.planned is planned and former.regions == regions:
            return former
        targets = tuple(expand(planned.targets, regions))
        return _Expanded(planned, regions, targets, ledger.digest_of(targets))
