"""Reads a pinned delivery whole and proves it: bytes and rows are those that were promised."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from decimal import Context as DecimalContext
from decimal import Decimal, Inexact

from agents.core.bills.folding import Granularity, fold
from agents.core.bills.layouts import LayoutFor
from agents.core.bills.pieces import Shelf
from agents.core.bills.pinned import Pinned
from agents.core.bills.stores import ObjectStore
from agents.core.bills.tables import Table, open_tables
from agents.core.context import Context
from telemetry.costs import CostLine
from telemetry.deliveries import DeliveredFile, Delivery, DeliveryState
from telemetry.errors import CollectionFailed
from telemetry.records import Record
from telemetry.target import Window

Row = Sequence[str | None]
"""The texts of a row, in the order of the columns; None where nothing stands there."""
MakerFor = Callable[[tuple[str, ...]], Callable[[Row], Record]]

_EXACT = DecimalContext(prec=2000, traps=[Inexact])


class Unproven(CollectionFailed):
    """A delivery is not what was promised. It may still be on its way, so another attempt is worth it."""

    transient = True


def read_delivery(
    context: Context,
    store: ObjectStore,
    pinned: Pinned,
    layout_for: LayoutFor,
    window: Window,
    *,
    granularity: Granularity = "daily",
) -> Iterator[CostLine | Delivery]:
    """The lines of a delivery, and last of all one Delivery that says what was read.

    Raises telemetry.errors.CollectionFailed (transient where another attempt may mend it) before the first line, where
    a file is missing, torn or replaced, or has other bytes or rows than were promised. A delivery without files, or
    without rows, is complete and empty.
    """
    _check_files(store, pinned)
    size = sum(file.entry.size for file in pinned.files)
    with closing(Shelf()) as shelf:
        by_file = [open_tables(file, store, shelf) for file in pinned.files]
        every = [table for tables in by_file for table in tables]

        def check() -> int:
            for file, tables in zip(pinned.files, by_file, strict=True):
                _checked(f"{store.url}/{file.entry.key}", _rows(tables), file.rows)
            return _checked(store.url, _rows(every), pinned.rows)

        lines = fold(every, layout_for, window, granularity, context)
        yield from _proven(lines, pinned, window, check, size)


def read_tables(
    context: Context,
    tables: Sequence[Table],
    pinned: Pinned,
    layout_for: LayoutFor,
    window: Window,
    *,
    granularity: Granularity = "daily",
) -> Iterator[CostLine | Delivery]:
    """The same of tables that come from an API, not from files; ``pinned.rows`` is what they have together."""
    lines = fold(tables, layout_for, window, granularity, context)
    where = ", ".join(table.name for table in tables[:3])
    yield from _proven(lines, pinned, window, lambda: _checked(where, _rows(tables), pinned.rows), None)


def read_rows(
    context: Context, store: ObjectStore, pinned: Pinned, maker_for: MakerFor, window: Window
) -> Iterator[Record]:
    """A record of each row of a delivery that is no bill, and last of all one Delivery that says what was read.

    ``maker_for`` is given the names of a file's columns, and makes what makes a record of the texts of a row. What is
    wrong with a file raises telemetry.errors.CollectionFailed, before the run is whole.
    """
    _check_files(store, pinned)
    with closing(Shelf()) as shelf:
        by_file = [open_tables(file, store, shelf) for file in pinned.files]
        for file, tables in zip(pinned.files, by_file, strict=True):
            for table in tables:
                make = maker_for(table.columns)
                for batch in table.batches(range(len(table.columns))):
                    context.check_deadline()
                    yield from map(make, zip(*(column.to_pylist() for column in batch.columns), strict=True))
            _checked(f"{store.url}/{file.entry.key}", _rows(tables), file.rows)
    rows = _checked(store.url, sum(map(_rows, by_file)), pinned.rows)
    yield _read(pinned, window, rows, sum(file.entry.size for file in pinned.files), {})


def _proven(
    lines: Iterator[CostLine], pinned: Pinned, window: Window, check: Callable[[], int], size: int | None
) -> Iterator[CostLine | Delivery]:
    """``check`` gives the rows that were read, or raises."""
    totals: dict[str, Decimal] = {}
    first = next(lines, None)  # behind the last row of the last file
    rows = check()
    while first is not None:
        if first.billed_cost is not None:
            totals[first.currency] = _EXACT.add(totals.get(first.currency, Decimal(0)), first.billed_cost)
        yield first
        first = next(lines, None)
    yield _read(pinned, window, rows, size, totals)


def _read(pinned: Pinned, window: Window, rows: int, size: int | None, totals: dict[str, Decimal]) -> Delivery:
    return Delivery(
        state=DeliveryState.READ,
        period_start=window.start,
        period_end=window.end,
        version=pinned.version,
        submitted_at=pinned.submitted_at,
        files=[
            DeliveredFile(name=file.entry.key, size=file.entry.size, etag=file.entry.etag, rows=file.rows)
            for file in pinned.files
        ],
        rows_read=rows,
        bytes_read=size,
        totals=totals,
    )


def _check_files(store: ObjectStore, pinned: Pinned) -> None:
    keys = [file.entry.key for file in pinned.files]
    if len(set(keys)) < len(keys):
        raise CollectionFailed(f"{store.url}: the manifest names a file twice")
    for file in pinned.files:
        if file.bytes is not None and file.entry.size != file.bytes:
            where = f"{store.url}/{file.entry.key}"
            raise Unproven(f"{where}: it has {file.entry.size} bytes of {file.bytes} that were promised")
    size = sum(file.entry.size for file in pinned.files)
    if pinned.bytes is not None and size != pinned.bytes:
        raise Unproven(f"{store.url}: the files have {size} bytes of {pinned.bytes} that were promised")


def _checked(where: str, rows: int, promised: int | None) -> int:
    if promised is not None and rows != promised:
        raise Unproven(f"{where}: {rows} rows were read of {promised} that were promised")
    return rows


def _rows(tables: Sequence[Table]) -> int:
    return sum(table.rows for table in tables)
