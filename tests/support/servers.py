"""Real servers for tests, each in a directory of its own."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workers.embedded import EmbeddedPostgres, EmbeddedValkey

_NO_NEED_TO_LAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "shared_buffers": "64MB"}


@contextmanager
def short_directory() -> Iterator[Path]:
    """A directory that goes away; short enough for sockets, and one that a server of root's can be run in."""
    directory = Path(tempfile.mkdtemp(prefix="finfleet-")).resolve()
    if os.geteuid() == 0:
        directory.chmod(0o711)  # root's Postgres runs as another user, who must pass here
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@contextmanager
def running_postgres() -> Iterator[EmbeddedPostgres]:
    """A fresh Postgres that does not care for the disk; its role `finfleet` may create databases and roles."""
    with short_directory() as directory, EmbeddedPostgres(directory / "state", _NO_NEED_TO_LAST) as postgres:
        yield postgres


@contextmanager
def running_valkey() -> Iterator[EmbeddedValkey]:
    """A fresh Valkey."""
    with short_directory() as directory, EmbeddedValkey(directory / "state") as valkey:
        yield valkey
