"""The sign of life: a file that a process touches when it has done work, or has looked for some and found none.

Its age is how long the process has done neither. Beside it, ``NAME.why`` says in one line why a sign is withheld. Under
systemd each sign goes to the watchdog as well.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from telemetry.private import open_private, write_anew
from telemetry.redact import redact

logger = logging.getLogger(__name__)

HEARTBEAT_VARIABLE = "FINFLEET_HEARTBEAT"
"""Names the file."""


@dataclass
class Pulse:
    """The sign of life of this process, for whoever in it passes it on."""

    #: Monotonic seconds of the last one.
    given_at: float = field(default_factory=time.monotonic)
    #: Why it is withheld, or empty.
    why: str = ""


PULSE = Pulse()
"""That of this process."""


@dataclass(frozen=True)
class Heartbeat:
    """The file of one process; with None, nobody wants to know, and nothing is written."""

    path: Path | None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Heartbeat:
        """The file that FINFLEET_HEARTBEAT names."""
        name = environ.get(HEARTBEAT_VARIABLE)
        return cls(Path(name) if name else None)

    def give(self) -> None:
        """The process works. A file that cannot be written ends nothing: its age says enough."""
        PULSE.given_at, PULSE.why = time.monotonic(), ""
        _tell_systemd()
        if self.path is None:
            return
        try:
            descriptor = open_private(self.path, os.O_WRONLY | os.O_CREAT)
            # First: who sees the sign sees no reason beside it.
            self._why.unlink(missing_ok=True)
            os.utime(descriptor)
            os.close(descriptor)
        except OSError as error:
            logger.warning("the sign of life %s cannot be given: %s", self.path, error)

    def withhold(self, reason: str) -> None:
        """The process does not work, and why; the sign stays as old as it is."""
        PULSE.why = " ".join(redact(reason).split())
        if self.path is None:
            return
        with contextlib.suppress(OSError):
            write_anew(self._why, PULSE.why)

    def age(self) -> float | None:
        """Seconds since the last sign; None where there was none yet."""
        try:
            return None if self.path is None else max(0.0, time.time() - self.path.stat().st_mtime)
        except FileNotFoundError:
            return None

    def why(self) -> str:
        """Why it is withheld; empty where nothing was said."""
        try:
            return "" if self.path is None else self._why.read_text(encoding="utf-8", errors="backslashreplace")
        except OSError:
            return ""

    @property
    def _why(self) -> Path:
        path = self.path or Path()
        return path.with_name(f"{path.name}.why")


def _tell_systemd() -> None:
    """Where systemd has started the process: it is ready, and its watchdog may wait again."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        # An @ stands for the zero byte of an abstract name.
        notify.connect(address.replace("@", "\0", 1) if address.startswith("@") else address)
        notify.send(b"READY=1\nWATCHDOG=1")
