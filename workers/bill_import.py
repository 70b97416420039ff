"""Reads files of a bill as a delivery, by hand: the same reader and proof, and the same way into the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Context as DecimalContext
from decimal import Decimal, Inexact
from itertools import chain, islice
from typing import NamedTuple

from agents.core.bills.bill_layouts import BillLayout, choose
from agents.core.bills.layouts import Columns, Layout
from agents.core.bills.proving import read_delivery
from agents.core.bills.stores import ObjectStore, open_store
from agents.core.context import Context
from agents.core.meter import Meter
from storage.bill_import import Totals, begin_import, is_configured, totals
from storage.database import Connection
from storage.writer import Received, Written, rehearsal, write
from telemetry.amounts import MAX_DIGITS, in_digits, is_bounded
from telemetry.batch import Message, Outcome, Report, Run
from telemetry.builder import build_batches
from telemetry.closest import did_you_mean
from telemetry.codec import encode
from telemetry.costs import CostLine
from telemetry.deliveries import Delivery
from telemetry.errors import CollectionFailed, Denied
from telemetry.settings import Settings
from telemetry.target import Target, Window
from workers.bill_access import Access, access_of, context_of, reader_of
from workers.brought_files import locate, pin

_DEADLINE = timedelta(hours=6)
_EXACT = DecimalContext(prec=2000, traps=[Inexact])
_AT_ONCE = 20
"""Batches of one transaction."""


class Import(NamedTuple):
    """Files, and whose bill of which period they are."""

    urls: tuple[str, ...]
    target: Target
    window: Window
    #: The name of one that the provider reads; empty: the columns tell.
    layout: str = ""
    #: Whose they are: ``aws/payer``; empty: the target's account's, if it is configured.
    credentials: str = ""


class Imported(NamedTuple):
    """What came of it, or would."""

    rows: int
    #: Of these: they are of other billing periods, and left out.
    rows_of_other_periods: int
    lines: int
    before: Totals
    after: Totals
    #: What is missing from it, a reason each.
    missing: tuple[str, ...]


def bring(connection: Connection, settings: Settings, asked: Import, now: datetime, *, dry_run: bool) -> Imported:
    """Read the files and make them the bill of their period, or see what that would change.

    CollectionFailed where they are none, are not as they say, or have rows of other periods alone; ValueError where the
    target is configured, LookupError where the credentials are not.
    """
    if is_configured(connection, asked.target):
        raise ValueError(f"{asked.target} is configured: what its export delivers would take the place of the file")
    # The first record comes behind the last row of the file: what cannot be read whole touches nothing.
    meter = Meter()
    records = _records(settings, asked, now, meter)
    first = next(records)
    if isinstance(first, Delivery) and not first.rows_read:
        raise CollectionFailed(
            f"{', '.join(asked.urls)[-300:]}: it has no rows, so the bill of {asked.window.start:%Y-%m} would be empty:"
            " bring a file with rows"
        )
    if isinstance(first, Delivery) and first.rows_read:
        if meter.lacking("amounts"):
            raise CollectionFailed(
                f"no row of {asked.window.start:%Y-%m} tells an amount: {'; '.join(meter.missing())}"
            )
        raise CollectionFailed(
            f"none of the file's rows ({first.rows_read:,}) is of {asked.window.start:%Y-%m}: name the month that"
            " it is of with --period"
        )
    whole = chain([first], records)
    if dry_run:
        with rehearsal(connection, now=now) as rehearse:
            return _put(connection, asked, now, whole, rehearse, meter=meter)

    def put(received: Sequence[Received]) -> Written:
        return write(connection, received, destinations=(), now=now)

    return _put(connection, asked, now, whole, put, meter=meter)


def _records(settings: Settings, asked: Import, now: datetime, meter: Meter) -> Iterator[CostLine | Delivery]:
    access = access_of(settings, asked.target, asked.credentials)
    deadline = time.monotonic() + _DEADLINE.total_seconds()
    context = context_of(settings, asked.target, access, meter, deadline)
    brought = locate(asked.urls)
    try:
        with closing(_opened(context, access, brought.folder, asked)) as store:
            pinned, kind = pin(store, brought, asked.window, now)
            picked = _Picked(_layouts(asked, kind), asked.window)
            sums = _Sums(asked)
            for record in read_delivery(context, store, pinned, picked.layout, asked.window):
                yield picked.finished(sums.checked(record)) if isinstance(record, CostLine) else record
    except Denied as error:
        if asked.credentials:
            raise
        raise Denied(f"{error}: name whose credentials read it with --credentials", error.permission) from None


class _Sums:
    """What lines cost together: a sum of more digits than are kept is found at the line that makes it so."""

    def __init__(self, asked: Import) -> None:
        self._asked = asked
        self._of: dict[str, Decimal] = {}

    def checked(self, line: CostLine) -> CostLine:
        cost = line.billed_cost
        if cost is not None:
            total = self._of[line.currency] = _EXACT.add(self._of.get(line.currency, Decimal(0)), cost)
            if not is_bounded(total):
                where = ", ".join(self._asked.urls)[-300:]
                raise CollectionFailed(
                    f"{where}: a charge of {line.service_name or 'no service'} on {line.start:%Y-%m-%d} costs"
                    f" {in_digits(cost)} {line.currency}: it is too large, or has too many digits, to be added to the"
                    f" others: at most {MAX_DIGITS} digits together"
                )
        return line


def _opened(context: Context, access: Access | None, url: str, asked: Import) -> ObjectStore:
    if access is not None:
        return access.open(context, url, asked=bool(asked.credentials))
    return open_store(url, context)


def _layouts(asked: Import, kind: str) -> Sequence[BillLayout]:
    """Those that the file may be in: the one that is asked for, the one that its manifest names, or any."""
    every = reader_of(asked.target.provider).bill_layouts()
    if asked.layout:
        found = [one for one in every if one.name == asked.layout]
        if not found:
            meant = did_you_mean(asked.layout, [one.name for one in every])
            raise ValueError(f"--layout {asked.layout}: {asked.target.provider} reads no such layout; {meant}")
        return found
    return [one for one in every if kind and kind in one.kinds] or every


class _Picked:
    """The layout that the files turn out to be in."""

    def __init__(self, layouts: Sequence[BillLayout], window: Window) -> None:
        self._layouts = layouts
        self._window = window
        self._found: BillLayout | None = None

    def layout(self, columns: Columns) -> Layout:
        """Asked of the columns of each file, and of all of them in the end."""
        found = choose(self._layouts, columns.names)
        if self._found is not None and self._found is not found:
            raise CollectionFailed(
                f"some files are in the layout {self._found.name}, some in {found.name}: bring one kind"
            )
        self._found = found
        return found.of(columns, self._window)

    def finished(self, line: CostLine) -> CostLine:
        """With what follows from its sums."""
        return line if self._found is None else self._found.finished(line)


def _put(
    connection: Connection,
    asked: Import,
    now: datetime,
    records: Iterator[CostLine | Delivery],
    put: Callable[[Sequence[Received]], Written],
    *,
    meter: Meter,
) -> Imported:
    before = totals(connection, asked.target.provider, asked.window)
    attempt = begin_import(connection, asked.target, asked.window, now)
    run = Run.start(asked.target, asked.window, attempt, now)
    told = _Told()
    seen = (told.noted(record) for record in records)
    batches = build_batches(run, seen, now, missing=meter.missing)
    count = lines = 0
    while some := list(islice(batches, _AT_ONCE)):
        _check(put([_received(batch) for batch in some]))
        count, lines = count + len(some), lines + sum(len(batch.costs) for batch in some)
    report = Report(run, Outcome.COMPLETE, count, lines + 1, now, [], partial=meter.missing())
    _check(put([_received(report)]))
    after = totals(connection, asked.target.provider, asked.window)
    others = told.rows - told.folded - meter.lacking("amounts")
    return Imported(told.rows, others, lines, before, after, meter.missing())


@dataclass
class _Told:
    """What the records tell of rows, as they go by."""

    rows: int = 0
    folded: int = 0

    def noted(self, record: CostLine | Delivery) -> CostLine | Delivery:
        if isinstance(record, Delivery):
            self.rows = record.rows_read or 0
        else:
            self.folded += record.lines
        return record


def _received(message: Message) -> Received:
    return Received(message, encode(message))


def _check(written: Written) -> None:
    for one in written.rejected:
        raise CollectionFailed(f"the ledger does not take it: {one.reason}")
