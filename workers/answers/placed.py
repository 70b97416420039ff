"""An answer in a file of somebody's choice: whole or not at all, and in the place of nothing that they want to keep."""

from __future__ import annotations

import stat
from pathlib import Path

import click

from storage.export import ExportRefused, placing
from workers.answers import formats, parquet
from workers.answers.told import Told

STANDARD = frozenset({"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})
"""Standard output, by any of its names."""


def write(told: Told, form: str, path: Path, *, force: bool) -> None:
    """Write all rows; ExportRefused where something is there that is not to be replaced, or it cannot be written."""
    try:
        if _is_stream(path):
            if form == "parquet":
                raise ExportRefused(f"{path} is no regular file: Parquet needs one")
            _write(told, form, path)
            return
        with placing.beside(path, force=force) as part:
            _write(told, form, part)
            placing.put(part, path, force=force)
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror or error}") from None


def _write(told: Told, form: str, path: Path) -> None:
    if form == "parquet":
        parquet.write(told, path)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        formats.WRITERS[form](told, lambda line: file.write(f"{line}\n"))


def _is_stream(path: Path) -> bool:
    """Whether what is written to it goes elsewhere: a pipe, a terminal, a device."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)
