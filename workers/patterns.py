"""Patterns of targets: which one was meant by one that fits none."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase

from telemetry.closest import closest


def meant(pattern: str, targets: Collection[str]) -> str:
    """The pattern with its mistyped parts put right, where it then fits a target; else the closest target, or empty."""
    parts = pattern.split("/")
    columns = [list(dict.fromkeys(column)) for column in zip(*(target.split("/") for target in targets), strict=True)]
    if len(parts) == len(columns):
        mended = "/".join(_part(part, known) for part, known in zip(parts, columns, strict=True))
        if any(fnmatchcase(target, mended) for target in targets):
            return mended
    return closest(pattern, targets)


def _part(part: str, known: Sequence[str]) -> str:
    if any(fnmatchcase(one, part) for one in known):
        return part
    return closest(part, known) or part


def unmatched(patterns: Sequence[str], targets: Collection[str]) -> list[str]:
    """Those that fit no target, each in words, with what may have been meant."""
    found = []
    for pattern in patterns:
        if not any(fnmatchcase(target, pattern) for target in targets):
            close = meant(pattern, targets)
            found.append(f"{pattern!r}" + (f" (did you mean {close!r}?)" if close else ""))
    return found
