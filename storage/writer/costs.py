"""Lines of costs into their table: beside those of the other runs of the window, none of which they replace.

Which run counts is the ledger's to say (``collections.settled_run``), so the order of arrival means nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from storage.cost_columns import as_copy
from storage.database import Connection
from storage.sql import load
from storage.writer.state import NewBatch

_SQL = load("writer_costs")


def store_costs(connection: Connection, batches: Iterable[NewBatch]) -> None:
    """Write the lines of batches that are not committed yet, and whose runs have their rows."""
    batches = [new for new in batches if new.batch.costs]
    if not batches:
        return
    with connection.cursor() as cursor, cursor.copy(_SQL["copy_cost_lines"]) as copy:
        for new in batches:
            copy.write(as_copy(new.batch.costs, f"{new.run.run_id}\t{new.batch.number}\t"))
    runs = list({new.run.run_id: new.run for new in batches}.values())
    columns: dict[str, Any] = {
        "run_ids": [run.run_id for run in runs],
        "target_ids": [run.target_id for run in runs],
        "starts": [run.window_start for run in runs],
    }
    connection.execute(_SQL["note_bills"], columns)
