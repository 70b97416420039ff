"""Deliveries of bills in a folder, and what comes of reading them."""

import csv
import gzip
import io
import time
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import zstandard
from pyarrow import parquet

from agents.core.bills.focus import focus_layout
from agents.core.bills.folding import Granularity
from agents.core.bills.layouts import LayoutFor
from agents.core.bills.pinned import Pinned, PinnedFile, file_kind
from agents.core.bills.proving import read_delivery
from agents.core.bills.stores import open_store
from agents.core.context import Context, Shared
from agents.core.meter import Meter
from telemetry.costs import CostLine
from telemetry.deliveries import Delivery
from telemetry.settings import Settings
from telemetry.settings.providers import Account
from telemetry.target import Window

MAY = Window(datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC))
BASE = {
    "BillingCurrency": "USD",
    "BilledCost": "1",
    "ChargePeriodStart": "2026-05-03T04:00:00Z",
    "ChargePeriodEnd": "2026-05-03T05:00:00Z",
}
"""A line of FOCUS of which only what has to be there is told."""


@dataclass(frozen=True)
class Bill:
    """What was read."""

    lines: list[CostLine]
    delivery: Delivery
    context: Context


def context(seconds: float = 60.0) -> Context:
    """Of a collection that has begun just now."""
    shared = Shared(Settings.model_validate({"generic": {}}))
    account = Account(name="default", regions=(), services=(), queue="collect.generic")
    return Context(shared, account, Meter(), time.monotonic() + seconds)


def text_of(rows: Iterable[Mapping[str, str]], columns: Sequence[str] = ()) -> bytes:
    """CSV with a header."""
    listed = list(rows)
    out = io.StringIO()
    writer = csv.DictWriter(
        out, columns or list(dict.fromkeys(name for row in listed for name in row)), lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(listed)
    return out.getvalue().encode()


def focus(*changes: Mapping[str, str]) -> bytes:
    """A CSV file of FOCUS: a line for each of these, which are told beside BASE."""
    return text_of([{**BASE, **change} for change in changes])


def as_parquet(rows: Sequence[Mapping[str, object]], **options: Any) -> bytes:
    """The same rows in Parquet, with the types of their values."""
    out = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist([dict(row) for row in rows]), out, **options)
    return out.getvalue()


def zipped(**members: bytes) -> bytes:
    """An archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(zipfile.ZipInfo(f"{name}.csv"), body, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def gzipped(body: bytes) -> bytes:
    """Packed at no time at all."""
    return gzip.compress(body, mtime=0)


PACKED: Mapping[str, Callable[[bytes], bytes]] = {
    "csv": lambda body: body,
    "csv.gz": gzipped,
    "csv.zip": lambda body: zipped(bill=body),
    "csv.zst": zstandard.compress,
}


def read(
    folder: Path,
    files: Mapping[str, bytes],
    *,
    layout: LayoutFor = focus_layout,
    rows: Mapping[str, int] | None = None,
    granularity: Granularity = "daily",
) -> Bill:
    """Write the files into a folder, and read them as a delivery of May; ``rows`` are those promised of a file."""
    for name, body in files.items():
        (folder / name).write_bytes(body)
    where, store_of = context(), f"file://{folder}"
    store = open_store(store_of, where)
    entries = {entry.key: entry for entry in store.list("")}
    pinned = []
    for name in files:
        kind, compression = file_kind(name)
        promised = (rows or {}).get(name)
        pinned.append(PinnedFile(entry=entries[name], format=kind, compression=compression, rows=promised))
    delivery = Pinned(version="1", files=tuple(pinned))
    *lines, last = read_delivery(where, store, delivery, layout, MAY, granularity=granularity)
    assert isinstance(last, Delivery)
    return Bill([line for line in lines if isinstance(line, CostLine)], last, where)
