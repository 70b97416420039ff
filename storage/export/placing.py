"""Puts a file where it is to be in one step, when it is whole."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from storage.export.asked import ExportRefused

_READ = 1 << 20


@contextmanager
def beside(path: Path, *, force: bool = True) -> Iterator[Path]:
    """A file that nobody takes for the one that it is to be; gone where it has not become that.

    ExportRefused where ``path`` is what :func:`put` would not replace, before anything is written.
    """
    real = _replaceable(path, force=force)
    part = real.with_name(f".{real.name}.{os.getpid()}.part")
    try:
        part.touch(exist_ok=False)
    except FileExistsError:
        raise ExportRefused(f"{part} is there already: remove it") from None
    try:
        yield part
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


def put(part: Path, path: Path, *, force: bool) -> None:
    """Give it its name; ExportRefused where another file has that, and is not to be replaced.

    A link stays one: the file that it leads to is replaced. What is no file is never replaced.
    """
    with part.open("rb") as file:
        os.fsync(file.fileno())
    real = _replaceable(path, force=force)
    try:
        if force:
            part.replace(real)
        else:
            _link(part, real)
    except FileExistsError:
        raise _taken(path) from None


def _replaceable(path: Path, *, force: bool) -> Path:
    """Where it leads to."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        pass
    else:
        if stat.S_ISDIR(mode):
            raise ExportRefused(f"{path} is a folder: name a file")
        if not stat.S_ISREG(mode):
            raise ExportRefused(f"{path} is no regular file, and is not replaced")
        if not force:
            raise _taken(path)
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _taken(path: Path) -> ExportRefused:
    return ExportRefused(f"{path} is there already: --force replaces it")


def _link(part: Path, path: Path) -> None:
    """In one step where the file system has links."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:
        if path.exists():
            raise FileExistsError(path) from None
        part.replace(path)


def told(part: Path, name: str) -> dict[str, Any]:
    """What the metadata say of a file."""
    digest = hashlib.sha256()
    with part.open("rb") as file:
        while piece := file.read(_READ):
            digest.update(piece)
    return {"Name": name, "Bytes": part.stat().st_size, "Sha256": digest.hexdigest()}
