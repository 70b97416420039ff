"""Folders for what does not fit into memory. What a killed process leaves of them, the next one removes."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

_PREFIX = "finfleet-bills-"
_LOCK = "in-use"


@contextmanager
def workspace() -> Iterator[Path]:
    """An empty folder, gone at the end. Those that killed processes have left are removed first."""
    parent = Path(tempfile.gettempdir())
    for former in parent.glob(f"{_PREFIX}*"):
        _remove_unused(former)
    folder, lock = _begin()
    with lock:
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _begin() -> tuple[Path, TextIO]:
    """A folder, and its lock: held until the process ends, in whatever way."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        lock = (folder / _LOCK).open("w", encoding="utf-8")
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Before that, somebody may have taken it for one that was left behind.
        if (folder / _LOCK).exists():
            return folder, lock
        lock.close()


def _remove_unused(folder: Path) -> None:
    with suppress(OSError), (folder / _LOCK).open("r") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
