"""The views of schema ``reporting`` as their files have them.

A file is SQL as psql takes it: ``CREATE VIEW``, then a ``COMMENT`` on the view and on each of its columns. A text that
several columns share is written once, in ``shared.toml``, and named as psql names a variable: ``:'provider'``. So is a
part of several queries, in ``parts.toml`` (of the views of FOCUS in ``focus_parts.toml``): ``:open_days``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from graphlib import TopologicalSorter
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

from storage import sql

_SHARED = "shared.toml"
_PARTS = ("parts.toml", "focus_parts.toml")
_VIEW = re.compile(r"^CREATE VIEW reporting\.([a-z][a-z0-9_]*) AS\n(.+?);$", re.MULTILINE | re.DOTALL)
_QUOTED = r"'(?:[^']|'')*'"
_COMMENT = re.compile(
    r"^COMMENT ON (?:VIEW|COLUMN) reporting\.(\w+)(?:\.\"?(\w+)\"?)? IS\s+"
    rf"(?:({_QUOTED}(?:\s*\n\s*{_QUOTED})*)|:'(\w+)');$",  # texts on lines that follow each other are one
    re.MULTILINE,
)
_PART = re.compile(r"(?<!:):([a-z_]+)")  # two colons are a cast
_REMARK = re.compile(r"--.*")
_NAMED = re.compile(r"\breporting\.(\w+)")


class View(NamedTuple):
    """A view of schema ``reporting``."""

    name: str
    #: What it selects.
    query: str
    #: What each column means, by its name; under the empty name, what the view is.
    comments: Mapping[str, str]


def load(folder: Traversable | None = None) -> list[View]:
    """The views of the files in ``folder``, ours where None, in an order in which they can be made.

    Raises ValueError with the name of a file that cannot be read.
    """
    folder = folder or files("storage").joinpath("views")
    shared = tomllib.loads(folder.joinpath(_SHARED).read_text(encoding="utf-8"))
    parts = _parts()
    found = sorted((path for path in folder.iterdir() if path.name.endswith(".sql")), key=lambda path: path.name)
    views = {view.name: view for view in (_read(path, shared, parts) for path in found)}
    order = TopologicalSorter({name: _reads(view, views) for name, view in views.items()})
    return [views[name] for name in order.static_order()]


def _parts() -> dict[str, str]:
    texts = [files("storage").joinpath("views", name).read_text(encoding="utf-8") for name in _PARTS]
    found: dict[str, str] = {name: part for text in texts for name, part in tomllib.loads(text).items()}
    # A part of statements of ours as well, which ask it since a time.
    covered = sql.load("ledger_parts")["covered"].decode()
    bills = sql.load("allocation_parts")["bills"].decode()
    return {**found, "covered": covered.replace("%(since)s", "NULL"), "allocated_bills": bills}


def _reads(view: View, views: Mapping[str, View]) -> list[str]:
    named = set(_NAMED.findall(_REMARK.sub("", view.query)))
    return sorted(named & views.keys())


def _read(path: Traversable, shared: Mapping[str, str], parts: Mapping[str, str]) -> View:
    text = path.read_text(encoding="utf-8")
    created = _VIEW.search(text)
    if created is None or path.name != f"{created[1]}.sql":
        raise ValueError(f"storage/views/{path.name}: begin it with CREATE VIEW reporting.{path.name[:-4]} AS")
    rest = text[: created.start()] + text[created.end() :]
    comments: dict[str, str] = {}
    for view, column, literal, name in _COMMENT.findall(rest):
        if view != created[1] or column in comments:
            raise ValueError(f"storage/views/{path.name}: a comment on {view}.{column} is there twice, or not its own")
        if name and name not in shared:
            raise ValueError(f"storage/views/{path.name}: {_SHARED} has no text {name!r}")
        comments[column] = shared[name] if name else _text(literal)
    if left := _REMARK.sub("", _COMMENT.sub("", rest)).strip():
        raise ValueError(f"storage/views/{path.name}: this is neither the view nor a comment: {left[:60]!r}")
    return View(created[1], _with_parts(created[2], parts, path.name), comments)


def _with_parts(query: str, parts: Mapping[str, str], file: str) -> str:
    if unknown := set(_PART.findall(query)) - parts.keys():
        raise ValueError(f"storage/views/{file}: {_PARTS[0]} has no part {min(unknown)!r}")
    return _PART.sub(lambda part: _with_parts(parts[part[1]], parts, file), query)


def _text(literal: str) -> str:
    return "".join(quoted[1:-1].replace("''", "'") for quoted in re.findall(_QUOTED, literal))
