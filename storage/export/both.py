"""Puts a file and its metadata in place: both, or neither as far as a file system can promise it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from storage.export import placing
from storage.export.asked import ExportRefused


class Both(NamedTuple):
    """A file, and what lies beside it."""

    file: Path
    metadata: Path


def both_of(path: Path) -> Both:
    """Where the metadata of a file are."""
    return Both(path, path.with_name(f"{path.name}.metadata.json"))


def check(paths: Both, *, force: bool) -> None:
    """ExportRefused where one of them could not be put there."""
    for path in paths:
        if path.is_dir():
            raise ExportRefused(f"{path} is a folder: no file can take its place; name another --output, or remove it")
        if path.exists() and not force:
            raise ExportRefused(f"{path} is there already: --force replaces it")


def put(parts: Both, paths: Both, *, force: bool) -> None:
    """Give both their names; what was there before comes back where the second one cannot be placed."""
    check(paths, force=force)
    with _kept(paths.metadata) as former:
        placing.put(parts.metadata, paths.metadata, force=force)
        try:
            placing.put(parts.file, paths.file, force=force)
        except BaseException:
            if former is None:
                paths.metadata.unlink()
            else:
                former.replace(paths.metadata)
            raise


def cannot_be_written(paths: Both, error: OSError) -> ExportRefused:
    """In words, with the one of them that an error is about."""
    about = f"{error.filename or ''} {error.filename2 or ''}"
    path = paths.metadata if paths.metadata.name in about else paths.file
    return ExportRefused(f"{path} cannot be written: {error.strerror or error}")


@contextmanager
def _kept(path: Path) -> Iterator[Path | None]:
    """A second name of the file that is there; None where there is none."""
    former = path.with_name(f".{path.name}.{os.getpid()}.former")
    try:
        try:
            os.link(path, former)
        except FileNotFoundError:
            yield None
            return
        except OSError:  # the file system has no links
            shutil.copy2(path, former)
        yield former
    finally:
        with suppress(FileNotFoundError):
            former.unlink()
