"""Lines of costs into their table: beside those of the other runs of the window, none of which they replace.

Which run counts is the ledger's to say (``collections.settled_run``), so the order of arrival means nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from storage.database import Connection
from storage.sql import load
from storage.writer.state import NewBatch
from telemetry.costs import CostLine

_SQL = load("writer_costs")
_json = msgspec.json.Encoder(decimal_format="number")  # jsonb keeps every digit of a number


def store_costs(connection: Connection, batches: Iterable[NewBatch]) -> None:
    """Write the lines of batches that are not committed yet, and whose runs have their rows."""
    batches = [new for new in batches if new.batch.costs]
    if not batches:
        return
    with connection.cursor() as cursor, cursor.copy(_SQL["copy_cost_lines"]) as copy:
        for row in _rows(batches):
            copy.write_row(row)


def _rows(batches: Iterable[NewBatch]) -> Iterator[tuple[Any, ...]]:
    for new in batches:
        for position, line in enumerate(new.batch.costs):
            yield (new.run.run_id, new.batch.number, position, *_values(line))


def _values(line: CostLine) -> tuple[Any, ...]:
    return (
        line.breakdown,
        line.start,
        line.end,
        line.currency,
        line.billed_cost,
        line.effective_cost,
        line.list_cost,
        line.contracted_cost,
        _json.encode(line.amounts).decode(),
        line.charge_category,
        line.charge_class,
        line.charge_type,
        line.charge_description,
        line.service_name,
        line.sub_account_id,
        line.sub_account_name,
        line.region_id,
        line.resource_id,
        line.sku_id,
        line.quantity,
        line.unit,
        _json.encode(line.tags).decode(),
        line.estimated,
    )
