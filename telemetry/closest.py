"""Which of the names that there are somebody meant who has mistyped one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from telemetry.text import shown

_CLOSE = 0.6
_LISTED = 30
_LONGEST = 100


def closest(name: str, known: Iterable[str]) -> str:
    """The one that looks most like ``name``, whatever its case; empty where none does."""
    wanted, best = name[:_LONGEST].casefold(), ("", _LONGEST)
    for one in known:
        steps = _steps(wanted, one[:_LONGEST].casefold())
        if steps < best[1]:
            best = one, steps
    ratio = difflib.SequenceMatcher(None, wanted, best[0].casefold()).ratio()
    return best[0] if best[0] and ratio >= _CLOSE else ""


def _steps(one: str, other: str) -> int:
    """How many letters are left out, added, changed, or swapped with their neighbour."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, start=1):
        line = [row]
        for column, against in enumerate(other, start=1):
            best = min(last[column] + 1, line[-1] + 1, last[column - 1] + (letter != against))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == against:
                best = min(best, before[column - 2] + 1)
            line.append(best)
        before, last = last, line
    return last[-1]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``did you mean ec2?`` where one of them is close, and in any case which there are."""
    names = [shown(one) for one in known]
    close = closest(name, names)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    there_are = f"there are: {', '.join(names[:_LISTED]) or 'none'}{more}"
    return f"did you mean {close}? {there_are}" if close else there_are
