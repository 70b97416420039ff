"""Tables that fit a terminal: what matters least is left out where there is no room, and no name is broken."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Container, Sequence

from rich.cells import cell_len

from workers.output import print_table
from workers.paragraphs import say_wrapped

_BETWEEN = 2


def print_fitting(
    columns: Sequence[str], rows: Sequence[Sequence[str]], *, droppable: Sequence[str], right: Container[str] = ()
) -> None:
    """Print rows of texts. ``droppable`` are columns that may be left out, in this order; a pipe gets them all."""
    kept = list(columns)
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        for name in droppable:
            if _width(columns, rows, kept) <= width:
                break
            kept.remove(name)
    places = [columns.index(name) for name in kept]
    print_table(kept, [tuple(row[place] for place in places) for row in rows], right=right)
    if left_out := [name for name in columns if name not in kept]:
        say_wrapped(f"(wider: {', '.join(left_out)})")


def _width(columns: Sequence[str], rows: Sequence[Sequence[str]], kept: Sequence[str]) -> int:
    places = [columns.index(name) for name in kept]
    widest = (max(cell_len(row[place]) for row in (columns, *rows)) for place in places)
    return sum(widest) + _BETWEEN * (len(kept) - 1)
