"""Cuts a query into tokens."""

import re
from typing import NamedTuple

from emulators.azure.kql.errors import KqlError

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|//[^\n]*)
  | datetime\(\s*(?P<datetime>[^()'"]*?)\s*\)
  | (?P<timespan>\d+(?:\.\d+)?(?:microseconds?|milliseconds?|ms|seconds?|sec|minutes?|min|hours?|hr|days?|d|h|m|s)\b)
  | (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
  | (?P<verbatim>@'(?:[^']|'')*'|@"(?:[^"]|"")*")
  | (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:-(?=away\b|rename\b|keep\b|reorder\b|expand\b)[a-z]+)?~?(?![A-Za-z0-9_]))
  | (?P<mark>==|!=|=~|!~|<=|>=|\.\.|!(?=[a-z])|[|()\[\],.=<>+\-*/%;])
    """,
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


class Token(NamedTuple):
    """`kind` is `name`, `number`, `timespan`, `datetime`, `string`, `mark` or `end`.

    The `text` of a string is what it stands for, that of a datetime what is in its parentheses.
    """

    kind: str
    text: str
    at: int


def tokenize(text: str) -> list[Token]:
    """The tokens of a query, with one of kind `end` last.

    Raises:
        KqlError: a character that begins none.
    """
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise KqlError(f"Syntax error at position {at}: unexpected {text[at : at + 10]!r}")
        kind = found.lastgroup or ""
        if kind == "string":
            tokens.append(Token("string", _plain(found[0][1:-1]), at))
        elif kind == "verbatim":
            quote = found[0][1]
            tokens.append(Token("string", found[0][2:-1].replace(quote * 2, quote), at))
        elif kind != "space":
            tokens.append(Token(kind, found[kind], at))
        at = found.end()
    tokens.append(Token("end", "", at))
    return tokens


def _plain(quoted: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), quoted)
