"""Writes down what a transaction did: runs, batches, outbox, windows and targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Context, Decimal
from types import MappingProxyType
from typing import Any

import msgspec

from storage.database import Connection
from storage.sql import load
from storage.writer.readings import Readings
from storage.writer.settlement import Settlement
from storage.writer.state import Admitted, NewBatch, NewReport, RunState
from telemetry.batch import ApiUse, Batch
from telemetry.redact import redact

_SQL = load("writer_ledger")
_EXACT = Context(prec=1000)
_json = msgspec.json.Encoder()
_NO_REPORT: Mapping[str, object] = MappingProxyType(
    {
        "reported_at": None,
        "finished_at": None,
        "outcome": None,
        "batches_expected": None,
        "calls": 0,
        "throttles": 0,
        "api_cost_usd": None,
        "apis": (),
        "unknown_prices": 0,
        "error": "",
        "partial": "",
        "permission": "",
        "refused": False,
    }
)


def count_in(admitted: Admitted) -> None:
    """Count the new batches in the state of their runs."""
    for new in admitted.batches:
        new.run.batches_committed += 1
        new.run.records_committed += new.batch.record_count


def save_runs(connection: Connection, admitted: Admitted, now: datetime) -> None:
    """Make or update the rows of the runs that something is new of."""
    changed = {run.run_id: run for run in admitted.touched_runs()}
    if not changed:
        return
    reports = {new.run.run_id: new for new in admitted.reports}
    rows = [_row(run, reports.get(run.run_id), now) for run in changed.values()]
    connection.execute(_SQL["upsert_runs"], {"rows": _as_json(rows)})


def save_batches(connection: Connection, readings: Sequence[Readings], destinations: Sequence[str]) -> None:
    """Note the batches, in the order in which they came, and put each into the outbox of every destination."""
    if not readings:
        return
    batches = [item.new for item in readings]
    columns: dict[str, Any] = {
        "run_ids": [new.run.run_id for new in batches],
        "numbers": [new.batch.number for new in batches],
        "records": [new.batch.record_count for new in batches],
        "keys": [item.key_set.pack() for item in readings],
    }
    connection.execute(_SQL["insert_batches"], columns)
    batches = [new for new in batches if not _is_for_nobody(new.batch)]
    if destinations and batches:
        columns = {
            "run_ids": [new.run.run_id for new in batches],
            "numbers": [new.batch.number for new in batches],
        }
        # From here on nobody else writes for these targets: ids of the outbox come in the order of commits.
        connection.execute(_SQL["lock_targets"], {"target_ids": sorted({new.run.target_id for new in batches})})
        connection.execute(_SQL["insert_outbox"], columns | _outbox_columns(batches, destinations))


def save_settlement(connection: Connection, settlement: Settlement) -> None:
    """Write the windows back, and what is known of their targets' permissions."""
    if not settlement.touched:
        return
    connection.execute(_SQL["save_windows"], {"windows": _as_json(settlement.touched)})
    if settlement.allowed or settlement.denied:
        judged = {"allowed": sorted(settlement.allowed), "denied": sorted(settlement.denied)}
        locked = {target_id for (target_id,) in connection.execute(_SQL["lock_judged"], judged)}
        if allowed := sorted(locked & settlement.allowed.keys()):
            connection.execute(_SQL["allow_targets"], {"target_ids": allowed})
    if settlement.denied:
        denials = [settlement.denied[target_id] for target_id in sorted(settlement.denied)]
        columns = {
            "target_ids": sorted(settlement.denied),
            "denied_until": [denial.until for denial in denials],
            "errors": [denial.error for denial in denials],
            "permissions": [denial.permission for denial in denials],
        }
        connection.execute(_SQL["deny_targets"], columns)


def _as_json(rows: Sequence[object]) -> str:
    """Many rows as one parameter: it is made, and read by the server, faster than an array for each of many columns."""
    return _json.encode(rows).decode()


def _row(run: RunState, reported: NewReport | None, now: datetime) -> dict[str, object]:
    """A run as the statement takes it, with what its report says where that is new."""
    counted = {
        "run_id": run.run_id,
        "target_id": run.target_id,
        "window_start": run.window_start,
        "window_end": run.window_end,
        "attempt": run.attempt,
        "started_at": run.started_at,
        "batches_committed": run.batches_committed,
        "records_committed": run.records_committed,
    }
    return {**counted, **(_NO_REPORT if reported is None else _report(reported, now))}


def _is_for_nobody(batch: Batch) -> bool:
    """Whether it tells of nothing but deliveries that were seen, or recommendations, which no destination has."""
    if batch.record_count != len(batch.deliveries) + len(batch.recommendations):
        return False
    return bool(batch.recommendations) or (bool(batch.deliveries) and batch.number == 1 and batch.final)


def _outbox_columns(batches: Sequence[NewBatch], destinations: Sequence[str]) -> dict[str, list[Any]]:
    return {
        "target_ids": [new.run.target_id for new in batches],
        "bodies": [new.body for new in batches],
        "destinations": list(destinations),
    }


def _report(new: NewReport, now: datetime) -> dict[str, object]:
    report = new.report
    return {
        "reported_at": now,
        "finished_at": report.finished_at,
        "outcome": report.outcome.value,
        "batches_expected": report.batches,
        "calls": sum(use.calls for use in report.apis),
        "throttles": sum(use.throttles for use in report.apis),
        "api_cost_usd": _cost(report.apis),
        "apis": [_use(use) for use in report.apis],
        "unknown_prices": report.unknown_prices,
        "error": report.error and redact(report.error),
        "partial": new.run.partial,
        "permission": new.run.permission,
        "refused": new.run.refused,
    }


def _cost(apis: Sequence[ApiUse]) -> Decimal | None:
    """What the calls cost; None where the price of one is not known, since then the sum is not known either."""
    total = Decimal(0)
    for use in apis:
        if use.cost_usd is None:
            return None
        total = _EXACT.add(total, use.cost_usd)
    return total


def _use(use: ApiUse) -> dict[str, object]:
    # Money as text: a number of JSON may become a float on its way.
    cost = None if use.cost_usd is None else str(use.cost_usd)
    return {"api": use.api, "calls": use.calls, "throttles": use.throttles, "cost_usd": cost}
