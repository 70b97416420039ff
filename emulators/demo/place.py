"""The directory that a demo runs in: emptied first, and never one in which a process still lives."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_MOST = 100


class NoPlace(RuntimeError):
    """Every directory is in use."""


@contextmanager
def place(wanted: Path, say: Callable[[str], None]) -> Iterator[tuple[Path, int]]:
    """The directory, or ``wanted-2`` and so on where something lives in it; held while the block runs.

    With it comes the descriptor of the lock: whatever inherits that holds the directory as well, and longer than a demo
    that is killed.
    """
    wanted.parent.mkdir(parents=True, exist_ok=True)
    for number in range(1, _MOST + 1):
        directory = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        held = _hold(directory.with_name(f"{directory.name}.lock"))
        if held is None:
            continue
        try:
            if _lives(directory):
                continue
            if directory != wanted:
                say(f"a demo runs, or is just ending, in {wanted}: this one runs in {directory}")
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()
            # To be passed through, not looked into: started as root, Postgres runs as another user, inside of it.
            directory.chmod(0o711)
            yield directory, held
        finally:
            os.close(held)
        return
    raise NoPlace(f"{wanted} and {_MOST - 1} directories beside it are in use: stop the demos there, or name another")


def _hold(lock: Path) -> int | None:
    """The descriptor of a lock that is ours now; None where somebody holds it."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _lives(directory: Path) -> bool:
    """Whether a ``finfleet up``, or a server or program of one that was killed, holds a lock below the directory."""
    for lock in directory.rglob("lock"):
        with suppress(OSError):
            held = _hold(lock)
            if held is None:
                return True
            os.close(held)
    return False
