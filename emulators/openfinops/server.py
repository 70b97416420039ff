"""The server as a process: started, found listening, stopped."""

from __future__ import annotations

import json
import select
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from emulators.openfinops import program
from emulators.openfinops.environment import openfinops_python

HOST = "127.0.0.1"
_STARTS_WITHIN = 60.0
_STOPS_WITHIN = 5.0


class OpenFinOpsNotStarted(RuntimeError):
    """The server ended, or never listened; the message ends with what it last wrote."""


class OpenFinOpsServer:
    """The server, with its database and its log in a directory of its own; it ends when this process does."""

    def __init__(self, directory: Path, python: Path | None = None, port: int = 0) -> None:
        """Start nothing yet.

        Args:
            directory: where ``telemetry.db`` and ``server.log`` are kept; a second server on it has the same data.
            python: a Python that has OpenFinOps; the one of the checkout, built at the first start, where None.
            port: of the loopback address; a free one where 0, the same again at a second start.
        """
        self.directory = directory
        self._python = python
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The base address; known from the first start on."""
        return f"http://{HOST}:{self._port}"

    @property
    def running(self) -> bool:
        """Whether the program runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> Path:
        """What the program writes, a line per request too."""
        return self.directory / "server.log"

    def start(self) -> None:
        """Start it and wait until it listens; OpenFinOpsNotStarted or OpenFinOpsNotBuilt where that fails."""
        python = self._python or openfinops_python()
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [python, "-I", program.__file__, "--host", HOST, "--port", str(self._port)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self.directory,
                start_new_session=True,  # a terminal's Ctrl-C is for us, who stop it then
                umask=0o077,
            )
        try:
            self._port = self._wait_for_port(self._process)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it and wait for that; what it has taken in stays in the directory."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            process.wait(_STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def last_lines(self) -> str:
        """The end of the log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-2000:]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_for_port(self, process: subprocess.Popen[bytes]) -> int:
        output = process.stdout
        assert output is not None  # noqa: S101 - opened above, for the type checker
        deadline = time.monotonic() + _STARTS_WITHIN
        readable, _, _ = select.select([output], [], [], deadline - time.monotonic())
        line = output.readline() if readable else b""
        if not line:
            raise OpenFinOpsNotStarted(f"OpenFinOps does not listen on {self.url}; it wrote:\n{self.last_lines()}")
        return int(json.loads(line)["port"])
