"""The questions as their files have them: SQL, and before it what it is, as remarks in TOML.

A text that the columns of several questions share is written once, in ``columns.toml``; a part of several statements in
``parts.toml``, named in braces: ``{lines|%(from)s|%(to)s}``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Any

_HEADER = re.compile(r"\A(?:--.*\n)+")
_PART = re.compile(r"\{([a-z_]+)((?:\|(?:[^{}|]|\{[a-z_]+\})+)*)\}")
_VALUE = re.compile(r"%\(([a-z_]+)\)s")
_SPAN = re.compile(r"([1-9]\d?) (days|months)")
_KEYS = {"title", "answers", "span", "order", "columns"}
_MORE = {"by", "tag", "slow", "reads", "meanings", "thresholds"}
_BYS = ("service", "account", "region", "provider", "charge_category", "configured_account", "resource", "sku")
COMMON = ("from", "to", "by", "tag", "tag_value", "account", "provider", "currency")
"""What questions may take beside thresholds of their own."""


@dataclass(frozen=True, slots=True)
class Column:
    """Of an answer."""

    name: str
    #: money (in the currency of the row), percent, day, month, time, count, text ...
    unit: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Threshold:
    """A value of a question's own, which whoever asks may choose."""

    name: str
    default: Decimal | str
    #: With its unit and whose default it is.
    meaning: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question with a name."""

    name: str
    #: In a line.
    title: str
    answers: str
    #: What it is about where nothing else is said: so many days up to today, or this month and those before.
    span: tuple[int, str]
    #: Of the rows.
    order: str
    columns: tuple[Column, ...]
    #: By what it can be asked, the usual first; empty where it is not asked by anything.
    by: tuple[str, ...]
    #: The key of a tag that it is asked by where no other is told; empty where it is not.
    tag: str
    thresholds: tuple[Threshold, ...]
    #: ``bill``, ``metrics``: of what the answer depends on having all.
    reads: tuple[str, ...]
    #: Why it may take longer than a second on a year of a large bill; empty where it does not.
    slow: str
    #: As psycopg takes it.
    statement: bytes = field(repr=False)
    #: What of :data:`COMMON` it takes.
    takes: frozenset[str] = frozenset()
    #: Whether it compares with as many days before the first one.
    looks_back: bool = False

    @property
    def filters_by_tag(self) -> bool:
        """Whether ``KEY=VALUE`` of a tag can be asked for."""
        return "tag_value" in self.takes


@cache
def load(folder: Traversable | None = None) -> Mapping[str, Question]:
    """The questions of the files in ``folder``, ours where None, by name; ValueError names a file that is none."""
    folder = folder or files("storage").joinpath("questions", "sql")
    parts = _toml(folder, "parts.toml")
    columns = _toml(folder, "columns.toml")
    found = sorted((path for path in folder.iterdir() if path.name.endswith(".sql")), key=lambda path: path.name)
    return MappingProxyType({path.name.removesuffix(".sql"): _read(path, parts, columns) for path in found})


def _toml(folder: Traversable, name: str) -> dict[str, str]:
    found: dict[str, str] = tomllib.loads(folder.joinpath(name).read_text(encoding="utf-8"))
    return found


def _read(path: Traversable, parts: Mapping[str, str], shared: Mapping[str, str]) -> Question:
    text = path.read_text(encoding="utf-8")
    found = _HEADER.match(text)
    header = found[0] if found else ""
    try:
        told = tomllib.loads("".join(line[2:].lstrip(" ") for line in header.splitlines(keepends=True)))
        return _question(path.name.removesuffix(".sql"), told, text[len(header) :], parts, shared)
    except ValueError as error:
        raise ValueError(f"storage/questions/sql/{path.name}: {error}") from error


def _question(
    name: str, told: Mapping[str, Any], body: str, parts: Mapping[str, str], shared: Mapping[str, str]
) -> Question:
    if missing := _KEYS - told.keys():
        raise ValueError(f"the header lacks {', '.join(sorted(missing))}")
    if unknown := told.keys() - _KEYS - _MORE:
        raise ValueError(f"the header has {', '.join(sorted(unknown))}, which mean nothing")
    span = _SPAN.fullmatch(told["span"])
    if span is None:
        raise ValueError(f"span is {told['span']!r}: write it as 30 days, or 13 months")
    by = tuple(told.get("by", ()))
    if not set(by) <= set(_BYS):
        raise ValueError(f"by is {by}, and has to be some of {_BYS}")
    thresholds = tuple(_threshold(*one) for one in told.get("thresholds", {}).items())
    statement = _with_parts(body.strip(), parts)
    used = set(_VALUE.findall(statement))
    if used - set(COMMON) != {one.name for one in thresholds}:
        raise ValueError(
            f"thresholds and the statement differ: {used - set(COMMON) ^ {one.name for one in thresholds}}"
        )
    if bool(by) != ("by" in used):
        raise ValueError("by is in the header or in the statement, and not in both")
    own = told.get("meanings", {})
    if useless := own.keys() - set(told["columns"]):
        raise ValueError(f"meanings of columns that it does not have: {', '.join(sorted(useless))}")
    return Question(
        name=name,
        title=told["title"],
        answers=told["answers"],
        span=(int(span[1]), span[2]),
        order=told["order"],
        columns=tuple(_column(column, own, shared) for column in told["columns"]),
        by=by,
        tag=told.get("tag", ""),
        thresholds=thresholds,
        reads=tuple(told.get("reads", ("bill",))),
        slow=told.get("slow", ""),
        statement=statement.encode(),
        takes=frozenset(used & set(COMMON)),
        looks_back="{before}" in body,
    )


def _column(name: str, own: Mapping[str, str], shared: Mapping[str, str]) -> Column:
    unit, colon, meaning = (own.get(name) or shared.get(name) or "").partition(": ")
    if not colon:
        raise ValueError(f"column {name} has no meaning: write it under [meanings] as 'unit: what it is'")
    return Column(name, unit, meaning)


def _threshold(name: str, told: Mapping[str, Any]) -> Threshold:
    default = told["default"]
    return Threshold(name, default if isinstance(default, str) else Decimal(str(default)), told["meaning"])


def _with_parts(text: str, parts: Mapping[str, str], values: tuple[str, ...] = ()) -> str:
    for place, value in enumerate(values, start=1):
        text = text.replace(f"${place}", value)
    while found := _PART.search(text):
        if found[1] not in parts:
            raise ValueError(f"parts.toml has no part {found[1]!r}")
        given = tuple(found[2].split("|")[1:])
        text = text[: found.start()] + _with_parts(parts[found[1]].strip(), parts, given) + text[found.end() :]
    return text
