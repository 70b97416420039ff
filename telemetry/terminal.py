"""The one way out to a person: whatever a program prints goes through here, or through workers/output.py's tables."""

from __future__ import annotations

import io
import re
import sys
import threading
import traceback
from collections.abc import Callable
from types import TracebackType

import click

from telemetry.redact import redact
from telemetry.text import json_within, shown

_FURTHER = re.compile(r"\n(?=\S)")
_instead: Callable[[str], None] | None = None


def say(text: object = "", *, err: bool = False, lines: bool = False) -> None:
    """Print a line; with ``lines``, a text of ours that has several."""
    # Named: to a stream that it takes for misconfigured, click would write UTF-8 all the same.
    click.echo(shown(str(text), lines=lines), file=sys.stderr if err else sys.stdout)


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
    """Print what nobody caught in this way too, and escape what the terminal has no characters for."""
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    complain("".join(traceback.format_exception(kind, error, trace)).rstrip("\n"))


def _uncaught_in_thread(what: threading.ExceptHookArgs) -> None:
    if what.exc_type is not SystemExit and what.exc_value is not None:
        name = what.thread.name if what.thread is not None else "a thread"
        complain(f"Exception in thread {name}:")
        _uncaught(what.exc_type, what.exc_value, what.exc_traceback)
