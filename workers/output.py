"""How commands print: a table for a person, JSON for a program, progress on a terminal only."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable, Container, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table

from telemetry.target import format_time
from telemetry.terminal import say, say_json
from telemetry.text import safe_json, shown

F = TypeVar("F", bound=Callable[..., Any])
_WIDE = 10_000  # a pipe has no width: nothing is cut or folded there


def json_option(command: F) -> F:
    """Give a command the flag ``--json``, as ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(command)


def print_json(value: Any) -> None:
    """Print ``value`` as JSON."""
    say_json(to_json(value))


def to_json(value: Any) -> str:
    """JSON for a person and a program: times in ISO 8601, money as exact text, nothing that steers a terminal."""
    return safe_json(json.dumps(msgspec.to_builtins(value, str_keys=True), indent=2, ensure_ascii=False))


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    title: str = "",
    right: Container[str] = (),
    wraps: str = "",
) -> None:
    """Print rows under headings, plain; whole where the output is no terminal.

    Numbers are to the right, and so is every column that ``right`` names.
    ``wraps``: the one column that takes as many lines as it needs, so that no other is broken.
    """
    table = Table(box=None, pad_edge=False, title=title or None, title_justify="left", title_style="bold")
    listed = [tuple(row) for row in rows]
    for index, column in enumerate(columns):
        numeric = bool(listed) and all(isinstance(row[index], int | float | Decimal | None) for row in listed)
        justify: Literal["left", "right"] = "right" if numeric or column in right else "left"
        kept = bool(wraps) and column != wraps
        table.add_column(shown(column), justify=justify, overflow="fold", header_style="bold", no_wrap=kept)
    for row in listed:
        table.add_row(*(cell(value) for value in row))
    width = None if sys.stdout.isatty() else _WIDE
    _Console(width=width, highlight=False, markup=False, emoji=False).print(table)


class _Console(Console):
    """A console that lets a pipe without a reader be the end of the program, as any other print does."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


_CELLS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (type(None), lambda _: "-"),
    (bool, lambda value: "yes" if value else "no"),
    (datetime, format_time),
    (timedelta, lambda value: duration(value.total_seconds())),
    (float, "{:,.2f}".format),
    (int, "{:,}".format),
    (dict, lambda value: ", ".join(f"{name}={text}" for name, text in value.items()) or "-"),
    (Decimal, lambda value: _without_zeros(f"{value:f}")),
)


def cell(value: Any) -> str:
    """A value as a person reads it; unknown is a dash, never a zero."""
    return shown(next((show for kind, show in _CELLS if isinstance(value, kind)), str)(value))


def _without_zeros(number: str) -> str:
    """Not by ``normalize``, which rounds to 28 digits."""
    return number.rstrip("0").rstrip(".") if "." in number else number


def duration(seconds: float) -> str:
    """Seconds in two units at the most: ``45 s``, ``3 min 20 s``, ``2 h 5 min``, ``4 d 1 h``."""
    whole = round(seconds)
    for size, unit, smaller, smaller_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {smaller_unit}" if rest else "")
    return f"{whole} s"


def progress(text: str) -> None:
    """Say ``text`` on standard error, if somebody is there to see it."""
    if sys.stderr.isatty():
        say(text, err=True)
