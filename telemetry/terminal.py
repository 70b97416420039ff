"""The one way out to a person: whatever a program prints goes through here, or through workers/output.py's tables."""

from __future__ import annotations

import io
import os
import re
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from types import TracebackType

import click

from telemetry.redact import redact
from telemetry.standard_output import LOST, UNREAD, hold, is_unread, lost, watch
from telemetry.text import json_within, shown

_UNAVAILABLE = 69
_FURTHER = re.compile(r"\n(?=\S)")
_instead: Callable[[str], None] | None = None


def say(text: object = "", *, err: bool = False, lines: bool = False) -> None:
    """Print a line; with ``lines``, a text of ours that has several."""
    # Where standard error takes nothing, nobody can be told.
    with suppress(OSError) if err else nullcontext():
        # Named: to a stream that it takes for misconfigured, click would write UTF-8 all the same.
        click.echo(shown(str(text), lines=lines), file=sys.stderr if err else sys.stdout)


def redraw(lines: Sequence[str]) -> None:
    """Put lines onto a terminal in the place of what it shows; each replaces one, so that nothing flickers."""
    text = "".join(f"{shown(line)}\x1b[K\n" for line in lines)
    click.echo(f"\x1b[H{text}\x1b[J", file=sys.stdout, nl=False, color=True)


def say_json(text: str) -> None:
    """Print JSON, which any program can read whatever the encoding of standard output."""
    click.echo(json_within(text, getattr(sys.stdout, "encoding", None) or "utf-8"), file=sys.stdout)


def complain(text: object) -> None:
    """Say on standard error what is wrong, without a secret; further lines are indented, so that none can be forged."""
    if _instead is not None:
        _instead(str(text))
        return
    say(_FURTHER.sub("\n  ", redact(str(text))), err=True, lines=True)


def complain_by(said: Callable[[str], None]) -> None:
    """Have ``said`` take every complaint from now on: where a program reads standard error, it is a line of the log."""
    global _instead  # noqa: PLW0603 - one for a process, as standard error is
    _instead = said


def show_usage(error: click.ClickException) -> int:
    """Say what was wrong with a command line; returns the exit status."""
    said = io.StringIO()
    error.show(said)
    say(redact(said.getvalue().rstrip("\n")), err=True, lines=True)
    return error.exit_code


def guard() -> None:
    """Print what nobody caught in this way too, and escape what the terminal has no characters for.

    Then :func:`run_to_end` knows what came of the output.
    """
    hold()
    watch()
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with suppress(OSError):  # it is closed, which whoever prints will hear
                stream.reconfigure(errors="backslashreplace")


def run_to_end(program: str, work: Callable[[], object]) -> int:
    """The exit status of ``work``, or of what came of its output.

    Where standard output did not take everything, that is said in a line; where only the reader of a pipe has gone,
    nothing is.
    """
    try:
        status = work()
    except OSError:
        status = _output_lost(program)
        if status is None:
            raise
    except SystemExit as ended:
        status = ended.code
        # So click ends for every pipe and connection that breaks, also where it is not that of standard output.
        if isinstance(ended.__context__, BrokenPipeError) and (status := _output_lost(program)) is None:
            complain(f"{program}: {ended.__context__}")
            status = _UNAVAILABLE
    status = _output_lost(program) or status
    with suppress(OSError, ValueError, AttributeError):  # Python would make the status 120
        sys.stderr.flush()
    return status if isinstance(status, int) else 0


def _output_lost(program: str) -> int | None:
    error = lost()
    if error is None:
        return None
    if is_unread(error):
        return UNREAD
    complain(f"{program}: standard output cannot be written: {os.strerror(error.errno or 0)}")
    return LOST


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    complain("".join(traceback.format_exception(kind, error, trace)).rstrip("\n"))


def _uncaught_in_thread(what: threading.ExceptHookArgs) -> None:
    if what.exc_type is not SystemExit and what.exc_value is not None:
        name = what.thread.name if what.thread is not None else "a thread"
        complain(f"Exception in thread {name}:")
        _uncaught(what.exc_type, what.exc_value, what.exc_traceback)
