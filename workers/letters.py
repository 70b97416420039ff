"""How dead letters are listed: a block each on a narrow terminal, a table on a wide one and in a pipe."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from storage.dead_letters import DeadLetter
from telemetry.origin import origin
from telemetry.terminal import say
from telemetry.text import shown
from workers.output import cell, print_table

_WIDE = 120
"""Columns from which on a table can be read."""
_LINES = 4
"""Of a reason; `finfleet dlq show` has all of it."""
_CHARACTERS = 240
"""The same in a table on a terminal."""
_INDENT = "    "
_COLUMNS = ("id", "last seen", "from", "times", "bytes", "reason", "in words")


def came_from(letter: DeadLetter) -> str:
    """The queue, the source or the target; a dash where nobody knows."""
    return origin(letter.beginning, letter.size) or "-"


def print_letters(letters: Sequence[DeadLetter]) -> None:
    """Print them as the output has room."""
    width, terminal = shutil.get_terminal_size().columns, sys.stdout.isatty()
    if terminal and width < _WIDE:
        for letter in letters:
            for line in _block(letter, width):
                say(line)
        return
    replayed = any(letter.replayed_at for letter in letters)
    rows = (_row(letter, whole=not terminal)[: None if replayed else -1] for letter in letters)
    print_table((*_COLUMNS, "replayed")[: None if replayed else -1], rows, wraps="in words")


def _row(x: DeadLetter, *, whole: bool) -> tuple[object, ...]:
    reason = "; ".join(x.reason.splitlines())
    if not whole and len(reason) > _CHARACTERS:
        reason = f"{reason[:_CHARACTERS]} ... finfleet dlq show {x.dead_letter_id}"
    return (str(x.dead_letter_id), x.last_seen, came_from(x), x.times, x.size, x.reason_code, reason, x.replayed_at)


def _block(letter: DeadLetter, width: int) -> Iterator[str]:
    parts = [str(letter.dead_letter_id), cell(letter.last_seen), letter.reason_code, came_from(letter)]
    if letter.times > 1:
        parts.append(f"{letter.times:,} times")
    if letter.replayed_at is not None:
        parts.append(f"replayed {cell(letter.replayed_at)}")
    yield from _flow((shown(part) for part in parts), width)
    room = max(width - len(_INDENT), 1)
    lines = [
        line for part in letter.reason.splitlines() for line in textwrap.wrap(shown(part), room, break_on_hyphens=False)
    ]
    if len(lines) > _LINES:
        lines[_LINES - 1 :] = [f"... finfleet dlq show {letter.dead_letter_id}"]
    yield from (f"{_INDENT}{line}" for line in lines)


def _flow(parts: Iterable[str], width: int) -> Iterator[str]:
    """The parts in lines: none is broken, and what does not fit stands on the next line, indented."""
    line = ""
    for part in parts:
        if line and len(line) + 2 + len(part) > width:
            yield line
            line = f"{_INDENT}{part}"
        else:
            line = f"{line}  {part}" if line else part
    yield line
