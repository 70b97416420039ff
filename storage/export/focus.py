"""Writes a dataset of FOCUS to a file, and beside it what it is: all of one snapshot, however long it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from decimal import MAX_PREC, Inexact, localcontext
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from psycopg import IsolationLevel

from storage.database import Connection
from storage.export import both, metadata, placing
from storage.export.asked import Asked, ExportRefused, TooManyDigits
from storage.export.both import Both
from storage.export.csv_file import CsvFile
from storage.export.metadata import Sector
from storage.export.parquet_file import ParquetFile
from storage.export.snapshot import Snapshot, Sums

PRECISION = 38
"""Digits of a decimal that any reader of Parquet takes."""
SCALE = 18
"""Of these behind the point, where no value has more."""
_ROWS = 8192
_BYTES = 16_000_000
"""What is held at once, and is a group of rows of Parquet."""


class Exported(NamedTuple):
    """What was written."""

    path: Path
    metadata: Path
    rows: int
    sums: tuple[Sums, ...]
    #: Whether that is all, and final as far as the provider says.
    complete: bool
    #: Days that are not complete.
    incomplete: tuple[Sector, ...]
    #: Targets that should bring bills, and never did.
    silent: tuple[str, ...]


class _Written(NamedTuple):
    sums: dict[str, Sums]
    days: tuple[datetime, datetime] | None


class _File(Protocol):
    def add(self, rows: Sequence[bytes]) -> None: ...
    def close(self) -> None: ...


def export(connection: Connection, asked: Asked, services: Sequence[tuple[str, str]] = ()) -> Exported:
    """Write the file, or nothing; ``services`` are those that bring bills, to know of what is missing altogether.

    Raises ExportRefused where there is a file already, it cannot be written, or a number has more digits than the
    format holds.
    """
    paths = both.both_of(asked.path)
    try:
        both.check(paths, force=asked.force)
        try:
            return _export(connection, asked, services, paths, widen=False)
        except TooManyDigits:
            # In another transaction: what was being read has ended that one.
            return _export(connection, asked, services, paths, widen=True)
    except OSError as error:
        raise both.cannot_be_written(paths, error) from None


def _export(
    connection: Connection, asked: Asked, services: Sequence[tuple[str, str]], paths: Both, *, widen: bool
) -> Exported:
    with _one_moment(connection), placing.beside(paths.file) as part, placing.beside(paths.metadata) as described:
        snapshot = Snapshot(connection, asked)
        scales = _scales(snapshot, asked, widen=widen)
        with part.open("wb") as out:
            written = _rows(snapshot, _file(out, snapshot, asked, scales), asked)
        days = metadata.sectors(connection, asked, _span(asked, written.days)) if asked.of.charges else []
        missing = metadata.silent(connection, asked, services)
        complete, updated = _recency(days) if asked.of.charges else snapshot.periods()
        complete = complete and not missing
        sums = tuple(written.sums.values())
        text = metadata.document(
            asked,
            snapshot.columns,
            sums,
            days,
            complete=complete,
            updated=updated,
            missing=missing,
            file=placing.told(part, asked.path.name),
            scales=scales,
            bases=snapshot.bases,
        )
        described.write_text(text, encoding="utf-8")
        both.put(Both(part, described), paths, force=asked.force)
    rows = sum(one.rows for one in sums)
    incomplete = tuple(day for day in days if not day.complete)
    return Exported(*paths, rows, sums, complete, incomplete, tuple(missing))


@contextmanager
def _one_moment(connection: Connection) -> Iterator[None]:
    former = connection.isolation_level, connection.read_only
    connection.isolation_level, connection.read_only = IsolationLevel.REPEATABLE_READ, True
    try:
        with connection.transaction():
            yield
    finally:
        connection.isolation_level, connection.read_only = former


def _file(out: IO[bytes], snapshot: Snapshot, asked: Asked, scales: Mapping[str, int]) -> _File:
    if asked.format == "csv":
        return CsvFile(out, snapshot.columns, compress=asked.compress)
    try:
        return ParquetFile(out, snapshot.columns, PRECISION, scales)
    except ModuleNotFoundError as error:
        message = f"Parquet needs {error.name}: pip install 'finfleet[bills]', or take --format csv"
        raise ExportRefused(message) from None


def _scales(snapshot: Snapshot, asked: Asked, *, widen: bool) -> dict[str, int]:
    """Digits behind the point of each column of decimals of Parquet."""
    if asked.format == "csv":
        return {}
    if not widen:
        return {one.name: SCALE for one in snapshot.columns if one.kind == "Decimal"}
    digits = snapshot.digits()
    for name, (before, behind) in digits.items():
        if before + behind > PRECISION:
            raise ExportRefused(
                f"{name} has numbers of {before} digits before and {behind} behind the point, and Parquet holds"
                f" {PRECISION} together: take --format csv"
            )
    return {name: min(max(behind, SCALE), PRECISION - before) for name, (before, behind) in digits.items()}


def _recency(days: Sequence[Sector]) -> tuple[bool, datetime | None]:
    updated = max((day.updated for day in days if day.updated is not None), default=None)
    return bool(days) and all(day.complete for day in days), updated


def _rows(snapshot: Snapshot, file: _File, asked: Asked) -> _Written:
    try:
        written = _parts(snapshot, file, asked)
    except BaseException:
        with suppress(Exception):  # what is there of it goes
            file.close()
        raise
    file.close()
    return written


def _parts(snapshot: Snapshot, file: _File, asked: Asked) -> _Written:
    sums: dict[str, Sums] = {}
    days: list[datetime] = []
    with localcontext(prec=MAX_PREC) as exact:
        exact.traps[Inexact] = True
        for part in snapshot.parts():
            rows = 0
            for some in _batches(snapshot.rows(part)):
                file.add(some)
                rows += len(some)
            told = snapshot.sums(part)
            if rows != sum(one.rows for one in told):
                raise ExportRefused(f"{rows} rows were read, and the database counts others: nothing is written")
            for one in told:
                sums[one.currency] = _together(sums.get(one.currency), one)
            if rows and part[0] is not None and asked.of.charges:
                days = [min(days[0], part[0]) if days else part[0], part[0] + timedelta(days=1)]
    return _Written(dict(sorted(sums.items())), (days[0], days[1]) if days else None)


def _batches(rows: Iterator[bytes]) -> Iterator[list[bytes]]:
    some: list[bytes] = []
    size = 0
    for row in rows:
        some.append(row)
        size += len(row)
        if len(some) == _ROWS or size > _BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some


def _together(one: Sums | None, other: Sums) -> Sums:
    if one is None:
        return other
    return Sums(
        one.currency,
        one.rows + other.rows,
        tuple(metadata.added(mine, its) for mine, its in zip(one.costs, other.costs, strict=True)),
        tuple(map(sum, zip(one.unknown, other.unknown, strict=True))),
        tuple(map(sum, zip(one.assumed, other.assumed, strict=True))),
    )


def _span(asked: Asked, found: tuple[datetime, datetime] | None) -> tuple[datetime, datetime] | None:
    """The days to be told of: those that were asked for, and where they have no bound those that have a charge."""
    if asked.since is not None and asked.until is not None:
        return asked.since, asked.until
    if found is None:
        return None
    return asked.since or found[0], asked.until or found[1]
