"""Folds the year as maintenance does, until nothing is left."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator
from datetime import datetime
from importlib import import_module

from storage.database import Connection

_PACKAGE = "storage.folding"


def fold(connection: Connection, now: datetime) -> int:
    """Take each step until nothing is left of it; how much was folded in all."""
    folded = 0
    for step in _steps():
        while done := step(connection, now):
            folded += done
    return folded


def _steps() -> Iterator[Callable[[Connection, datetime], int]]:
    """`fold_NAME` of every module NAME, where this release folds at all."""
    try:
        package = import_module(_PACKAGE)
    except ModuleNotFoundError:
        return
    for found in pkgutil.iter_modules(package.__path__):
        step = getattr(import_module(f"{_PACKAGE}.{found.name}"), f"fold_{found.name}", None)
        if step is not None:
            yield step
