"""Points and rates into their tables. What a newer batch of the window brought is never replaced by an older one.

The batches of a window are ordered by (attempt, start of the run, run, number). Inside a transaction the newest of
equal keys is kept; what is committed of newer batches is left out, by their key sets. So the rows of all batches come
out the same in whatever order and in whatever transactions they arrive.

While a window has rows of one run only, there is nothing to merge with, and points are copied straight into their
table, which is more than twice as fast. Should one be there after all, from a window that overlaps or from the
account under another name, they are merged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from psycopg.errors import UniqueViolation

from storage import locks
from storage.database import Connection
from storage.folding.unfold import ALL_KEYS
from storage.partitions import Partition, Partitions, create
from storage.sql import load
from storage.writer.columns import (
    Keys,
    Values,
    days_of,
    int4s,
    newest,
    point_keys,
    points_as_arrays,
    points_as_copy,
    seconds,
)
from storage.writer.identities import BatchIds
from storage.writer.keysets import KeySet, RateKey, unpack
from storage.writer.state import NewBatch, RunState, WindowKey
from telemetry.batch import Rate

_SQL = load("writer_readings")
_LEDGER = load("writer_ledger")
_DAY = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).date()


@dataclass(slots=True)
class Readings:
    """The points and rates of one batch."""

    new: NewBatch
    keys: Keys
    values: Values
    #: With the type that the resource had then.
    rates: dict[RateKey, tuple[Rate, str]]
    #: Of all of them, before any is left out.
    key_set: KeySet
    #: What newer batches had is forgotten: no row that is there is changed.
    adds_only: bool = False

    def leave_out(self, newer: Sequence[KeySet]) -> None:
        """Leave out what is in one of these."""
        if not newer:
            return
        keep = ~np.isin(self.keys, np.concatenate([key_set.points for key_set in newer]))
        self.keys, self.values = self.keys[keep], self.values[keep]
        self.rates = {
            key: rate for key, rate in self.rates.items() if not any(key in key_set.rates for key_set in newer)
        }


def read(new: NewBatch, ids: BatchIds) -> Readings:
    """The points and rates of a batch whose ids are known."""
    batch = new.batch
    keys = point_keys(ids.series, batch.points.series, batch.points.start)
    rates = {
        (ids.resources[rate.resource], rate.start, rate.period): (rate, batch.resources[rate.resource].type)
        for rate in batch.rates
    }
    keys, values = newest(keys, np.asarray(batch.points.value, dtype=np.float64))
    return Readings(new, keys, values, rates, KeySet(keys, frozenset(rates)))


def store(
    connection: Connection,
    readings: Sequence[Readings],
    runs: Mapping[WindowKey, Sequence[RunState]],
    partitions: Partitions,
    *,
    making: bool = False,
) -> None:
    """Write the rows; PartitionsMissing where a day has no partition yet, or ``making`` it in this transaction."""
    _leave_out_older(connection, readings, runs)
    ordered = sorted(readings, key=lambda item: item.new.order)
    if rest := [item for item in ordered if item.adds_only]:
        _hold_off_folding(connection, rest)
    if making:
        _make(connection, partitions, _partitions(ordered))
    partitions.require(connection, _partitions(ordered))
    alone = {key for key, known in runs.items() if sum(run.batches_committed > 0 for run in known) == 1}
    if adding := [item for item in ordered if item.adds_only]:
        ordered = [item for item in ordered if not item.adds_only]
    _write_points(connection, [item for item in ordered if item.new.run.key in alone], alone=True)
    _write_points(connection, [item for item in ordered if item.new.run.key not in alone], alone=False)
    _write_rates(connection, ordered)
    _write_points(connection, adding, alone=False, statement="add_points")
    _write_rates(connection, adding, statement="add_rates")


def _hold_off_folding(connection: Connection, adding: Sequence[Readings]) -> None:
    """Let nothing of these be folded until the transaction ends; what is being folded now ends first.

    Whether a point or rate is there at all is looked up in both of its places: one that moved meanwhile would be in
    neither, and come again with an older value.
    """
    days = {"days": sorted(day for table, day in _partitions(adding) if table == "points")}
    connection.execute(_SQL["know_days"], days)
    connection.execute(_SQL["hold_days"], days)
    locks.take(connection, locks.RATES)


def _make(connection: Connection, partitions: Partitions, wanted: set[Partition]) -> None:
    """Make these, and let nobody drop one before the transaction ends."""
    connection.execute(_SQL["keep_partitions"])
    create(connection, wanted)
    partitions.forget()


def _leave_out_older(
    connection: Connection, readings: Sequence[Readings], runs: Mapping[WindowKey, Sequence[RunState]]
) -> None:
    late = [item for item in readings if _newer_runs(item.new, runs)]
    if not late:
        return
    wanted = {run.run_id: run for item in late for run in _newer_runs(item.new, runs)}
    rows = connection.execute(_LEDGER["keys_of_runs"], {"run_ids": list(wanted)})
    found = [(wanted[run_id], number, keys) for run_id, number, keys in rows]
    forgotten = {run.run_id for run, _, keys in found if keys == ALL_KEYS}
    stored = [(run, number, unpack(keys)) for run, number, keys in found if keys != ALL_KEYS]
    for item in late:
        item.adds_only = any(run.run_id in forgotten for run in _newer_runs(item.new, runs))
        item.leave_out(
            [
                keys
                for run, number, keys in stored
                if run.key == item.new.run.key and (run.order, number) > item.new.order
            ]
        )


def _newer_runs(new: NewBatch, runs: Mapping[WindowKey, Sequence[RunState]]) -> list[RunState]:
    """Runs of the same window with a committed batch that is newer than this one."""
    return [run for run in runs[new.run.key] if run.last_number and (run.order, run.last_number) > new.order]


def _partitions(readings: Sequence[Readings]) -> set[Partition]:
    keys = [item.keys for item in readings if len(item.keys)]
    days = {("points", day) for day in (days_of(np.concatenate(keys)) if keys else ())}
    days |= {("cost_rates", start // _DAY) for item in readings for _, start, _ in item.rates}
    return {(table, _EPOCH + timedelta(days=day)) for table, day in days}


def _write_points(
    connection: Connection, readings: Sequence[Readings], *, alone: bool, statement: str = "merge_points"
) -> None:
    if not any(len(item.keys) for item in readings):
        return
    keys, values = newest(
        np.concatenate([item.keys for item in readings]), np.concatenate([item.values for item in readings])
    )
    if alone:
        try:
            with connection.transaction(), connection.cursor() as cursor, cursor.copy(_SQL["copy_points"]) as copy:
                copy.write(points_as_copy(keys, values))
        except UniqueViolation:
            pass
        else:
            return
    connection.execute(_SQL[statement], points_as_arrays(keys, values))


def _write_rates(connection: Connection, readings: Iterable[Readings], statement: str = "merge_rates") -> None:
    rates: dict[RateKey, tuple[Rate, str]] = {}
    for item in readings:
        rates |= item.rates
    if not rates:
        return
    keys = sorted(rates)
    rows = [rates[key] for key in keys]
    columns = {
        "resource_id": int4s([resource_id for resource_id, _, _ in keys]),
        "start": seconds([start for _, start, _ in keys]),
        "period": int4s([period for _, _, period in keys]),
        "amount": [rate.amount for rate, _ in rows],
        "currency": [rate.currency for rate, _ in rows],
        "basis": [rate.basis for rate, _ in rows],
        "resource_type": [kind for _, kind in rows],
    }
    connection.execute(_SQL[statement], columns)
