"""Deliveries of bills: what was seen opens windows of the target that reads it, and what was read proves runs.

A target that looks for deliveries touches the one target that its provider, account and part have of the service that
reads them, and no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from storage.database import Connection
from storage.sql import load
from storage.writer.messages import Received
from storage.writer.state import Admitted, NewBatch, WindowKey
from telemetry.batch import Batch
from telemetry.deliveries import DeliveredFile, Delivery, DeliveryState
from telemetry.redact import redact
from telemetry.target import Target

_SQL = load("writer_deliveries")
_json = msgspec.json.Encoder(decimal_format="number")  # jsonb keeps every digit of a number


class KnownTarget(NamedTuple):
    """A target of the ledger."""

    target_id: int
    #: Deliveries of bills open its windows.
    delivered: bool


def reader_of(looking: Target, delivery: Delivery) -> Target:
    """The target that reads what ``looking`` has seen."""
    return Target(looking.provider, looking.account, looking.region, delivery.service)


def readers(received: Iterable[Received]) -> set[Target]:
    """The targets that read what these messages tell of."""
    return {reader_of(batch.run.target, one) for batch in _batches(received) for one in batch.deliveries if one.service}


def windows_of(received: Iterable[Received], targets: Mapping[Target, KnownTarget]) -> Iterator[WindowKey]:
    """The windows that these messages may make due: to be locked with those of the messages themselves."""
    for batch in _batches(received):
        for one in batch.deliveries:
            known = targets.get(reader_of(batch.run.target, one)) if one.state is DeliveryState.SEEN else None
            if known is not None and known.delivered:
                yield known.target_id, one.period_start


def fault_of(batch: Batch, targets: Mapping[Target, KnownTarget]) -> str:
    """Why a batch cannot tell of these deliveries; empty where it can. A reader that is not planned yet is no fault."""
    run = batch.run
    for one in batch.deliveries:
        if one.state is DeliveryState.READ:
            if not targets[run.target].delivered:
                return f"{run.target} reads no deliveries of bills"
            if (one.period_start, one.period_end) != (run.window.start, run.window.end):
                return f"{run.target} {run.window}: a delivery of {one.period_start} to {one.period_end} was read"
            continue
        reader = reader_of(run.target, one)
        known = targets.get(reader)
        if known is not None and not known.delivered:
            return f"{run.target} tells of deliveries that {reader} reads, and it reads none"
    return ""


def store_deliveries(connection: Connection, admitted: Admitted, now: datetime) -> list[WindowKey]:
    """Keep what new batches tell of deliveries, and open the windows that lack; returns those that were seen.

    The runs have their rows, and the windows are locked.
    """
    told = [(new, one) for new in admitted.batches for one in new.batch.deliveries]
    if not told:
        return []
    rows = [row for new, one in told if (row := _row(admitted, new, one, now)) is not None]
    with connection.cursor() as cursor:
        for row in sorted(rows, key=lambda row: (row["target_id"], row["period_start"], row["version"])):
            cursor.execute(_SQL["see" if row["read_at"] is None else "read"], row)
        for row in rows:
            if row["read_at"] is not None:
                cursor.execute(_SQL["note_version"], row)
    seen = {(row["target_id"], row["period_start"]): row for row in rows if row["version"] and row["read_at"] is None}
    keys = sorted(seen)
    ends = {"ends": [seen[key]["period_end"] for key in keys]}
    connection.execute(_SQL["open"], {**_columns(keys), **ends, "now": now})
    return keys


def prove(connection: Connection, admitted: Admitted) -> None:
    """Say of each run of a delivered target whether it has read its delivery whole: else it settles nothing."""
    runs = [run for run in admitted.runs.values() if run.target_id in admitted.delivered]
    if not runs:
        return
    found = connection.execute(_SQL["proofs"], {"run_ids": [run.run_id for run in runs]})
    proofs: dict[UUID, datetime | None] = dict(found.fetchall())
    for run in runs:
        run.unproven, run.submitted_at = run.run_id not in proofs, proofs.get(run.run_id)


def owe(connection: Connection, seen: Sequence[WindowKey], settled: Sequence[WindowKey], now: datetime) -> None:
    """Make windows due again whose newest version is not the one that was read; last of what changes windows."""
    for keys, is_seen in ((seen, True), (settled, False)):
        if keys:
            connection.execute(_SQL["owe"], {**_columns(keys), "seen": is_seen, "now": now})


def _row(admitted: Admitted, new: NewBatch, one: Delivery, now: datetime) -> dict[str, Any] | None:
    run, batch = new.run, new.batch
    target_id: int | None = run.target_id
    if one.state is not DeliveryState.READ:
        target_id = admitted.readers.get(reader_of(batch.run.target, one))
    if target_id is None:
        return None  # not planned yet: the next look tells it again
    # Nothing was seen, or written, in the future: a clock that is ahead would outdo all that comes.
    seen_at = min(run.started_at, now)
    is_read = one.state is DeliveryState.READ
    return {
        "target_id": target_id,
        "period_start": one.period_start,
        "period_end": one.period_end,
        "version": one.version,
        "submitted_at": None if one.submitted_at is None else min(one.submitted_at, seen_at),
        "seen_at": seen_at,
        "files": _encode(one.files and [_file(file) for file in one.files]),
        "reason": redact(one.reason),
        "read_at": batch.collected_at if is_read else None,
        "run_id": run.run_id,
        "rows_read": one.rows_read,
        "bytes_read": one.bytes_read,
        "totals": _encode(one.totals),
    }


def _file(file: DeliveredFile) -> dict[str, Any]:
    told = {"name": redact(file.name), "size": file.size, "etag": file.etag, "rows": file.rows}
    return {name: value for name, value in told.items() if value not in {None, ""}}


def _encode(value: object) -> str:
    return _json.encode(value).decode()


def _batches(received: Iterable[Received]) -> Iterator[Batch]:
    return (item.message for item in received if isinstance(item.message, Batch) and item.message.deliveries)


def _columns(keys: Sequence[WindowKey]) -> dict[str, Any]:
    return {"target_ids": [target_id for target_id, _ in keys], "starts": [start for _, start in keys]}
