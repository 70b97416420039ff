"""What the embedded servers have in common: a directory, a port, a process, and the wait until it answers."""

import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from pydantic import SecretStr

from workers.embedded import ports
from workers.embedded.errors import EmbeddedServerError, ServerStartError
from workers.embedded.logs import LogPipe
from workers.embedded.spawn import stop
from workers.embedded.state import StateLock, private_directory, write_private

_PORTS_TO_TRY = 5
_LOG_LINES = 15


class EmbeddedServer(ABC):
    """A server of our own in `state/<name>`: its log, its secrets, its data.  A context manager.

    It ends with this process, however this process ends, and starts again on the data that it left.
    """

    name: ClassVar[str]
    """What it is called in messages."""

    folder_name: ClassVar[str]
    """Its directory in the state directory."""

    stop_steps: ClassVar[tuple[tuple[signal.Signals, float], ...]]
    """Signals, each with the seconds to wait after it, that end it."""

    start_within: ClassVar[float] = 120.0
    """Seconds until it must answer; recovery after a crash is part of it."""

    def __init__(self, state: Path, settings: Mapping[str, str] | None = None) -> None:
        """Name the state directory and settings of the server's own that differ; nothing is touched yet."""
        self._state = state
        self._folder = state / self.folder_name
        self._settings = dict(settings or {})
        self._lock = StateLock(self._folder)
        self._process: subprocess.Popen[bytes] | None = None
        #: What its output goes through on the way to the log; straight to the file where None.
        self.pipe: LogPipe | None = None

    @property
    @abstractmethod
    def url(self) -> SecretStr:
        """The address with name and password: of the running server, or of the last run."""

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The server's process; raises EmbeddedServerError before the start."""
        if self._process is None:
            raise EmbeddedServerError(f"{self.name} in {self._folder} is not started: call start()")
        return self._process

    @property
    def log(self) -> Path:
        """The file that the server writes its messages to."""
        return self._folder / "server.log"

    def start(self, *, port: int | None = None) -> None:
        """Start it, on what is there or on nothing, and return when it answers.  A running one is left alone.

        Args:
            port: where it must listen; that of the last run where None, or another if that one is taken.

        Raises:
            StateInUseError: another run has a server on this state.
            DataVersionError: the data are of another major version.
            ServerStartError: it ended, or did not answer in time.
            EmbeddedServerError: no program for it, or its directory cannot be used.
        """
        if self._process is not None and self._process.poll() is None:
            return
        private_directory(self._state)
        self._lock.acquire()
        try:
            self._prepare()
            self._launch(port)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop it within its deadline, and let go of its directory.  One that does not run is left alone."""
        if self._process is not None:
            stop(self._process, *self.stop_steps)
            self._process = None
        self._lock.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _output(self) -> Path | int:
        """Where its next process writes to."""
        return self.log if self.pipe is None else self.pipe.begin()

    @abstractmethod
    def _prepare(self) -> None:
        """Bring the data directory into a state that the server can start on."""

    @abstractmethod
    def _spawn(self, port: int) -> subprocess.Popen[bytes]:
        """Start the program on a port."""

    @abstractmethod
    def _answers(self, port: int) -> bool:
        """Whether the server, which listens there, takes connections."""

    def _is_ready(self, process: subprocess.Popen[bytes], port: int) -> bool:
        # Asked of the process first, so that no password reaches whoever else took the port.
        return ports.listens(process.pid, port) and self._answers(port)

    @property
    def _port(self) -> int:
        port = ports.remembered_port(self._folder / "port")
        if port is None:
            raise EmbeddedServerError(f"there is no {self.name} in {self._folder} yet: start it first")
        return port

    def _launch(self, wanted: int | None) -> None:
        """Start on the port of the last run, so that addresses stay the same, or on another where it is taken."""
        if wanted is not None and ports.taken(wanted):
            raise ServerStartError(f"{self.name} must listen on port {wanted}, which another process has taken")
        last = wanted or ports.remembered_port(self._folder / "port")
        port = ports.free_port() if last is None or ports.taken(last) else last
        for _ in range(1 if wanted else _PORTS_TO_TRY):
            self._process = self._spawn(port)
            if self._wait_until_ready(self._process, port):
                write_private(self._folder / "port", str(port))
                return
            if not ports.taken(port):
                break
            port = ports.free_port()
        raise self._failure(f"ended while it started (status {self._process.returncode if self._process else '?'})")

    def _wait_until_ready(self, process: subprocess.Popen[bytes], port: int) -> bool:
        """True when it answers, False when it has ended."""
        deadline = time.monotonic() + self.start_within
        while process.poll() is None:
            if self._is_ready(process, port):
                return True
            if time.monotonic() > deadline:
                raise self._failure(f"did not answer within {self.start_within:g} s")
            time.sleep(0.02)
        return False

    def _failure(self, what: str) -> ServerStartError:
        if self.pipe is not None:
            self.pipe.settle()
        regular = self.log.exists() and not self.log.is_symlink()
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines() if regular else []
        tail = "\n  ".join(lines[-_LOG_LINES:]) or "(nothing)"
        return ServerStartError(f"{self.name} {what}; the end of {self.log} may say why:\n  {tail}")
