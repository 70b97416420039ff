"""A delivery as it was when its reading began: what has to be there, unchanged, until the last byte is read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from agents.core.bills.entry import Entry
from telemetry.errors import CollectionFailed

Format = Literal["csv", "parquet", "jsonl"]
Compression = Literal["none", "gzip", "zip", "zstd"]


class PinnedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a delivery, and what was promised of it."""

    entry: Entry
    format: Format
    #: Of the file as a whole. Parquet compresses inside: ``none``.
    compression: Compression = "none"
    #: Rows that the manifest promises; None where it promises none.
    rows: int | None = None
    #: Bytes that the manifest promises; None where it promises none. The size of the entry counts in any case.
    bytes: int | None = None


class Pinned(msgspec.Struct, frozen=True, kw_only=True):
    """A version of one billing period of an export."""

    #: As in telemetry.deliveries.Delivery: the SHA-256 of the manifest, or the change token of a table.
    version: str
    files: tuple[PinnedFile, ...]
    #: When the provider wrote it, where it says so.
    submitted_at: datetime | None = None
    #: Rows and bytes of the delivery as a whole, where they are promised.
    rows: int | None = None
    bytes: int | None = None


def file_kind(key: str) -> tuple[Format, Compression]:
    """Format and compression by the end of a name; ValueError where it is none that can be read.

    ``.csv``, ``.csv.gz``, ``.csv.zip``, ``.zip``, ``.csv.zst``, ``.parquet``, ``.snappy.parquet``, ``.jsonl.gz`` ...
    """
    name = key.rsplit("/", 1)[-1].lower()
    if name.endswith((".parquet", ".pq")):
        return "parquet", "none"
    for ending, compression in _COMPRESSIONS.items():
        if name.endswith(ending):
            if name.removesuffix(ending).endswith(_JSON_LINES) and compression != "zip":
                return "jsonl", compression
            return "csv", compression
    if name.endswith(_JSON_LINES):
        return "jsonl", "none"
    raise ValueError(f"{key}: the name of a file must end in .csv, .csv.gz, .csv.zip, .csv.zst, .parquet or .jsonl")


_JSON_LINES = (".jsonl", ".ndjson")
_COMPRESSIONS: dict[str, Compression] = {
    ".csv": "none",
    ".gz": "gzip",
    ".gzip": "gzip",
    ".zip": "zip",
    ".zst": "zstd",
    ".zstd": "zstd",
}


MOST_FILES = 10_000
"""Of one billing period."""
_LONGEST_KEY = 1024
"""Of S3's and Azure's."""
_AHEAD = timedelta(days=1)


def check_names(where: str, names: Sequence[str]) -> None:
    """CollectionFailed where a manifest names files that none can be, or more of them than one bill has."""
    if len(names) > MOST_FILES:
        raise CollectionFailed(f"{where}: {len(names)} files: at most {MOST_FILES} are one billing period")
    for name in names:
        if len(name) > _LONGEST_KEY or not name.isprintable():
            raise CollectionFailed(f"{where}: {name[:100]!r} cannot be the name of a file")


def check_submitted(where: str, submitted: datetime | None, now: datetime) -> None:
    """CollectionFailed where a version says that it is of the future: it would outdo all that come."""
    if submitted is not None and submitted > now + _AHEAD:
        raise CollectionFailed(f"{where}: it says that it was submitted on {submitted:%Y-%m-%d}, which is to come")
