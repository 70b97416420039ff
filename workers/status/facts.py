"""All that was found out, in the form in which the kinds of trouble look at it."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from storage.errors import StorageError
from storage.processes import Process
from telemetry.settings import Settings
from telemetry.target import Target
from workers.patterns import unmatched
from workers.status.fates import Fate, Fates, judge
from workers.status.readings import BrokerReading, DatabaseReading


@dataclass(frozen=True)
class Filters:
    """Which targets are asked about."""

    providers: tuple[str, ...] = ()
    #: With * for any text.
    patterns: tuple[str, ...] = ()
    since: datetime | None = None

    def take(self, target: Target) -> bool:
        """Whether this one is."""
        name = str(target)
        of_provider = not self.providers or target.provider in self.providers
        return of_provider and (not self.patterns or any(fnmatch.fnmatchcase(name, p) for p in self.patterns))

    def fitting_nothing(self, targets: Collection[Target], configured: Collection[str]) -> list[str]:
        """The options that mean none of the targets, in words: nobody is to take a misspelt one for good news."""
        known = {*configured, *(one.provider for one in targets)}
        strange = unmatched([one for one in self.providers if one not in known], sorted(known))
        names = [str(target) for target in targets]
        return [f"--provider {one}" for one in strange] + [f"--target {one}" for one in unmatched(self.patterns, names)]


@dataclass(frozen=True)
class Facts:
    """One look at everything."""

    settings: Settings
    at: datetime
    #: Seconds that each server was given.
    within: float
    database_address: str
    database: DatabaseReading
    #: Why the database does not tell (any more), in words; empty where it has told everything.
    database_fault: str
    broker_address: str
    broker: BrokerReading
    broker_fault: str
    #: Messages by Celery queue; None where they are not known.
    queues: Mapping[str, int] | None
    #: Why the database takes nothing in; None where it does, or that is not known.
    write_error: StorageError | None = None
    #: Of the `finfleet up` of this directory.
    beside: tuple[str, ...] = ()
    #: Bytes that are free where its servers keep their data; None where it has none, or is of other servers.
    free: int | None = None
    filters: Filters = field(default_factory=Filters)

    @property
    def blind(self) -> bool:
        """Whether nobody can tell how the fleet stands."""
        return bool(self.database_fault) or self.database.lateness is None

    @cached_property
    def fates(self) -> Fates | None:
        """What has become of the processes; None where that is not known, or none has ever given a sign."""
        if not self.database.processes:
            return None
        return judge(self.database.processes, broker_answers=not self.broker_fault)

    @property
    def task_queues(self) -> Mapping[str, int] | None:
        """Messages by Celery queue, with the lanes that somebody takes from though nothing waits on them."""
        if self.queues is None:
            return None
        consumed = {queue for one in self.living() for queue in one.queues.split()}
        lanes = {queue for queue in consumed if queue.rpartition(".")[0] in self.queues}
        return dict(sorted((dict.fromkeys(lanes, 0) | dict(self.queues)).items()))

    def living(self) -> Sequence[Process]:
        """The processes that live."""
        return [] if self.fates is None else self.fates.those(Fate.LIVES)
