"""What the ledger knows of the windows that a transaction touches, as it was read and as it changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from telemetry.batch import Batch, Outcome, Report
from telemetry.redact import redact
from telemetry.target import Target

Order = tuple[int, datetime, UUID]
"""Orders the runs of a window: attempt, start, and the id where both are the same."""
WindowKey = tuple[int, datetime]
"""target_id and the window's start."""


def as_lines(reasons: Sequence[str]) -> str:
    """Reasons as the ledger keeps them: a line for each, whatever is in them, and no secret."""
    return "\n".join(" ".join(redact(reason).split()) for reason in reasons)


@dataclass(slots=True)
class RunState:
    """A run of a window: what of it is committed, counting this transaction, and how it ended."""

    run_id: UUID
    target_id: int
    window_start: datetime
    window_end: datetime
    attempt: int
    started_at: datetime
    batches_committed: int = 0
    records_committed: int = 0
    outcome: str | None = None
    batches_expected: int | None = None
    reported_at: datetime | None = None
    #: What it lacks although it ended well, a line for each reason.
    partial: str = ""
    #: The missing one, of the run or of a part of it.
    permission: str = ""
    #: It ended well, and a part of it was refused that may be there at another time.
    refused: bool = False
    #: The highest number of a batch that was committed before this transaction.
    last_number: int = 0
    #: It is to read a delivery of a bill, and has not said that it read one whole.
    unproven: bool = False
    #: When the version was submitted that it has read.
    submitted_at: datetime | None = None

    @property
    def order(self) -> Order:
        """Among the runs of its window."""
        return (self.attempt, self.started_at, self.run_id)

    @property
    def key(self) -> WindowKey:
        """Of its window."""
        return (self.target_id, self.window_start)

    @property
    def is_whole(self) -> bool:
        """Whether it ended well, every batch of it is committed, and what it was to read is proven."""
        return self.has_come and not self.unproven

    @property
    def has_come(self) -> bool:
        """Whether it ended well, and every batch of it is committed."""
        ended_well = self.outcome in {Outcome.COMPLETE, Outcome.EMPTY}
        return ended_well and self.batches_committed == self.batches_expected


@dataclass(slots=True)
class WindowState:
    """A window of the ledger, locked. Fields as in the table ``collections``."""

    target_id: int
    window_start: datetime
    window_end: datetime
    state: str
    due_at: datetime
    attempt: int
    failures: int
    settled_at: datetime | None
    refresh_at: datetime | None
    newest_attempt: int
    newest_started_at: datetime | None
    settled_run: UUID | None
    records: int | None
    error: str
    permission: str
    failed_since: datetime | None
    #: Of the run that settled it, as refused.
    partial: str
    refused: bool

    @property
    def key(self) -> WindowKey:
        """What identifies it."""
        return (self.target_id, self.window_start)


@dataclass(frozen=True, slots=True)
class NewBatch:
    """A batch that is not committed yet."""

    batch: Batch
    body: bytes
    run: RunState

    @property
    def order(self) -> tuple[Order, int]:
        """Among all batches of its window: what comes later in it replaces what comes earlier."""
        return (self.run.order, self.batch.number)


@dataclass(frozen=True, slots=True)
class NewReport:
    """The first report of its run."""

    report: Report
    run: RunState


@dataclass(slots=True)
class Admitted:
    """The messages of a transaction that change something, and the state of their windows."""

    windows: dict[WindowKey, WindowState]
    #: Every run of these windows.
    runs: dict[UUID, RunState]
    targets: dict[int, Target]
    #: Those of which deliveries of bills open the windows, by name, and all of them by id.
    readers: dict[Target, int]
    delivered: frozenset[int]
    batches: list[NewBatch]
    reports: list[NewReport]

    def runs_by_window(self) -> dict[WindowKey, list[RunState]]:
        """The runs of each window, the newest last."""
        grouped: dict[WindowKey, list[RunState]] = {key: [] for key in self.windows}
        for run in sorted(self.runs.values(), key=lambda run: run.order):
            grouped.setdefault(run.key, []).append(run)
        return grouped

    def touched_runs(self) -> list[RunState]:
        """The run of every new batch and report."""
        return [new.run for new in self.batches] + [new.run for new in self.reports]
