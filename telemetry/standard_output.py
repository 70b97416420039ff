"""Standard output that knows whether it took everything, so that a program can end with a line instead of a traceback.

An error of writing comes up anywhere: in a library that prints help, in a table, when Python ends. It is told from
every other error of the system by where it happened.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress

LOST = 74
"""Exit status: what was printed could not be written. EX_IOERR of sysexits.h."""
UNREAD = 128 + 13
"""Exit status: the reader of the pipe has gone. As a shell shows a program that SIGPIPE has ended."""


class _Watched(io.FileIO):
    """Keeps the first error of writing."""

    error: OSError | None = None

    def write(self, data: object) -> int | None:  # type: ignore[override]  # whatever has bytes
        try:
            return super().write(data)  # type: ignore[arg-type]
        except OSError as error:
            self.error = self.error or error
            raise


_watched: tuple[io.TextIOWrapper, _Watched] | None = None


def hold() -> None:
    """Take the places of the standard streams that are closed, as after ``>&-``.

    Else the next connection or file has their number, and what is printed goes there; and Python has no stream. What
    is printed is lost all the same, and known to be; what is said on standard error goes nowhere.
    """
    held = set()
    for number, mode in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:  # the lowest free number is the one that is opened
            os.set_inheritable(os.open(os.devnull, mode), True)
            held.add(number)
    if sys.stdout is None:
        sys.stdout = _stream(1, held)
    if sys.stderr is None:
        sys.stderr = _stream(2, held)


def _stream(number: int, held: set[int]) -> io.TextIOWrapper:
    """Until the process ends; of a number of its own where another module was first to take that one."""
    descriptor = number if number in held else os.open(os.devnull, os.O_WRONLY)
    return open(descriptor, "w", encoding="utf-8", closefd=False)


def watch() -> None:
    """Watch over standard output from now on."""
    global _watched  # noqa: PLW0603 - as there is one standard output
    if _watched is not None or not isinstance(sys.stdout, io.TextIOWrapper):
        return
    try:
        former, raw = sys.stdout, _Watched(sys.stdout.fileno(), "wb", closefd=False)
    except (OSError, ValueError):  # closed
        return
    # Python's -u has no buffer to write what one call of the system did not take.
    lines = former.line_buffering or former.write_through
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=former.encoding, errors=former.errors, line_buffering=lines
    )
    _watched = sys.stdout, raw


def lost() -> OSError | None:
    """Write out what is left. Why standard output did not take everything, told once; None where it did."""
    if _watched is None:
        return None
    stream, raw = _watched
    with suppress(OSError, ValueError):  # ValueError: closed meanwhile
        stream.flush()
    error, raw.error = raw.error, None
    if error is not None:
        # Python would try again when it ends, and complain.
        _to_nowhere(raw)
        with suppress(OSError, ValueError):
            stream.flush()
    return error


def excuse() -> None:
    """Forget what was not written so far: a program that goes on for days has dealt with it."""
    if _watched is not None:
        _watched[1].error = None


def is_unread(error: OSError) -> bool:
    """Whether nobody reads on, which is no fault: ``finfleet services | head``."""
    return error.errno == errno.EPIPE


def _to_nowhere(raw: _Watched) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    if nowhere != raw.fileno():  # it is where standard output was closed
        os.dup2(nowhere, raw.fileno())
        os.close(nowhere)
