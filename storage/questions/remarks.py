r"""What of a statement is remarks, as Postgres reads it: ``--`` to the end of a line, and ``/* ... */``, which nest."""

from __future__ import annotations

import re
from typing import NamedTuple

_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\r\n]*)
    |(?P<remark>/\*)
    |[eE]'(?:[^'\\]|\\.|'')*'
    |'(?:[^']|'')*'
    |"(?:[^"]|"")*"
    |(?P<dollars>\$(?:[^\W\d]\w*)?\$).*?(?P=dollars)
    |[^\W\d][\w$]*
    |.""",
    re.DOTALL | re.VERBOSE,
)
_ENDS = re.compile(r"/\*|\*/")


class NotClosed(ValueError):
    """A remark has no end."""


class Bare(NamedTuple):
    """A statement without the remarks around it, and without the semicolon at its end."""

    #: Those within it are still there.
    text: str
    #: Its first word, after brackets that open; or else what stands there; empty where there is nothing.
    word: str


def bare(statement: str) -> Bare:
    """What there is to run; NotClosed where nobody can know."""
    begin = end = place = 0
    word = ""
    while found := _TOKEN.match(statement, place):
        part = found[0]
        place = _after(statement, found.end()) if found["remark"] else found.end()
        if found["space"] or found["remark"]:
            continue
        begin = begin if end else found.start()
        if part != ";" or not word:
            end = place
        if not word and part != "(":
            word = part
    return Bare(statement[begin:end], word)


def _after(statement: str, place: int) -> int:
    """Where the remark ends that has begun before ``place``."""
    depth = 1
    for found in _ENDS.finditer(statement, place):
        depth += 1 if found[0] == "/*" else -1
        if not depth:
            return found.end()
    raise NotClosed
