"""The command line, run again and again: each run is a fork of a process that has imported it."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.prepared import prepared

RunsFinfleet = Callable[[tuple[str, ...], Mapping[str, str], Path], "subprocess.CompletedProcess[bytes]"]
"""Runs `finfleet WORDS` with these variables, and no others, in a directory."""

_COMMANDS = (
    *(
        "allocate",
        "anomalies",
        "backfill",
        "collect",
        "costs",
        "db",
        "dlq",
        "export",
        "forecast",
        "outbox",
        "permissions",
        "plan",
        "query",
        "rates",
        "schema",
        "services",
        "status",
    ),
    # What some of them import when they need it.
    *("forward", "health"),
)


@contextmanager
def finfleet_runs() -> Iterator[RunsFinfleet]:
    """Runs them, until the end."""
    modules = ("workers.cli", "storage.migrate", *(f"workers.commands.{name}" for name in _COMMANDS))
    with prepared(*modules) as programs:
        yield lambda words, environment, cwd: programs.run("workers.cli:main", ["finfleet", *words], environment, cwd)


def as_text(done: "subprocess.CompletedProcess[bytes]") -> "subprocess.CompletedProcess[str]":
    """The same, decoded."""
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())
