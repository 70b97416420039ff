"""Folders for what does not fit into memory. What a killed process leaves of them, the next one removes."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "finfleet-bills-"
_LOCK = "in-use"


@contextmanager
def workspace() -> Iterator[Path]:
    """An empty folder, gone at the end. Those that killed processes have left are removed first."""
    parent = Path(tempfile.gettempdir())
    for former in parent.glob(f"{_PREFIX}*"):
        _remove_unused(former)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    with (folder / _LOCK).open("w") as lock:
        # Held until the process ends, in whatever way. Until then somebody may take the folder for a left one.
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_unused(folder: Path) -> None:
    with suppress(OSError), (folder / _LOCK).open("r") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
