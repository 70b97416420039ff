"""Writes down what a transaction did: runs, batches, outbox, windows and targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Context, Decimal
from typing import Any

from psycopg.types.json import Jsonb

from storage.database import Connection
from storage.sql import load
from storage.writer.readings import Readings
from storage.writer.settlement import Settlement
from storage.writer.state import Admitted, NewBatch, NewReport, RunState
from telemetry.batch import ApiUse
from telemetry.redact import redact

_SQL = load("writer_ledger")
_EXACT = Context(prec=1000)


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
    connection.execute(_SQL["upsert_runs"], _run_columns(list(changed.values())))
    if admitted.reports:
        with connection.cursor() as cursor:
            cursor.executemany(_SQL["report_run"], [_report(new, now) for new in admitted.reports])


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
    if destinations:
        connection.execute(_SQL["insert_outbox"], columns | _outbox_columns(batches, destinations))


def save_settlement(connection: Connection, settlement: Settlement) -> None:
    """Write the windows back, and what is known of their targets' permissions."""
    if not settlement.touched:
        return
    with connection.cursor() as cursor:
        cursor.executemany(_SQL["save_window"], [asdict(window) for window in settlement.touched])
    if settlement.allowed:
        connection.execute(_SQL["allow_targets"], {"target_ids": sorted(settlement.allowed)})
    for target_id, denial in sorted(settlement.denied.items()):
        values = {"target_id": target_id, "denied_until": denial.until}
        connection.execute(_SQL["deny_target"], values | {"error": denial.error, "permission": denial.permission})


def _run_columns(runs: Sequence[RunState]) -> dict[str, list[Any]]:
    return {
        "run_ids": [run.run_id for run in runs],
        "target_ids": [run.target_id for run in runs],
        "starts": [run.window_start for run in runs],
        "ends": [run.window_end for run in runs],
        "attempts": [run.attempt for run in runs],
        "started_at": [run.started_at for run in runs],
        "batches": [run.batches_committed for run in runs],
        "records": [run.records_committed for run in runs],
    }


def _outbox_columns(batches: Sequence[NewBatch], destinations: Sequence[str]) -> dict[str, list[Any]]:
    return {
        "target_ids": [new.run.target_id for new in batches],
        "bodies": [new.body for new in batches],
        "destinations": list(destinations),
    }


def _report(new: NewReport, now: datetime) -> dict[str, object]:
    report = new.report
    return {
        "run_id": new.run.run_id,
        "now": now,
        "finished_at": report.finished_at,
        "outcome": report.outcome.value,
        "batches": report.batches,
        "calls": sum(use.calls for use in report.apis),
        "throttles": sum(use.throttles for use in report.apis),
        "api_cost_usd": _cost(report.apis),
        "apis": Jsonb([_use(use) for use in report.apis]),
        "unknown_prices": report.unknown_prices,
        "error": redact(report.error),
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
