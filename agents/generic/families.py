"""A page of Prometheus or OpenMetrics, cut into families: what is odd in one of them costs the others nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from telemetry.errors import CollectionFailed
from telemetry.wording import written

MAX_LINE = 64 * 1024
"""Bytes: room for some hundred labels."""
EOF = "# EOF"
_PART = 256 * 1024
"""Characters of a family that are held at once."""
_META = re.compile(r'#\s+(HELP|TYPE|UNIT)\s+("(?:[^"\\]|\\.)*"|\S+)\s*(.*)')
_NAME = re.compile(r'\s*(?:\{\s*("(?:[^"\\]|\\.)*")|([^\s{]+))')
_SUFFIXES = ("", "_total", "_created", "_sum", "_count", "_bucket", "_gcount", "_gsum", "_info")


@dataclass
class Family:
    """The lines of one name: what is said of it, and its samples."""

    name: str
    #: counter, histogram ...; empty where nothing is said.
    kind: str = ""
    described: list[str] = field(default_factory=list)
    #: With their numbers in the page, from 1.
    samples: list[tuple[int, str]] = field(default_factory=list)
    #: Characters of its samples.
    size: int = 0

    def has(self, name: str) -> bool:
        """Whether samples of ``name`` are of this family: it may be called after them (foo_total) or not (foo)."""
        base = self.name.removesuffix("_total")
        return name == self.name or (name.startswith(base) and name[len(base) :] in _SUFFIXES)


class Page:
    """A body, line by line. ``ended`` says whether ``# EOF`` came, and ``odd`` what could not be read as text."""

    def __init__(self, body: Iterable[bytes], limit: int) -> None:
        """CollectionFailed from :meth:`families` past so many lines, or where one is longer than MAX_LINE."""
        self._lines = _split(body)
        self._limit = limit
        self._number = 0
        self.ended = False
        self.odd: list[str] = []

    def families(self) -> Iterator[Family]:
        """In their order. One whose lines do not stand together, or that is large, comes in parts."""
        family: Family | None = None
        for line in self._texts():
            described = _META.match(line)
            name = described[2] if described else _name_in(line)
            if family is None or (name != family.name if described else not family.has(name)):
                if family is not None:
                    yield family
                family = Family(name)
            if described is None:
                family.samples.append((self._number, line))
                family.size += len(line)
                if family.size > _PART:
                    yield family
                    family = Family(family.name, family.kind, family.described)
                continue
            family.described.append(line)
            if described[1] == "TYPE":
                family.kind = described[3].strip()
        if family is not None:
            yield family

    def _texts(self) -> Iterator[str]:
        for raw in self._lines:
            self._number += 1
            if self._number > self._limit:
                raise CollectionFailed(f"the page has more than {self._limit} lines: raise max_samples")
            try:
                line = raw.decode("utf-8").rstrip("\r")
            except UnicodeDecodeError as error:
                self.odd.append(f"line {self._number} is not UTF-8: {error.reason}")
                continue
            self.ended = self.ended or line == EOF
            if line.strip() and (not line.lstrip().startswith("#") or _META.match(line)):
                yield line


def _name_in(line: str) -> str:
    found = _NAME.match(line)
    return (found[1] or found[2]) if found else line.strip()


def _split(body: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in body:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            _check(line)
            yield line
        _check(rest)
    if rest:
        yield rest


def _check(line: bytes) -> None:
    if len(line) > MAX_LINE:
        raise CollectionFailed(f"a line is longer than {MAX_LINE} bytes; it begins with {written(line, 40)}")
