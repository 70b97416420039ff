"""What follows for a window from the runs that are committed and the reports that came: no database here.

The newest run that is whole settles its window, or of several the newest of which no part was refused: a refresh that
lacks a part takes the place of nothing that was whole. Neither which runs are whole nor which is the newest depends on
the order in which messages come, so the end is always the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from storage.writer.messages import Policy
from storage.writer.state import Admitted, NewReport, Order, RunState, WindowKey, WindowState
from telemetry.batch import Outcome
from telemetry.redact import redact
from telemetry.target import Target

_EVER = datetime.min.replace(tzinfo=UTC)
_UNPROVEN = "it ended without the word that every file of the delivery was read whole"


@dataclass(frozen=True, slots=True)
class Denial:
    """A target lacks a permission."""

    until: datetime
    error: str
    permission: str
    #: When the run that shows it was started.
    started_at: datetime


@dataclass(slots=True)
class Settlement:
    """What a transaction's messages do beyond their own rows."""

    #: Windows that have a new batch or report, changed in place.
    touched: list[WindowState]
    #: Those of them that another run has settled than before.
    settled: list[WindowState] = field(default_factory=list)
    #: Those of them whose state changed.
    changed: list[WindowState] = field(default_factory=list)
    #: Targets that answered, and when the run that shows it was started.
    allowed: dict[int, datetime] = field(default_factory=dict)
    #: Targets that refused since.
    denied: dict[int, Denial] = field(default_factory=dict)

    def bills(self, grown: Iterable[UUID]) -> list[tuple[WindowKey, UUID | None]]:
        """Windows with the runs that settle them, where that is another one than before, or one that has new lines."""
        runs = set(grown)
        windows = self.settled + [one for one in self.touched if one.settled_run in runs and one not in self.settled]
        return [(one.key, one.settled_run) for one in windows]

    def keys_of(self, targets: Collection[int]) -> list[WindowKey]:
        """Those of the windows that something is new of which belong to these targets."""
        return [window.key for window in self.touched if window.target_id in targets]


def settle(admitted: Admitted, policy: Policy, now: datetime) -> Settlement:
    """Change the windows that have a new batch or report, and say what follows for their targets."""
    keys = {run.key for run in admitted.touched_runs()}
    settlement = Settlement([admitted.windows[key] for key in sorted(keys)])
    before = [window.state for window in settlement.touched]
    runs = admitted.runs_by_window()
    for window in settlement.touched:
        _advance(window, runs[window.key])
        run = _settling_run(window, runs[window.key])
        if run is not None:
            _settle(window, run, admitted.targets[window.target_id], policy, now)
            settlement.settled.append(window)
            settlement.allowed[window.target_id] = max(settlement.allowed.get(window.target_id, _EVER), run.started_at)
    for report in admitted.reports:
        window = admitted.windows[report.run.key]
        # An attempt that was superseded, or whose window is settled, has come too late to count.
        if window.state == "dispatched" and report.run.attempt == window.attempt:
            _count(report, window, runs[window.key], policy, now)
            _deny(report, settlement, policy, now)
    settlement.changed = [
        window for window, state in zip(settlement.touched, before, strict=True) if window.state != state
    ]
    return settlement


def _advance(window: WindowState, runs: Sequence[RunState]) -> None:
    """Note the newest run that a row of is committed."""
    newest = [run for run in runs if run.batches_committed][-1:]
    for run in newest:
        window.newest_attempt, window.newest_started_at = run.attempt, run.started_at


def _settling_run(window: WindowState, runs: Sequence[RunState]) -> RunState | None:
    """The whole run that counts, where it is another one than that which settled the window before."""
    whole = [run for run in runs if run.is_whole]
    former = [run for run in runs if run.run_id == window.settled_run]
    # An older version takes the place of no newer one, whenever it is read.
    tell = all(run.submitted_at is not None for run in (*whole, *former))

    def worth(run: RunState) -> tuple[bool, datetime, Order]:
        return (not run.refused, (run.submitted_at if tell else None) or _EVER, run.order)

    newest = max(whole, key=worth, default=None)
    if newest is None or (former and worth(newest) <= worth(former[-1])):
        return None
    return newest


def _settle(window: WindowState, run: RunState, target: Target, policy: Policy, now: datetime) -> None:
    window.state = "complete" if run.records_committed else "empty"
    window.records, window.settled_run, window.settled_at = run.records_committed, run.run_id, now
    window.failures, window.error = 0, ""
    window.permission = run.permission if run.refused else ""
    if not (window.refused and run.refused):
        window.failed_since = None
    window.partial, window.refused = run.partial, run.refused
    window.refresh_at = policy.next_refresh((target.provider, target.service), window.window_end, run.started_at)


def _count(new: NewReport, window: WindowState, runs: Sequence[RunState], policy: Policy, now: datetime) -> None:
    """Let a report count that did not bring the window to its end."""
    report = new.report
    if new.run.refused and window.settled_run is not None and not window.refused:
        # A refresh: what was read before is whole, and stays.
        window.error, window.permission = new.run.partial.replace("\n", "; "), report.permission
        _give_up(window, "complete", policy, now)
        return
    if new.run.is_whole and window.settled_run is not None and new.run.submitted_at is not None:
        # What was read before is of a newer version, and stays.
        window.state = "complete" if window.records else "empty"
        window.error, window.settled_at = "an older version was read than the one that counts", now
        return
    unproven = new.run.has_come and new.run.unproven
    if report.outcome not in {Outcome.FAILED, Outcome.THROTTLED, Outcome.DENIED} and not unproven:
        return
    window.error, window.permission = _UNPROVEN if unproven else redact(report.error), report.permission
    not_before = min(report.not_before or now, now + policy.longest_wait)
    if report.outcome is Outcome.DENIED:
        _give_up(window, "denied", policy, now)
    elif report.outcome is Outcome.THROTTLED:
        times = _throttled(window, runs)
        if times >= policy.max_throttles:
            window.error = f"throttled {times} times in a row, at last: {window.error}"
            _give_up(window, "failed", policy, now)
        else:
            wait = now if report.not_before else now + policy.backoff(times)
            window.state, window.due_at = "planned", max(not_before, wait)
    else:
        window.failures += 1
        if window.failures >= policy.max_attempts:
            _give_up(window, "failed", policy, now)
        else:
            window.state, window.due_at = "planned", max(not_before, now + policy.backoff(window.failures))


def _throttled(window: WindowState, runs: Sequence[RunState]) -> int:
    """Runs that were throttled since the window was last settled, counting the one that is being reported."""
    since = window.settled_at or _EVER
    throttled = [run for run in runs if run.outcome == Outcome.THROTTLED]
    return sum(run.reported_at is None or run.reported_at > since for run in throttled)


def _give_up(window: WindowState, state: str, policy: Policy, now: datetime) -> None:
    """Settle without success. A window that was settled before keeps what it has: only its refresh is put off."""
    window.settled_at = now
    if window.records is None:
        window.state = state
    else:
        window.state = "complete" if window.records else "empty"
        window.refresh_at = now + policy.refresh_retry
    if state == "denied":
        window.failures = 0


def _deny(new: NewReport, settlement: Settlement, policy: Policy, now: datetime) -> None:
    report, run = new.report, new.run
    answered = settlement.allowed.get(run.target_id, _EVER)
    if report.outcome is Outcome.DENIED and run.started_at > answered:
        denial = Denial(now + policy.denied_for, redact(report.error), report.permission, run.started_at)
        settlement.denied[run.target_id] = denial
