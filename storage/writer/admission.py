"""Locks the windows of the messages, and sorts out which are new, which are known, and which nobody planned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from psycopg.rows import class_row

from storage.database import Connection
from storage.folding.unfold import unfold
from storage.sql import load
from storage.writer.deliveries import KnownTarget, fault_of, readers, windows_of
from storage.writer.messages import Received, Rejected, Written
from storage.writer.pushed import open_pushed
from storage.writer.state import Admitted, NewBatch, NewReport, RunState, WindowKey, WindowState, as_lines
from telemetry.batch import Batch, Message, Outcome, Run
from telemetry.push.batches import is_pushed
from telemetry.target import Target

_SQL = load("writer_ledger")


def admit(connection: Connection, received: Sequence[Received], written: Written) -> Admitted:
    """Lock the windows, and pick the messages that are new; the others are counted in ``written``.

    Inside of the caller's transaction, whose end lets go of the locks. Targets are locked later, and only where the
    order of commits counts (bookkeeping): two writers with windows of the same targets do most of their work at once.
    """
    known = _find_targets(connection, {item.message.run.target for item in received} | readers(received))
    targets = {target: found.target_id for target, found in known.items()}
    runs = {(item.message.run.target, item.message.run.window) for item in received}
    sources = open_pushed(connection, targets, runs)
    planned: list[tuple[Received, WindowKey]] = []
    for item in received:
        target_id = targets.get(item.message.run.target)
        if target_id is None or (is_pushed(item.message.run.target) and target_id not in sources):
            written.rejected.append(Rejected(item, "unplanned", _unknown(item.message.run.target)))
        else:
            planned.append((item, (target_id, item.message.run.window.start)))
    windows = _lock(connection, {key for _, key in planned} | set(windows_of(received, known)))
    admitted = Admitted(
        windows,
        _find_runs(connection, windows, {item.message.run.run_id for item, _ in planned}),
        {target_id: target for target, target_id in targets.items()},
        readers={target: found.target_id for target, found in known.items() if found.delivered},
        delivered=frozenset(found.target_id for found in known.values() if found.delivered),
        batches=[],
        reports=[],
    )
    committed = _committed(connection, (item for item, _ in planned))
    for item, key in planned:
        if fault := _no_zone(item.message) or _fault(item.message.run, key, admitted):
            written.rejected.append(Rejected(item, *fault))
        elif isinstance(item.message, Batch) and (why := fault_of(item.message, known)):
            written.rejected.append(Rejected(item, "contradiction", why))
        else:
            _take(item, key, admitted, committed, written)
    return admitted


def _unknown(target: Target) -> str:
    if is_pushed(target):
        return f"source {target.account!r} may not push: name it in generic.sources, with kind: push"
    return f"target {target} is not in the ledger: no planner has ever known it"


def _take(
    item: Received, key: WindowKey, admitted: Admitted, committed: set[tuple[UUID, int]], written: Written
) -> None:
    message = item.message
    run = admitted.runs.setdefault(message.run.run_id, _new_run(message.run, key))
    if isinstance(message, Batch):
        if (run.run_id, message.number) in committed:
            written.duplicates += 1
            return
        committed.add((run.run_id, message.number))
        admitted.batches.append(NewBatch(message, item.body, run))
    elif run.outcome is not None:
        written.duplicates += 1
    else:
        run.outcome, run.batches_expected = message.outcome.value, message.batches
        run.partial, run.permission = as_lines(message.partial), message.permission
        run.refused = message.outcome in {Outcome.COMPLETE, Outcome.EMPTY} and message.not_before is not None
        admitted.reports.append(NewReport(message, run))


def _fault(run: Run, key: WindowKey, admitted: Admitted) -> tuple[str, str] | None:
    """Why a message of this run cannot be: the ledger never planned it, or it contradicts what came before."""
    window = admitted.windows.get(key)
    if window is None or window.window_end != run.window.end:
        return "unplanned", f"target {run.target} has no window {run.window} in the ledger"
    # Of what is pushed, the rank of the source stands there: nobody hands out attempts at it.
    if run.attempt > window.attempt and not is_pushed(run.target):
        return "unplanned", f"attempt {run.attempt} of {run.target} {run.window}: only {window.attempt} were handed out"
    known = admitted.runs.get(run.run_id)
    if known is not None and _identity(known, run.target) != _identity(_new_run(run, key), run.target):
        return "contradiction", f"run {run.run_id} is known as another window's, attempt's or start's"
    return None


def _no_zone(message: Message) -> tuple[str, str] | None:
    if isinstance(message, Batch):
        times = {"collected_at": message.collected_at}
    else:
        times = {"finished_at": message.finished_at, "not_before": message.not_before or message.finished_at}
    faults = [f"{name}: {time}: a time with its zone" for name, time in times.items() if time.tzinfo is None]
    return ("invalid", faults[0]) if faults else None


def _new_run(run: Run, key: WindowKey) -> RunState:
    return RunState(run.run_id, key[0], run.window.start, run.window.end, run.attempt, run.started_at)


def _identity(run: RunState, target: Target) -> tuple[object, ...]:
    # Who pushes the same once more may have looked at the clock once more, and may have another rank by now.
    order = (run.run_id,) if is_pushed(target) else run.order
    return (order, run.key, run.window_end)


def _find_targets(connection: Connection, targets: Iterable[Target]) -> dict[Target, KnownTarget]:
    wanted = sorted(targets)
    columns = {
        "providers": [target.provider for target in wanted],
        "accounts": [target.account for target in wanted],
        "regions": [target.region for target in wanted],
        "services": [target.service for target in wanted],
    }
    found = connection.execute(_SQL["find_targets"], columns)
    return {Target(*parts): KnownTarget(target_id, delivered) for target_id, delivered, *parts in found}


def _lock(connection: Connection, keys: Iterable[WindowKey]) -> dict[WindowKey, WindowState]:
    wanted = set(keys)
    with connection.cursor(row_factory=class_row(WindowState)) as cursor:
        windows = cursor.execute(_SQL["lock_windows"], _columns(wanted)).fetchall()
        # What is missing may be folded, or was unfolded by somebody else since that statement began.
        if missing := wanted - {window.key for window in windows}:
            unfold(connection, missing)
            windows += cursor.execute(_SQL["lock_windows"], _columns(missing)).fetchall()
    return {window.key: window for window in windows}


def _find_runs(
    connection: Connection, windows: Mapping[WindowKey, WindowState], run_ids: set[UUID]
) -> dict[UUID, RunState]:
    """After the locks, so that nothing of these windows can change any more."""
    with connection.cursor(row_factory=class_row(RunState)) as cursor:
        rows = cursor.execute(_SQL["runs_of_windows"], _columns(windows) | {"run_ids": sorted(run_ids)})
        return {run.run_id: run for run in rows}


def _committed(connection: Connection, items: Iterable[Received]) -> set[tuple[UUID, int]]:
    messages = [item.message for item in items]
    batches = sorted({(m.run.run_id, m.number) for m in messages if isinstance(m, Batch)})
    columns = {"run_ids": [run_id for run_id, _ in batches], "numbers": [number for _, number in batches]}
    return {(run_id, number) for run_id, number in connection.execute(_SQL["committed_batches"], columns)}


def _columns(keys: Iterable[WindowKey]) -> dict[str, object]:
    wanted = sorted(keys)
    return {"target_ids": [target_id for target_id, _ in wanted], "starts": [start for _, start in wanted]}
