"""Processes of a program that is started again and again: each is a fork of one that has imported everything.

To import takes a second of a processor; what is started thirty times need not do that thirty times. Nothing of the
program has run in the one that is forked, which has no thread, no connection and no file of its own.
"""

import gc
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.support.processes import ended, until_ended


class Fork:
    """One of them, which runs until it ends or is killed."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    @property
    def ended(self) -> bool:
        """Whether it runs no more."""
        return ended(self.pid)

    def send_signal(self, number: signal.Signals) -> None:
        """Unless it has ended."""
        if not self.ended:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, and wait until it is gone."""
        self.send_signal(signal.SIGKILL)
        until_ended([self.pid])


class Prepared:
    """Starts them."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._lock = threading.Lock()

    @contextmanager
    def running(self, function: str, argv: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[Fork]:
        """A fork that calls ``module:function`` with these arguments and variables; killed in the end.

        What it says is appended to the log.
        """
        asked = {"function": function, "argv": [*argv], "environment": {**environment}, "output": [str(log)] * 2}
        fork = Fork(self._ask(asked))
        try:
            yield fork
        finally:
            fork.kill()

    def run(
        self, function: str, argv: Sequence[str], environment: Mapping[str, str], cwd: Path
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run one to its end: its status, and what it wrote. It has nothing to read."""
        with TemporaryDirectory() as directory:
            files = [Path(directory) / name for name in ("stdout", "stderr")]
            output = [str(file) for file in files]
            asked = {"function": function, "argv": [*argv], "environment": {**environment}, "output": output}
            status = self._ask({**asked, "cwd": str(cwd), "wait": True})
            return subprocess.CompletedProcess(argv, status, *(file.read_bytes() for file in files))

    def _ask(self, asked: Mapping[str, Any]) -> int:
        assert self._process.stdin
        assert self._process.stdout
        with self._lock:
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())


@contextmanager
def prepared(*modules: str) -> Iterator[Prepared]:
    """What has imported these modules."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-P", "-m", "tests.support.prepared", *modules],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    with process:
        yield Prepared(process)
        assert process.stdin
        process.stdin.close()
        assert process.wait(30) == 0


def _become(asked: dict[str, Any]) -> None:
    """Be what was asked for."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked.get("cwd", "."))
    sys.argv = asked["argv"]
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, file in enumerate(asked["output"], start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), number)
    module, _, name = asked["function"].partition(":")
    getattr(import_module(module), name)()


def _serve() -> None:
    for module in sys.argv[1:]:
        import_module(module)
    # Whoever looks for garbage among what all forks share has to copy it first.
    gc.collect()
    gc.freeze()
    # Read to the byte: what a buffer holds, a fork would have too.
    while line := _read_line():
        asked = json.loads(line)
        # Whoever does not wait looks at the process itself; the kernel clears away what has ended.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL if "wait" in asked else signal.SIG_IGN)
        fork = os.fork()
        if fork == 0:
            _become(asked)
            return
        told = os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1]) if "wait" in asked else fork
        os.write(1, f"{told}\n".encode())


def _read_line() -> bytes:
    line = b""
    while not line.endswith(b"\n") and (piece := os.read(0, 1 << 20)):
        line += piece
    return line


if __name__ == "__main__":
    _serve()
