"""What bills come to, by day, account, service, region, category and currency: ``finfleet.bill_summaries``.

A summary belongs to the run whose lines it adds up, as the lines do: those of a run never change once it is whole, and
whichever run counts, now or after a restatement, its sums are there. The views apply the rules of ``reporting.costs``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from storage.database import Connection
from storage.sql import load

_SQL = load("bills")

Settled = tuple[tuple[int, datetime], UUID | None]
"""A window, by its target and start, and the run that settled it."""


def summarise(connection: Connection, settled: Sequence[Settled], *, marking: bool = False) -> None:
    """Add up the lines of these runs, in the transaction that says that they count.

    ``marking`` notes the runs without a line of a bill too, so that they are not looked at again.
    """
    columns = columns_of(settled) | {"marking": marking}
    connection.execute(_SQL["forget"], columns)
    connection.execute(_SQL["summarise"], columns)


def columns_of(settled: Sequence[Settled]) -> dict[str, object]:
    """The windows and runs as statements take them."""
    return {
        "target_ids": [target_id for (target_id, _), _ in settled],
        "starts": [start for (_, start), _ in settled],
        "runs": [run for _, run in settled],
    }


def unsummarised(connection: Connection, *, runs: int, lines: int) -> list[Settled]:
    """Some whole runs that nobody has added up yet, locked: at most so many, and one that goes beyond so many lines."""
    rows = connection.execute(_SQL["open"], {"runs": runs, "lines": lines})
    return [((target_id, start), run_id) for target_id, start, run_id in rows]


def note_unknown(connection: Connection, *, limit: int) -> int:
    """Note whole runs with lines that a writer of a former release has written, to be added up; how many."""
    return connection.execute(_SQL["note"], {"limit": limit}).rowcount
