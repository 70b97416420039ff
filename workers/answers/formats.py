"""How an answer is written, a row at a time where its format allows: a table is held, and so has a limit."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from types import MappingProxyType
from typing import Any

import msgspec

from storage.questions import JsonText
from telemetry.target import format_time
from telemetry.terminal import say, say_json
from telemetry.text import safe_json, shown
from workers.answers.told import Told
from workers.output import cell, print_table

Line = Callable[[str], object]
"""Takes a line, without its end."""
_LONGEST = 4_000
"""What is shown of a cell of a table: rich takes minutes for one of 100 MB."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def table(told: Told, line: Line) -> None:
    """As a person reads it, with the notes below."""
    del line  # to a terminal, or a pipe
    print_table(told.names, ([_seen(value) for value in row] for row in told.rows()))
    for note in told.notes():
        say(note)


def as_csv(told: Told, line: Line) -> None:
    """Numbers whole, times in ISO 8601, unknown empty; text that a program would take for a formula behind a quote."""
    line(_csv([_harmless(name) for name in told.names]))
    for row in told.rows():
        line(_csv([_cell(value) for value in row]))


def as_json(told: Told, line: Line) -> None:
    """One object, a row a line; money as exact text, and so is NaN or Infinity, which JSON has not."""
    names = told.only_names
    head = [f"{json.dumps(name)}: {as_text(value)}," for name, value in told.about().items()]
    line("{")
    for part in head:
        line(part)
    line('"rows": [')
    before = ""
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
    return next((show for kind, show in _CELLS if isinstance(value, kind)), _strange)(value)


def _harmless(text: str) -> str:
    told = shown(text)
    return f"'{told}" if told.startswith(_FORMULA) else told


def _strange(value: Any) -> str:
    return _harmless(str(value))


def as_text(value: Any) -> str:
    """A value as JSON that steers no terminal."""
    return safe_json(_json(value))


def _json(value: Any) -> str:
    """Values of JSON as they came; decimals without an exponent, which msgspec would write as Python does."""
    if isinstance(value, JsonText):
        return value
    if isinstance(value, Decimal):
        return f'"{value:f}"'
    if isinstance(value, float) and not isfinite(value):
        return f'"{Decimal(value)}"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_json(str(name))}: {_json(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_json(one) for one in value) + "]"
    return json.dumps(msgspec.to_builtins(value, enc_hook=str), ensure_ascii=False)


def _seen(value: Any) -> Any:
    """As a table shows it: floats with all that they tell, and of a text no more than a person reads."""
    if isinstance(value, float):
        text = repr(value)
        return text if "e" in text else Decimal(text)
    if isinstance(value, dict | list | tuple):
        value = as_text(value)
    if isinstance(value, str | bytes) and len(value) > _LONGEST:
        return f"{cell(value[:_LONGEST])}\N{HORIZONTAL ELLIPSIS} ({len(value):,} characters)"
    return value


_CELLS: tuple[tuple[type | tuple[type, ...], Callable[[Any], str]], ...] = (
    (type(None), lambda _: ""),
    (bool, lambda value: "true" if value else "false"),
    (Decimal, "{:f}".format),
    (float, lambda value: repr(value) if isfinite(value) else str(Decimal(value))),
    (datetime, format_time),
    ((int, date, time, timedelta), str),
    ((dict, list, tuple), as_text),
    (JsonText, shown),
    (str, _harmless),
)


WRITERS: Mapping[str, Callable[[Told, Line], None]] = MappingProxyType({"table": table, "csv": as_csv, "json": as_json})
PRINTS: Mapping[str, Line] = MappingProxyType({"table": say, "csv": say, "json": say_json})
