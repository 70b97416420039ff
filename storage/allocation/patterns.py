"""Globs of rules, and the form in which values are compared."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

UNALLOCATED = "unallocated"
"""What nobody owns goes by this name, so no owner can have it."""
_MAX_STARS = 8
_NOT_LETTERS = re.compile(r"[\s_-]+")


def folded(text: str) -> str:
    """A value without what two spellings of it differ by: case, blanks around it, several blanks for one."""
    return " ".join(text.split()).lower()


def folded_key(text: str) -> str:
    """A key of a tag in the same way; ``user:`` before it, and ``-``, ``_`` and blanks in it, do not count."""
    return _NOT_LETTERS.sub("", text.strip().lower().removeprefix("user:"))


def as_like(pattern: str) -> str:
    """A glob as LIKE has it: ``*`` is any text, ``?`` one character, all else stands for itself."""
    escaped = re.sub(r"([\\%_])", r"\\\1", pattern)
    return re.sub(r"\*+", "%", escaped).replace("?", "_")


def _pattern(value: str) -> str:
    if value.count("*") > _MAX_STARS:
        raise ValueError(f"at most {_MAX_STARS} stars")
    return value


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _owner(value: str) -> str:
    value = " ".join(value.split())
    if not value or not value.isprintable():
        raise ValueError("write a name of printable characters")
    if value.lower() == UNALLOCATED:
        raise ValueError("this name is that of what no rule takes: choose another")
    return value


Word = Annotated[str, Field(min_length=1, max_length=256)]
Pattern = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_pattern)]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(_listed)]
Words = Annotated[tuple[Word, ...], BeforeValidator(_listed)]
Owner = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_owner)]
Owners = Annotated[tuple[Owner, ...], BeforeValidator(_listed)]
