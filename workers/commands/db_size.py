"""``finfleet db size``: what lies where in the database, and what a year takes."""

from __future__ import annotations

import click

from storage.reports import size
from storage.revision import check_migrated
from storage.timeouts import LOOK
from tasks.maintenance import kept_by
from telemetry.terminal import say
from workers.fitting_table import print_fitting
from workers.output import json_option, print_json
from workers.paragraphs import say_wrapped
from workers.process import fleet_settings, open_database

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_STEP = 1000


@click.command(name="size")
@json_option
def command(as_json: bool) -> None:
    """Show what lies where in the database, and what a year takes at the rate of these days.

    Rows are about: as many as Postgres knows of without counting. A year is what is kept of one, by the section
    retention; unknown where nothing can be said.
    """
    settings = fleet_settings()
    opened = open_database(settings, "finfleet db size", size=1, timeouts=LOOK)
    with opened as database, database.connection() as connection:
        check_migrated(connection)
        found = size.look(connection, database.clock.now(connection), kept_by(settings))
    if as_json:
        print_json({"kinds": [_as_json(one) for one in found.kinds], "sealed_point_bytes": found.sealed_point})
        return
    columns = ("kind", "rows", "bytes", "a row", "a year", "heap", "indexes", "toast")
    rows = [_row(one) for one in found.kinds]
    total = ("all", "", _bytes(sum(one.bytes for one in found.kinds)), "", _bytes(found.year))
    parts = (sum(getattr(one, name) for one in found.kinds) for name in columns[5:])
    print_fitting(
        columns,
        [*rows, (*total, *map(_bytes, parts))],
        droppable=("toast", "indexes", "heap"),
        right=columns[1:],
    )
    if found.sealed_point is not None:
        say(f"A sealed point takes {found.sealed_point:.1f} bytes, without its rollups.")
    if any(one.year is None and one.bytes_a_row for one in found.kinds):
        say_wrapped("A year is unknown where these days say nothing of it, and is not part of the sum.")


def _row(one: size.Size) -> tuple[str, ...]:
    a_row = "" if one.bytes_a_row is None else f"{one.bytes_a_row:.0f}"
    year = "" if one.kind in {"outbox", "dead letters", "other"} else _bytes(one.year)
    rows = "" if one.rows is None else f"{one.rows:,}"
    return (one.kind, rows, _bytes(one.bytes), a_row, year, _bytes(one.heap), _bytes(one.indexes), _bytes(one.toast))


def _as_json(one: size.Size) -> dict[str, object]:
    return {**one._asdict(), "bytes": one.bytes, "bytes_a_row": one.bytes_a_row}


def _bytes(count: int | None) -> str:
    """In the largest unit that leaves a whole number before the point."""
    if count is None:
        return "unknown"
    number, unit = float(count), 0
    while round(number, 1) >= _STEP and unit < len(_UNITS) - 1:
        number, unit = number / _STEP, unit + 1
    return f"{number:.0f} {_UNITS[unit]}" if unit == 0 else f"{number:.1f} {_UNITS[unit]}"
