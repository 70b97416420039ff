"""Reads one file of a bill as a delivery, by hand: the same reader and proof, and the same way into the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

from agents.core.bills.focus import focus_layout, in_period, of_providers
from agents.core.bills.layouts import Columns, Layout
from agents.core.bills.pinned import Pinned, PinnedFile, file_kind
from agents.core.bills.proving import read_delivery
from agents.core.bills.stores import open_store
from agents.core.context import Context, Shared
from agents.core.meter import Meter
from agents.core.service import services
from storage.bill_import import Totals, begin_import, is_configured, totals
from storage.database import Connection
from storage.writer import Received, Written, rehearsal, write
from telemetry.batch import Message, Outcome, Report, Run
from telemetry.builder import build_batches
from telemetry.codec import encode
from telemetry.costs import CostLine
from telemetry.deliveries import Delivery
from telemetry.errors import CollectionFailed
from telemetry.settings import Account, Settings
from telemetry.target import Target, Window

_DEADLINE = timedelta(hours=6)
_AT_ONCE = 20
"""Batches of one transaction."""


class Import(NamedTuple):
    """A file, and whose bill of which period it is."""

    url: str
    target: Target
    window: Window


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


def reader_of(provider: str) -> str:
    """The service of a provider that reads files of bills; LookupError where it has none."""
    readers = [name for (of, name), one in services().items() if of == provider and one.delivered]
    if not readers:
        known = sorted({of for (of, _), one in services().items() if one.delivered})
        raise LookupError(f"{provider} has no service that reads files of bills; {', '.join(known)} have one")
    return readers[0]


def url_of(text: str) -> str:
    """The URL of a path, or of what is a URL already."""
    return text if "://" in text else Path(text).absolute().as_uri()


def bring(connection: Connection, settings: Settings, asked: Import, now: datetime, *, dry_run: bool) -> Imported:
    """Read the file and make it the bill of its period, or see what that would change.

    CollectionFailed where the file is none, is not as it says, or has rows of other periods alone; ValueError where the
    target is configured.
    """
    if is_configured(connection, asked.target):
        raise ValueError(f"{asked.target} is configured: what its export delivers would take the place of the file")
    # The first record comes behind the last row of the file: what cannot be read whole touches nothing.
    meter = Meter()
    records = _records(settings, asked, now, meter)
    first = next(records)
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
    folder, _, name = urlsplit(asked.url).path.rpartition("/")
    name = unquote(name)
    account = Account(name=asked.target.account, regions=(), services=(), queue="import")
    deadline = time.monotonic() + _DEADLINE.total_seconds()
    context = Context(Shared(settings), account, meter, deadline)
    store = open_store(urlunsplit(urlsplit(asked.url)._replace(path=folder or "/")), context)
    try:
        entry = store.head(f"{store.prefix}/{name}".strip("/"))
        try:
            kind, compression = file_kind(name)
        except ValueError as error:
            raise CollectionFailed(str(error)) from None
        file = PinnedFile(entry=entry, format=kind, compression=compression)
        version = sha256(f"{asked.url} {entry.etag} {entry.size} {now.isoformat()}".encode()).hexdigest()
        pinned = Pinned(version=version, files=(file,), submitted_at=entry.modified)

        def layout(columns: Columns) -> Layout:
            return in_period(of_providers(focus_layout(columns)), columns, asked.window)

        yield from read_delivery(context, store, pinned, layout, asked.window)
    finally:
        store.close()


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
