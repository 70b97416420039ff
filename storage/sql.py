"""Statements by name, from the files beside this one: SQL is read, checked and formatted as SQL.

A file is a list of sections, each begun by a line ``-- name: upsert_resources``. ``{folded.since}`` stands for
the section ``since`` of ``folded.sql``, which is a part of several statements.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_PART = re.compile(r"\{(\w+)\.(\w+)\}")
_SECTION = re.compile(r"^-- name: (\w+)[ \t]*$", re.MULTILINE)


@cache
def load(name: str) -> Mapping[str, bytes]:
    """The statements of ``storage/sql/{name}.sql`` by their names, as psycopg takes them: ``%(key)s``, ``%%``."""
    text = files("storage").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    _, *parts = _SECTION.split(text)
    statements: dict[str, bytes] = {}
    for section, body in zip(parts[::2], parts[1::2], strict=True):
        if section in statements or not body.strip():
            raise ValueError(f"storage/sql/{name}.sql: section {section} is empty, or there twice")
        statements[section] = _PART.sub(_part, body.strip()).encode()
    return MappingProxyType(statements)


def _part(found: re.Match[str]) -> str:
    return load(found[1])[found[2]].decode()
