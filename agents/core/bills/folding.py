"""Folds rows to lines: by day, or by hour, and by everything that tells lines apart; sums are exact."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, Literal

from agents.core.bills.fold_sql import plan
from agents.core.bills.folded_lines import Lines
from agents.core.bills.layouts import Columns, LayoutFor, columns_of
from agents.core.bills.libraries import connect_duckdb, need
from agents.core.bills.tables import Table
from agents.core.bills.workspace import workspace
from agents.core.context import Context
from telemetry.costs import CostLine
from telemetry.errors import CollectionError, CollectionFailed
from telemetry.target import Window

if TYPE_CHECKING:
    import pyarrow as pa

Granularity = Literal["daily", "hourly"]

MEMORY = 180_000_000
"""Bytes that sums may take; past them they go to disk."""
A_COLUMN = 450_000
"""Bytes more for each column: the engine holds a piece of every one of them at each of its steps."""
MOST_COLUMNS = 2000
"""Of one bill. It takes the engine as long to plan for ten times as many as a bill is allowed to take."""
DISK = 50_000_000_000
"""Bytes that they may take there."""
_ROWS = 2048
"""Of one step from sums to lines."""
_TABLE = 1 << 40
"""Rows of one table: the number of a row says the table, too."""
_ROW = re.compile(r"row ([0-9]{1,19}): (.+)")
"""What layouts say of a row by error(): its number ``n`` first."""


def fold(
    tables: Sequence[Table], layout_for: LayoutFor, window: Window, granularity: Granularity, context: Context
) -> Iterator[CostLine]:
    """The lines of a bill, whose billing period is ``window``.

    Every row is read before the first line comes, and each once. A charge inside one day (hour) is a part of its day
    (hour); one of another length stays a line with its own period. Rows that tell an amount are not folded with rows
    that do not: a sum lacks no part, and what is not told is None.

    Raises:
        CollectionFailed: where a table is torn, or a time, an amount or a currency is none; it names it.
    """
    columns = columns_of([table.columns for table in tables])
    if not columns.names:
        return
    for names, table in {table.columns: table for table in reversed(tables) if table.columns}.items():
        # What has to be there has to be in each of them: of a table without costs no line would come.
        try:
            layout_for(Columns(names))
        except CollectionFailed as error:
            raise CollectionFailed(f"{table.name}: {error}") from None
    layout = layout_for(columns)
    places = sorted(columns.used) or [0]
    if len(places) > MOST_COLUMNS:
        raise CollectionFailed(f"the files have {len(places)} columns: at most {MOST_COLUMNS} are one bill")
    memory = MEMORY + A_COLUMN * len(places)
    wanted = plan(layout, places, granularity)
    arrow = need("pyarrow")
    feed = _Feed(tables, columns, places, context)
    lines = Lines(wanted, window, context, feed.where)
    schema = arrow.schema([("n", arrow.int64()), *((f"c{place}", arrow.string()) for place in places)])
    with workspace() as folder, closing(connect_duckdb(str(folder), memory, DISK)) as database:
        database.register("source", arrow.RecordBatchReader.from_batches(schema, feed.batches(schema)))
        for batch in _run(database, wanted.query, feed):
            context.check_deadline()
            yield from lines.of(batch)
    lines.conclude()


def _run(database: Any, query: str, feed: _Feed) -> Iterator[pa.RecordBatch]:
    error_of = need("duckdb").Error
    try:
        yield from database.sql(query).to_arrow_reader(_ROWS)
    except (error_of, need("pyarrow").ArrowException, OSError) as error:
        if feed.failure is not None:
            raise feed.failure from None
        text = " ".join(str(error).split())
        if found := _ROW.search(text):
            raise CollectionFailed(f"{feed.where(int(found[1]))}: {found[2]}"[:500]) from None
        raise CollectionFailed(f"the lines cannot be folded: {text[:300]}") from None


class _Feed:
    """The rows of all tables one after the other, with the same columns."""

    def __init__(self, tables: Sequence[Table], columns: Columns, places: Sequence[int], context: Context) -> None:
        self._tables = tables
        self._columns = columns
        self._places = places
        self._context = context
        #: The engine tells of what a file raised in words of its own.
        self.failure: CollectionError | None = None

    def batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        try:
            for number, table in enumerate(self._tables):
                yield from self._of(number, table, schema)
        except CollectionError as error:
            self.failure = error
            raise
        except Exception as error:
            # The engine would tell of it with the lines of our program.
            self.failure = CollectionFailed(f"the rows cannot be read ({type(error).__name__}: {str(error)[:200]})")
            raise

    def where(self, row: int) -> str:
        """The name of the table that a row is in, and which one it is there: the first behind the header is 1."""
        return f"{self._tables[row // _TABLE].name}: row {row % _TABLE:,}"

    def _of(self, number: int, table: Table, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        arrow = need("pyarrow")
        there = self._columns.places_of(table.columns)
        own = {place: there.get(place) for place in self._places}
        for batch in table.batches([place for place in own.values() if place is not None]):
            self._context.check_deadline()
            missing = arrow.nulls(batch.num_rows, arrow.string())
            found = [missing if place is None else batch.column(f"c{place}") for place in own.values()]
            first = number * _TABLE + table.rows - batch.num_rows + 1
            numbers = arrow.py_buffer(array("q", range(first, first + batch.num_rows)))
            rows = arrow.Array.from_buffers(arrow.int64(), batch.num_rows, [None, numbers])
            yield arrow.RecordBatch.from_arrays([rows, *found], schema=schema)
