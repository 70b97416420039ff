r"""Text of strangers as a terminal may have it: what steers or hides is shown as an escape (``\x1b``, ``\u202e``).

Names, tags, errors and messages are written by whoever can send them. Printed as they are, they could move the cursor,
rewrite what stands above, set the window's title, turn the direction of a line, or begin a line of their own.
Everything that is printed or logged goes through :func:`shown` or :func:`safe_json`.
"""

from __future__ import annotations

import unicodedata

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of control and format characters (direction, zero width), halves of pairs, and line ends."""
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
"""Letters and marks that nobody sees."""


def shown(text: str, *, lines: bool = False) -> str:
    """``text`` without a character that steers or hides; with ``lines``, line breaks stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if (lines and character == "\n") or not _is_unsafe(character) else _escape(character)
        for character in text
    )


def safe_json(text: str) -> str:
    r"""JSON of the same meaning, with such characters as ``\uXXXX``: outside of its strings there are none."""
    return "".join(
        character if character == "\n" or not _is_unsafe(character) else _json_escape(character) for character in text
    )


def json_within(text: str, encoding: str) -> str:
    r"""JSON of the same meaning, with what an encoding has no characters for as ``\uXXXX``."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(character if character.isascii() else _json_escape(character) for character in text)
    return text


def _is_unsafe(character: str) -> bool:
    return unicodedata.category(character) in _UNSAFE or character in _BLANK


def _escape(character: str) -> str:
    return ascii(character)[1:-1]


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place : place + 2].hex()}" for place in range(0, len(units), 2))
