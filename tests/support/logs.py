"""Log lines as a program reads them: by the rules of each form, and not by ours."""

import json
import re
from typing import Any

_TEXT = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (?P<level>[A-Z]+) (?P<logger>[\w.]+): (?P<message>.*)"
)
_PAIR = re.compile(r'([a-z_]+)=("(?:[^"\\]|\\.)*"|[^ "]+)( |$)')


def parse(form: str, said: str) -> list[dict[str, Any]]:
    """Each entry by the names of its fields; AssertionError where a line is none."""
    return {"json": _json, "logfmt": _logfmt, "text": _text}[form](said)


def _json(said: str) -> list[dict[str, Any]]:
    entries = [json.loads(line) for line in said.splitlines()]
    assert all(isinstance(entry, dict) for entry in entries)
    return entries


def _logfmt(said: str) -> list[dict[str, Any]]:
    return [_pairs(line) for line in said.splitlines()]


def _pairs(line: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    place = 0
    while place < len(line):
        pair = _PAIR.match(line, place)
        assert pair, f"{line[place:]!r} is no pair of logfmt"
        name, value = pair[1], pair[2]
        assert name not in found, f"{name} is there twice"
        found[name] = json.loads(value) if value.startswith('"') else value
        place = pair.end()
    return found


def _text(said: str) -> list[dict[str, Any]]:
    """Fields of a text are for people: they stay in the message. Further lines are indented."""
    entries: list[dict[str, Any]] = []
    for line in said.splitlines():
        if line.startswith("  ") and entries:
            entries[-1]["message"] += f"\n{line[2:]}"
            continue
        entry = _TEXT.fullmatch(line)
        assert entry, f"{line!r} is no entry"
        entries.append(entry.groupdict())
    return entries
