"""How an answer is written, a row at a time where its format allows: a table is held, and so has a limit."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import msgspec

from telemetry.target import format_time
from telemetry.terminal import say, say_json
from telemetry.text import safe_json, shown
from workers.answers.told import Told
from workers.output import print_table

Line = Callable[[str], object]
"""Takes a line, without its end."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def table(told: Told, line: Line) -> None:
    """As a person reads it, with the notes below."""
    del line  # to a terminal, or a pipe
    print_table(told.names, told.rows())
    for note in told.notes():
        say(note)


def as_csv(told: Told, line: Line) -> None:
    """Numbers whole, times in ISO 8601, unknown empty; text that a program would take for a formula behind a quote."""
    line(_csv(told.names))
    for row in told.rows():
        line(_csv([_cell(value) for value in row]))


def as_json(told: Told, line: Line) -> None:
    """One object, a row a line; money as exact text."""
    head = [f"{json.dumps(name)}: {as_text(value)}," for name, value in told.about().items()]
    line("{")
    for part in head:
        line(part)
    line('"rows": [')
    names, before = told.names, ""
    for row in told.rows():
        if before:
            line(f"{before},")
        before = as_text(dict(zip(names, row, strict=True)))
    if before:
        line(before)
    line("],")
    line(f'"count": {told.count}, "more": {json.dumps(told.more)}')
    line("}")


def _csv(cells: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def _cell(value: Any) -> str:
    return next((show for kind, show in _CELLS if isinstance(value, kind)), str)(value)


def _harmless(text: str) -> str:
    told = shown(text)
    return f"'{told}" if told.startswith(_FORMULA) else told


def as_text(value: Any) -> str:
    """A value as JSON that steers no terminal."""
    return safe_json(json.dumps(msgspec.to_builtins(_exact(value), str_keys=True), ensure_ascii=False))


def _exact(value: Any) -> Any:
    """Decimals without an exponent, which msgspec would write as Python does."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        return {name: _exact(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(one) for one in value]
    return value


_CELLS: tuple[tuple[type | tuple[type, ...], Callable[[Any], str]], ...] = (
    (type(None), lambda _: ""),
    (bool, lambda value: "true" if value else "false"),
    (Decimal, "{:f}".format),
    (datetime, format_time),
    ((dict, list), as_text),
    (str, _harmless),
)


WRITERS: Mapping[str, Callable[[Told, Line], None]] = MappingProxyType({"table": table, "csv": as_csv, "json": as_json})
PRINTS: Mapping[str, Line] = MappingProxyType({"table": say, "csv": say, "json": say_json})
