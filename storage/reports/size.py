"""What lies where in the database, and what a year takes at the rate of these days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

from storage.database import Connection
from storage.folding.ledger import AGE as FOLD_AFTER
from storage.folding.points import SEAL_AFTER
from storage.partitions import partitions_of
from storage.retention import Kept
from storage.sql import load

_SQL = load("size")
_YEAR = timedelta(days=365)
_DAYS = 3
"""Whole days that a rate is of, where each has a partition."""
_KINDS: Mapping[str, tuple[str, ...]] = {
    "ledger, hot": ("collections",),
    "ledger, folded": ("folded_windows",),
    "runs": ("runs", "batches"),
    "runs, summed": ("run_days",),
    "points, hot": ("points",),
    "points, sealed": ("sealed_points",),
    "points, hourly": ("points_hourly",),
    "points, daily": ("points_daily",),
    "rates, hot": ("cost_rates",),
    "rates, folded": ("rate_intervals", "rate_starts"),
    "bills": ("cost_lines", "cost_scopes"),
    "bills, sums": ("bill_summaries", "bills", "deliveries"),
    "recommendations": ("recommendations",),
    "outbox": ("outbox",),
    "dead letters": ("dead_letters",),
    "resources": ("resources", "series"),
}
"""The first table of each has its rows; what is in none is *other*."""


class Size(NamedTuple):
    """One kind of data. None: nothing can be said."""

    kind: str
    tables: tuple[str, ...]
    #: About, as Postgres knows it without counting.
    rows: int | None
    heap: int
    indexes: int
    toast: int
    #: What a year takes, or what is kept of one, at the rate of these days.
    year: int | None

    @property
    def bytes(self) -> int:
        """All of it."""
        return self.heap + self.indexes + self.toast

    @property
    def bytes_a_row(self) -> float | None:
        """With everything that belongs to a row; None where there is none, or nobody knows."""
        return self.bytes / self.rows if self.rows else None


class Sizes(NamedTuple):
    """All kinds, and what a sealed point takes."""

    kinds: list[Size]
    #: Bytes of a sealed point, without its rollups; None where none is sealed.
    sealed_point: float | None

    @property
    def year(self) -> int | None:
        """Of the kinds of which something can be said; None where of none."""
        known = [size.year for size in self.kinds if size.year is not None]
        return sum(known) if known else None


class _Table(NamedTuple):
    rows: int | None
    heap: int
    indexes: int
    toast: int


def look(connection: Connection, now: datetime, kept: Kept) -> Sizes:
    """Measure; takes a moment however large the database is."""
    tables = {name: _Table(*rest) for name, *rest in connection.execute(_SQL["tables"])}
    known = {table for names in _KINDS.values() for table in names}
    kinds = {**_KINDS, "other": tuple(sorted(tables.keys() - known))}
    sizes = [_size(kind, names, tables) for kind, names in kinds.items()]
    years = _years(connection, now, kept, {size.kind: size for size in sizes})
    sizes = [size._replace(year=years.get(size.kind)) for size in sizes]
    return Sizes(sizes, _sealed_point(connection, now, next(one for one in sizes if one.kind == "points, sealed")))


def _size(kind: str, names: tuple[str, ...], tables: Mapping[str, _Table]) -> Size:
    found = [tables[name] for name in names if name in tables]
    rows = tables[names[0]].rows if names and names[0] in tables else 0 if kind != "other" else None
    heap, indexes, toast = (
        (sum(column) for column in zip(*(one[1:] for one in found), strict=True)) if found else (0,) * 3
    )
    return Size(kind, names, rows, heap, indexes, toast, None)


def _years(connection: Connection, now: datetime, kept: Kept, sizes: Mapping[str, Size]) -> dict[str, int | None]:
    series, points = _sealed_a_day(connection, now)
    windows = _number(connection, "windows_a_day")
    return {
        # In a year nearly all that is collected now is folded.
        "ledger, hot": _of_rows(sizes["ledger, hot"], windows, FOLD_AFTER + timedelta(days=1)),
        "ledger, folded": _whole(_share(sizes["ledger, folded"], windows, _number(connection, "windows_folded"))),
        "runs": _of_rows(sizes["runs"], windows, kept.runs),
        # Beside the hours that are not due the one that is not over, and one until maintenance comes.
        "points, hot": _of_rows(sizes["points, hot"], points, SEAL_AFTER + timedelta(hours=2)),
        "points, sealed": _of_rows(sizes["points, sealed"], series, kept.points),
        "points, hourly": _of_rows(sizes["points, hourly"], series, kept.hourly),
        "points, daily": _of_rows(sizes["points, daily"], series, kept.daily),
        "rates, hot": _whole(_of_days(connection, "cost_rates", now), timedelta(days=1)),
        "rates, folded": _whole(_share(sizes["rates, folded"], 1, _number(connection, "days_of_rates")), kept.points),
        "bills": _of_rows(sizes["bills"], _number(connection, "lines_a_day", now=now)),
        "resources": _of_rows(sizes["resources"], _number(connection, "resources_a_day", now=now)),
    }


def _of_rows(size: Size, rows_a_day: float | None, kept: timedelta = timedelta(0)) -> int | None:
    if rows_a_day is None or size.bytes_a_row is None:
        return None
    return _whole(rows_a_day * size.bytes_a_row, kept)


def _share(size: Size, wanted: float | None, there: float | None) -> float | None:
    """Bytes of so many, of those that are there."""
    return size.bytes * wanted / there if wanted and there else None


def _whole(bytes_a_day: float | None, kept: timedelta = timedelta(0)) -> int | None:
    """Of a year, or of what is kept of it."""
    days = (min(kept, _YEAR) if kept else _YEAR) / timedelta(days=1)
    return None if bytes_a_day is None else round(bytes_a_day * days)


def _of_days(connection: Connection, table: str, now: datetime) -> float | None:
    """Bytes that a day takes, of the last whole ones."""
    names = [
        name
        for name, day, end in partitions_of(connection, table)
        if datetime.combine(end, time(), UTC) <= now
        and datetime.combine(day, time(), UTC) > now - timedelta(days=_DAYS)
    ]
    return _number(connection, "of_partitions", names=names)


def _sealed_a_day(connection: Connection, now: datetime) -> tuple[float | None, float | None]:
    row = connection.execute(_SQL["sealed_a_day"], {"today": now.astimezone(UTC).date()}).fetchone()
    return (row[0], row[1]) if row else (None, None)


def _sealed_point(connection: Connection, now: datetime, sealed: Size) -> float | None:
    series, points = _sealed_a_day(connection, now)
    if not series or not points or not sealed.rows:
        return None
    return sealed.bytes / (sealed.rows * points / series)


def _number(connection: Connection, statement: str, **values: object) -> float | None:
    row = connection.execute(_SQL[statement], values or None).fetchone()
    return None if row is None or row[0] is None else float(row[0])
