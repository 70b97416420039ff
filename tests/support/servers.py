"""Real servers for tests, each in a directory of its own."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workers.embedded import EmbeddedPostgres, EmbeddedValkey

_NO_NEED_TO_LAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
}
_MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of our own is made in it
_ROOM = 2 * 1024**3


@contextmanager
def short_directory(parent: Path | None = None) -> Iterator[Path]:
    """A directory that goes away; short enough for sockets, and one that a server of root's can be run in."""
    directory = Path(tempfile.mkdtemp(prefix="finfleet-", dir=parent)).resolve()
    if os.geteuid() == 0:
        directory.chmod(0o711)  # root's Postgres runs as another user, who must pass here
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def memory(room: int = _ROOM) -> Path | None:
    """A file system in memory, where there is one with that much room, and programs may lie in it; None otherwise.

    What a server of a test writes down ends with the test, and a database is cloned there in a tenth of the time.
    """
    try:
        fits = shutil.disk_usage(_MEMORY).free > room and not os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC
    except OSError:
        return None
    return _MEMORY if fits and os.access(_MEMORY, os.W_OK) else None


@contextmanager
def running_postgres() -> Iterator[EmbeddedPostgres]:
    """A fresh Postgres that does not care for the disk; its role `finfleet` may create databases and roles."""
    with short_directory(memory()) as directory, EmbeddedPostgres(directory / "state", _NO_NEED_TO_LAST) as postgres:
        yield postgres


@contextmanager
def running_valkey() -> Iterator[EmbeddedValkey]:
    """A fresh Valkey."""
    with short_directory(memory()) as directory, EmbeddedValkey(directory / "state") as valkey:
        yield valkey
