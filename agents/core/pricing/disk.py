"""The price cache of agents that run by themselves: a small SQLite file, so that a price is looked up once a day.

Any number of processes and threads may share it. It is a cache: whatever is wrong with it, prices are asked for again.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from agents.core.context import LocalPriceCache
from telemetry.private import make_directory

logger = logging.getLogger(__name__)

FILE = "prices.sqlite3"
MAX_PRICES = 10_000
_BUSY_SECONDS = 5.0
# The journal first: left behind, it would be played back into the next file.
_SUFFIXES = ("-journal", "-wal", "-shm", "")
_SPOILT = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH})
"""Not the file that we wrote, or of another form; anything else may be over in a moment, or is the disk's."""
_TABLE = """
CREATE TABLE IF NOT EXISTS prices (
  source TEXT NOT NULL, key TEXT NOT NULL, price TEXT NOT NULL, since REAL NOT NULL, until REAL NOT NULL,
  PRIMARY KEY (source, key)
)
"""
# A price from the future was kept before the clock was set back: nobody knows how old it is. Less than a minute is the
# time that another process had to wait for.
_GET = """
SELECT price, until - :now FROM prices WHERE source = :source AND key = :key AND since < :now + 60 AND :now < until
"""
_PUT = "INSERT OR REPLACE INTO prices VALUES (:source, :key, :price, :now, :until)"
_FORGET_OLD = "DELETE FROM prices WHERE until <= :now OR since >= :now + 60"
_FORGET_SURPLUS = """
DELETE FROM prices WHERE rowid IN (SELECT rowid FROM prices ORDER BY since DESC, rowid DESC LIMIT -1 OFFSET :kept)
"""
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_making = threading.Lock()
T = TypeVar("T")


def default_folder() -> Path:
    """``finfleet/prices`` in the user's cache directory, by the XDG rules; RuntimeError where the user has no home."""
    named = Path(os.environ.get("XDG_CACHE_HOME") or "")
    base = named if named.is_absolute() else Path.home() / ".cache"
    return base / "finfleet" / "prices"


class DiskPriceCache:
    """Prices in a file, with those of this process in front.

    Where the file cannot be used, the prices of this process are all there are; the log says so, once.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        source: str = "",
        now: Callable[[], float] = time.time,
    ) -> None:
        """Touch nothing yet.

        ``folder`` is made, closed to other users, where it is missing; None is :func:`default_folder`. ``source`` says
        who is asked for prices: what one source has said is not given out for another. ``now`` gives the time in epoch
        seconds.
        """
        self._folder = None if folder is None else Path(folder)
        self._source = source
        self._now = now
        self._memory = LocalPriceCache()
        self._warned = False

    def get(self, key: str) -> str | None:
        """The text kept under ``key``, unless it is too old."""
        if (kept := self._memory.get(key)) is not None:
            return kept
        values = {"source": self._source, "key": key, "now": self._now()}
        found = self._ask(lambda file: file.execute(_GET, values).fetchone())
        if found is None:
            return None
        price, left = found
        with suppress(OverflowError):  # of a time that we never wrote
            self._memory.put(key, str(price), timedelta(seconds=left))
        return str(price)

    def put(self, key: str, value: str, ttl: timedelta) -> None:
        """Keep ``value`` for ``ttl``; what is too old goes, and what is oldest where there is too much."""
        self._memory.put(key, value, ttl)
        now = self._now()
        until = now + ttl.total_seconds()
        values = {"source": self._source, "key": key, "price": value, "now": now, "until": until}

        def write(file: sqlite3.Connection) -> None:
            file.execute(_PUT, values)
            file.execute(_FORGET_OLD, values)
            file.execute(_FORGET_SURPLUS, {"kept": MAX_PRICES})

        self._ask(write)

    def _ask(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """Do ``work`` on the file, in one transaction; None where that cannot be. Nothing that is wrong is raised."""
        path = None
        try:
            path = _prepare(self._folder or default_folder(), ours=1 if self._folder else 2)
            with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as file, file:
                file.execute(_TABLE)
                return work(file)
        except sqlite3.Error as error:
            # The low byte is the kind, the rest says more of it.
            if path is not None and getattr(error, "sqlite_errorcode", 0) & 0xFF in _SPOILT:
                logger.warning("the price cache %s is spoilt (%s): it is started anew", path, error)
                _remove(path)
            else:
                self._warn(error)
        except (OSError, RuntimeError) as error:
            self._warn(error)
        return None

    def _warn(self, error: Exception) -> None:
        if not self._warned:
            self._warned = True
            logger.warning("prices are kept in this process only: %s: give a folder that can be written", error)


def _prepare(folder: Path, ours: int) -> Path:
    """The file, made where it is missing; OSError where it cannot be, or is not ours alone."""
    make_directory(folder, ours=ours)
    path = folder / FILE
    # To close a file of SQLite's drops the locks that other threads hold on it: ours is closed before they open it.
    with _making, suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & _OTHERS_WRITE:
        raise PermissionError(f"{path} is no file that this user alone can write")
    return path


def _remove(path: Path) -> None:
    with suppress(OSError):
        for suffix in _SUFFIXES:
            path.with_name(path.name + suffix).unlink(missing_ok=True)
