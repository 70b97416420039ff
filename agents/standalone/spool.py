"""Messages that wait on disk for being sent: in order, over restarts, and never more bytes than allowed.

What cannot be read as one, or will never be taken, is set aside with its reason: nothing in the directory ends the
program that uses it.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import stat
import threading
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from telemetry.errors import ConfigError
from telemetry.private import make_directory, open_private
from telemetry.text import shown

logger = logging.getLogger(__name__)

_SUFFIX = ".batch"
_STAGED = ".staged"
_ASIDE = "set-aside"
_REASON = ".reason"
_KEPT_ASIDE = 100
"""The newest of them."""
_NAME = re.compile(r"0[0-9]{19}")
"""What we number our own messages by."""
_MAX_MESSAGE = 64 * 1024 * 1024
"""Bytes: what a message unpacks to at the most."""


class Entry(NamedTuple):
    """One message."""

    #: Numbered in the order in which they came.
    number: int
    size: int


class Spool:
    """A directory of messages. One process at a time has it; its threads may share it."""

    def __init__(self, directory: Path, max_bytes: int) -> None:
        """Open the directory, and make it where it is not there; ConfigError where that fails."""
        self.directory = directory
        #: Messages that were dropped because there was no room, since this was opened.
        self.dropped = 0
        self._max_bytes = max_bytes
        self._changed = threading.Condition()
        try:
            # One of a provider, in the one that was named.
            make_directory(directory, ours=2)
            self._lock = open_private(directory / "lock", os.O_RDWR | os.O_CREAT)
        except OSError as error:
            where = error.filename or directory
            problem = f"{where}: {error.strerror}: name a directory that can be written, with --spool"
            raise ConfigError("spool", (problem,)) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            problem = f"{directory}: another program uses it: name another one with --spool"
            raise ConfigError("spool", (problem,)) from None
        self._entries = deque(self._read_directory())
        self._bytes = sum(entry.size for entry in self._entries)
        self._next = self._entries[-1].number + 1 if self._entries else 1

    def __len__(self) -> int:
        with self._changed:
            return len(self._entries)

    @contextmanager
    def together(self) -> Iterator[Stage]:
        """Add several messages, all of them or, where the block raises, none."""
        stage = Stage(self.directory)
        try:
            yield stage
        except BaseException:
            stage.discard()
            raise
        with self._changed:
            for path, size in stage.files:
                path.replace(self._path(self._next))
                self._entries.append(Entry(self._next, size))
                self._bytes += size
                self._next += 1
            _sync(self.directory)
            self._make_room()
            self._changed.notify_all()

    def oldest(self, but: Collection[int] = ()) -> tuple[Entry, bytes] | None:
        """The message to send next, but for those of these numbers; None where nothing waits."""
        while True:
            with self._changed:
                entry = next((one for one in self._entries if one.number not in but), None)
            if entry is None:
                return None
            try:
                return entry, _read(self._path(entry.number))
            except FileNotFoundError:
                self.remove(entry)  # dropped, or deleted by a person
            except OSError as error:
                self.set_aside(entry, f"it cannot be read: {error.strerror or error}")

    def set_aside(self, entry: Entry, reason: str) -> None:
        """Take a message out of the way, and keep it for a person with the reason beside it."""
        with self._changed:
            if entry in self._entries:
                self._entries.remove(entry)
                self._bytes -= entry.size
        self._put_aside(self._path(entry.number), reason)

    def remove(self, entry: Entry) -> None:
        """Forget a message: it was sent. Harmless where it was dropped meanwhile."""
        with self._changed:
            if entry in self._entries:
                self._entries.remove(entry)
                self._bytes -= entry.size
            _delete(self._path(entry.number))

    def wait(self, seconds: float) -> None:
        """Until something is added, at most so long."""
        with self._changed:
            if not self._entries:
                self._changed.wait(seconds)

    def wake(self) -> None:
        """End every wait."""
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """Let another process have the directory."""
        os.close(self._lock)

    def _make_room(self) -> None:
        before = self.dropped
        while self._bytes > self._max_bytes and len(self._entries) > 1:
            entry = self._entries.popleft()
            self._bytes -= entry.size
            _delete(self._path(entry.number))
            self.dropped += 1
        if self.dropped > before:
            logger.error(
                "the spool is full (%d bytes): the %d oldest messages are lost, %d since the start",
                self._max_bytes,
                self.dropped - before,
                self.dropped,
            )

    def _put_aside(self, path: Path, reason: str) -> None:
        said = shown(reason)
        logger.error("%s is set aside: %s", shown(str(path)), said)
        aside = self.directory / _ASIDE
        try:
            aside.mkdir(mode=0o700, exist_ok=True)
            path.replace(aside / path.name)
            with open(os.open(_reason(aside, path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123 - of a descriptor, whose file nobody else may read
                file.write(f"{said}\n")
            for name in sorted(one.stem for one in aside.glob(f"*{_REASON}"))[:-_KEPT_ASIDE]:
                _delete(aside / f"{name}{_SUFFIX}")
                _delete(aside / f"{name}{_REASON}")
        except OSError as error:
            logger.warning("%s stays where it is until the next start: %s", path, error.strerror)

    def _path(self, number: int) -> Path:
        return self.directory / f"{number:020d}{_SUFFIX}"

    def _read_directory(self) -> list[Entry]:
        for staged in self.directory.glob(f"*{_STAGED}"):
            _delete(staged)  # of a program that was killed before it had all of them
        found = []
        for path in sorted(self.directory.glob(f"*{_SUFFIX}")):
            try:
                status = path.lstat()
            except OSError as error:
                logger.warning("%s is left alone: %s", path, error.strerror)
                continue
            if not _NAME.fullmatch(path.stem):
                self._put_aside(path, "its name is none that a message of the spool has")
            elif not stat.S_ISREG(status.st_mode):
                self._put_aside(path, "it is no file")
            else:
                found.append(Entry(int(path.stem), status.st_size))
        return found


class Stage:
    """Messages on disk that do not count yet."""

    def __init__(self, directory: Path) -> None:
        self.files: list[tuple[Path, int]] = []
        self._directory = directory

    def add(self, body: bytes) -> None:
        """Write one."""
        path = self._directory / f"{os.getpid()}-{threading.get_ident()}-{len(self.files)}{_STAGED}"
        descriptor = open_private(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - of a descriptor, whose file nobody else may read
            self.files.append((path, len(body)))
            file.write(body)
            file.flush()
            os.fsync(file.fileno())

    def discard(self) -> None:
        """Delete them."""
        for path, _ in self.files:
            path.unlink(missing_ok=True)


def _read(path: Path) -> bytes:
    # A link may lead anywhere, and a pipe never ends.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - of a descriptor, which is of that very file
        size = os.fstat(descriptor).st_size
        if size > _MAX_MESSAGE:
            raise OSError(f"it has {size} bytes: no message has more than {_MAX_MESSAGE}")
        return file.read(_MAX_MESSAGE)


def _reason(aside: Path, path: Path) -> Path:
    return aside / f"{path.stem}{_REASON}"


def _delete(path: Path) -> None:
    with contextlib.suppress(OSError):  # a folder of that name is no matter of ours
        path.unlink()


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
