"""Run a program of ours beside the test, and look at what became of processes."""

import json
import os
import site
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

import tests.support.embedded_run
from tests.support.waiting import until

_ROOT = Path(__file__).parents[2]
_IMPORTS = [str(_ROOT), *site.getsitepackages()]  # for an interpreter outside of this environment


@contextmanager
def embedded_run(
    state: Path,
    *words: str,
    python: str = sys.executable,
    user: int | None = None,
    env: Mapping[str, str] | None = None,
    under: Sequence[str] = (),
) -> Iterator[tuple["subprocess.Popen[str]", dict[str, Any]]]:
    """The program `embedded_run`, started on a state directory, and its report; ended, with all that it started.

    Args:
        state: the directory.
        words: further arguments.
        python: the interpreter.
        user: whom it runs as.
        env: variables beside our own.
        under: a command that runs it, such as `setpriv` with options.
    """
    process = subprocess.Popen(
        [*under, python, "-W", "error", tests.support.embedded_run.__file__, str(state), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=state.parent,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(_IMPORTS), **(env or {})},
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )
    with process:
        assert process.stdin
        assert process.stdout
        line = process.stdout.readline()
        assert line, f"it ended with status {process.wait()}"
        report = json.loads(line)
        try:
            yield process, report
        finally:
            process.stdin.close()
            process.wait(60)
            until_ended(report["pids"])


def ended(pid: int) -> bool:
    """Whether no such process runs any more; one that nobody has collected has ended too."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def until_ended(pids: list[int], within: float = 20.0) -> None:
    """Fail the test unless all these processes end."""
    until(lambda: all(map(ended, pids)), within, f"processes still run: {[pid for pid in pids if not ended(pid)]}")


def working_in(directory: Path) -> list[int]:
    """Processes whose current directory is a directory or anything below it."""
    places = ((process.pid, process.info["cwd"]) for process in psutil.process_iter(["cwd"]))
    return [pid for pid, place in places if place and Path(place).is_relative_to(directory)]
