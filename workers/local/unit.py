"""A process that can be kept running: a program of ours, or an embedded server."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from workers.embedded import EmbeddedPostgres, EmbeddedServerError, spawn, stop
from workers.embedded.logs import LogPipe
from workers.embedded.ports import listens
from workers.embedded.server import EmbeddedServer
from workers.local.files import StateFiles

METRICS_VARIABLE = "FINFLEET_METRICS_PORT"


class Unit(Protocol):
    """What a supervisor needs of a process."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def log(self) -> Path:
        """Where its output goes."""

    @property
    def pid(self) -> int | None:
        """The number of the process that runs; None where none does."""

    def start(self) -> None:
        """Start it; may block until it answers. Raises EmbeddedServerError or OSError."""

    def ready(self) -> bool:
        """Whether it does its work already."""

    def clear(self) -> str:
        """Clear away what a process that has ended by itself left behind; return how it ended."""

    def check_log(self) -> None:
        """Raise what keeps its output from being written just now; it goes on all the same."""

    def stop(self) -> None:
        """End it in order, within its grace; it is not started again."""

    def kill(self) -> None:
        """End it at once; from any thread."""


@dataclass(frozen=True)
class Program:
    """One program that is to run."""

    name: str
    #: Public: never a secret.
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    #: Seconds that it has to end what it is doing.
    grace: float = 30.0
    #: Ready when it listens there; else when it gives its sign of life.
    port: int | None = None
    #: Gives the port that its next process shows metrics on; None: nowhere.
    metrics_port: Callable[[], int] | None = field(default=None, repr=False)

    def variables(self) -> Mapping[str, str]:
        """The environment of its next process."""
        if self.metrics_port is None:
            return self.environment
        return {**self.environment, METRICS_VARIABLE: str(self.metrics_port())}


class ProgramUnit:
    """A program as a child process."""

    def __init__(self, program: Program, files: StateFiles, inherit: int) -> None:
        """Name the program. It inherits the descriptor ``inherit``: the lock of the state directory."""
        self.name = program.name
        self.log = files.log(program.name)
        self._program = program
        self._sign = files.sign_of_life(program.name)
        self._inherits = inherit
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe = LogPipe(self.log)

    @property
    def pid(self) -> int | None:
        """See Unit."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """See Unit; returns at once."""
        self._sign.unlink(missing_ok=True)
        # SIGKILL when we are gone: nothing is lost by it, and without its servers it would wait for them in vain.
        self._process = spawn(
            self._program.command,
            log=self._pipe.begin(),
            env=self._program.variables(),
            death_signal=signal.SIGKILL,
            pass_fds=[self._inherits],
        )

    def ready(self) -> bool:
        """See Unit."""
        if self._program.port is None:
            return self._sign.exists()
        return self.pid is not None and listens(self.pid, self._program.port)

    def clear(self) -> str:
        """See Unit."""
        if self._process is None:
            return "not started"
        status = stop(self._process)
        self._pipe.settle()
        return ending(status)

    def check_log(self) -> None:
        """See Unit."""
        self._pipe.check()

    def stop(self) -> None:
        """See Unit."""
        if self._process is not None:
            stop(self._process, (signal.SIGTERM, self._program.grace))
        self._pipe.close()

    def kill(self) -> None:
        """See Unit."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)


class ServerUnit:
    """An embedded server."""

    def __init__(self, server: EmbeddedServer) -> None:
        """Name the server."""
        self.name = server.folder_name
        self.log = server.log
        self._server = server
        self._pipe = server.pipe = LogPipe(server.log)
        self._port: int | None = None

    @property
    def _process(self) -> subprocess.Popen[bytes] | None:
        try:
            return self._server.process
        except EmbeddedServerError:
            return None

    @property
    def pid(self) -> int | None:
        """See Unit."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """See Unit; returns when the server answers, each time on the same port: it is all that the others know."""
        self._server.start(port=self._port)
        self._port = urlsplit(self._server.url.get_secret_value()).port

    def ready(self) -> bool:
        """See Unit: its start has waited for it."""
        return True

    def clear(self) -> str:
        """See Unit: its next start clears up."""
        status = None if self._process is None else self._process.returncode
        self._pipe.settle()
        return "not started" if status is None else ending(status)

    def check_log(self) -> None:
        """See Unit."""
        self._pipe.check()

    def stop(self) -> None:
        """See Unit."""
        self._server.stop()
        self._pipe.close()

    def kill(self) -> None:
        """See Unit."""
        process = self._process
        if process is not None:
            # Postgres has to end its backends, which SIGKILL would leave behind.
            process.send_signal(signal.SIGQUIT if isinstance(self._server, EmbeddedPostgres) else signal.SIGKILL)


def ending(status: int) -> str:
    """An exit status as a person reads it: ``status 1``, ``SIGKILL``."""
    if status >= 0:
        return f"status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
