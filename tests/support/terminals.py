"""A program on a terminal of a size: a pseudo terminal, of which what was shown is read."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class OnTerminal:
    """One that runs there."""

    process: "subprocess.Popen[bytes]"
    _said: bytearray = field(default_factory=bytearray)
    _reading: threading.Thread | None = None

    @property
    def text(self) -> str:
        """What was written so far."""
        return self._said.decode(errors="replace").replace("\r\n", "\n")

    def interrupt(self) -> None:
        """As Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def wait(self, within: float = 60.0) -> int:
        """Its exit status, once all that it wrote is read."""
        status = self.process.wait(within)
        if self._reading is not None:
            self._reading.join(within)
        return status


@contextmanager
def on_terminal(
    words: Sequence[str], environment: Mapping[str, str], directory: Path, *, columns: int = 80, lines: int = 24
) -> Iterator[OnTerminal]:
    """`finfleet WORDS` on a terminal of that size; killed in the end where it still runs."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    environment = {name: value for name, value in environment.items() if name not in {"COLUMNS", "LINES"}}
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "workers.cli", *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        cwd=directory,
        start_new_session=True,
    )
    os.close(theirs)
    running = OnTerminal(process)

    def read() -> None:
        try:
            while data := os.read(ours, 65536):
                running._said.extend(data)
        except OSError:  # Linux says so where nobody has the other side open any more
            return

    running._reading = threading.Thread(target=read)
    running._reading.start()
    try:
        yield running
    finally:
        process.kill()
        process.wait()
        running._reading.join()
        os.close(ours)
