"""The output of a program in files that stay within bounds, however much it writes.

The program writes into a pipe, and a thread of ours moves that to NAME.log. A full file becomes NAME.log.1, that one
NAME.log.2, and the oldest goes: the bound is kept to the byte, and no line is lost by the change. What cannot be
written, on a full disk for instance, is left out: the program itself never waits for the disk.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import struct
import termios
import threading
import time
from pathlib import Path

from telemetry.private import open_private

LOG_BYTES = 10_000_000
"""Of a file; what is longer begins a new one."""
LOG_FILES = 3
"""Of a program: NAME.log, NAME.log.1, NAME.log.2."""
_CHUNK = 65_536
_PIPE_BYTES = 1_048_576
"""So much a program may be ahead of us: it goes on for a while even where we are stopped (Ctrl-Z)."""
_MOST_TO_WAIT = 2.0
_POLL = 0.005


class RotatingFile:
    """A file that is added to, and moved aside when it is full."""

    def __init__(self, path: Path, limit: int = LOG_BYTES, files: int = LOG_FILES) -> None:
        """Name the file; nothing is opened yet."""
        self._path = path
        self._limit = limit
        self._files = files
        self._descriptor = -1

    def open(self) -> None:
        """Open it anew. Raises SymlinkError where it is a link, OSError where it cannot be had."""
        self.close()
        self._descriptor = open_private(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT)

    def write(self, data: bytes) -> None:
        """Add to it, with the change of files between two lines where there are any. What raises OSError is lost."""
        if not self._is_there():
            self.open()
        while data:
            room = self._limit - os.fstat(self._descriptor).st_size
            if len(data) > room:
                part = data[: data.rfind(b"\n", 0, max(room, 0)) + 1]
                # A line that has no room in this file has it in the next, unless it is longer than a file.
                part = part or (data[:room] if room == self._limit else b"")
            else:
                part = data
            if not part:
                self._move_aside()
                continue
            data = data[os.write(self._descriptor, part) :]

    def close(self) -> None:
        """Let go of it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def _is_there(self) -> bool:
        """Whether what is open is still the file of that name: a person may have removed it."""
        if self._descriptor < 0:
            return False
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.lstat())
        except OSError:
            return False

    def _move_aside(self) -> None:
        shorten(self._descriptor, self._limit)
        try:
            for number in range(self._files - 1, 0, -1):
                with contextlib.suppress(FileNotFoundError):
                    _numbered(self._path, number - 1).replace(_numbered(self._path, number))
        except OSError:  # the bound holds all the same, and what is newest is worth most
            os.ftruncate(self._descriptor, 0)
            raise
        self.open()


class LogPipe:
    """What a program gets for its standard output and error; it may be started again and again."""

    def __init__(self, path: Path, limit: int = LOG_BYTES, files: int = LOG_FILES) -> None:
        """Name the file; nothing is opened yet."""
        self._file = RotatingFile(path, limit, files)
        self._lock = threading.Lock()
        self._reading = self._writing = -1
        self._thread: threading.Thread | None = None
        self._fault: OSError | None = None

    def begin(self) -> int:
        """The descriptor that the next start of the program writes to; OSError where there can be no log."""
        if self._thread is None:
            self._reading, self._writing = os.pipe()
            with contextlib.suppress(AttributeError, OSError):  # not everywhere, and not without a limit
                fcntl.fcntl(self._writing, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            self._thread = threading.Thread(target=self._move, name="a log", daemon=True)
            self._thread.start()
        with self._lock:
            self._file.open()
            self._fault = None
        return self._writing

    def check(self) -> None:
        """Raise what keeps its output from being written just now."""
        if self._fault is not None:
            raise self._fault

    def settle(self) -> None:
        """Wait until what has been written so far is in the file, for two seconds at the most."""
        deadline = time.monotonic() + _MOST_TO_WAIT
        while self._reading >= 0 and time.monotonic() < deadline:
            with self._lock:
                if self._reading < 0 or not _waiting(self._reading):
                    return
            time.sleep(_POLL)

    def close(self) -> None:
        """No further start: the thread ends with the last process that writes."""
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1
        if self._thread is not None:
            self._thread.join(_MOST_TO_WAIT)

    def _move(self) -> None:
        while True:
            select.select([self._reading], [], [])
            with self._lock:
                chunk = os.read(self._reading, _CHUNK)
                if not chunk:
                    break
                try:
                    self._file.write(chunk)
                    self._fault = None
                except OSError as error:
                    self._fault = error
        with self._lock:
            self._file.close()
            os.close(self._reading)
            self._reading = -1


def shorten(descriptor: int, limit: int) -> None:
    """Leave the last ``limit`` bytes of a file, which an earlier release has let grow."""
    size = os.fstat(descriptor).st_size
    if size > limit:
        last = os.pread(descriptor, limit, size - limit)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, last, 0)


def tidy(directory: Path, *, limit: int = LOG_BYTES, files: int = LOG_FILES, most: int = 20) -> None:
    """Bound what former runs have left: the size of each file, and the number of those of processes that are no more.

    Called while nobody writes there. What cannot be looked at is left alone.
    """
    found: list[tuple[float, Path]] = []
    for path in directory.iterdir():
        with contextlib.suppress(OSError):
            descriptor = open_private(path, os.O_RDWR)
            try:
                found.append((os.fstat(descriptor).st_mtime, path))
                shorten(descriptor, limit)
            finally:
                os.close(descriptor)
    for _, path in sorted(found, reverse=True)[most * files :]:
        path.unlink(missing_ok=True)


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}") if number else path


def _waiting(descriptor: int) -> int:
    """Bytes in a pipe."""
    return int(struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, b"\0\0\0\0"))[0])
