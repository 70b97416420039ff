"""What the local stack keeps in its state directory, beside the data of the servers; all closed to other users.

up.json                 the running stack, while it is ready: see `LocalStack`
pgpass                  the password of the embedded Postgres, for psql
signing.key             of planner and ingest
flower.password         of the user `finfleet`
flower.port             of the last run, so that the address stays the same
metrics.ports           likewise, of each process
prometheus.json         where a Prometheus finds them, while the stack runs
logs/NAME.log           the output of a process; NAME.log.1 and NAME.log.2, what came before
logs/up.log             what happened: each start, end and restart
run/NAME                touched by a process when it is ready and when it has done something
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telemetry.private import open_private
from telemetry.redact import redact
from workers.embedded.logs import tidy
from workers.embedded.ports import LOOPBACK, free_port, remembered_port, taken
from workers.embedded.state import private_directory, secret, write_private

USER = "finfleet"
"""The name that Flower asks for, and that the embedded Postgres knows us by."""
_TAIL_BYTES = 8192


@dataclass(frozen=True)
class StateFiles:
    """The files of one state directory."""

    state: Path

    def prepare(self) -> None:
        """Make the directories, and forget what a run that was killed has left."""
        for directory in (self.logs, self._signs):
            private_directory(directory)
        for stale in self._signs.iterdir():
            stale.unlink()
        tidy(self.logs)
        self.prometheus.unlink(missing_ok=True)
        self.remove_report()

    @property
    def logs(self) -> Path:
        """The directory of the processes' logs."""
        return self.state / "logs"

    @property
    def _signs(self) -> Path:
        return self.state / "run"

    @property
    def report(self) -> Path:
        """The description of the running stack."""
        return self.state / "up.json"

    @property
    def metrics_ports(self) -> Path:
        """The ports of the processes' metrics."""
        return self.state / "metrics.ports"

    @property
    def prometheus(self) -> Path:
        """Where a Prometheus finds the processes' metrics."""
        return self.state / "prometheus.json"

    @property
    def pgpass(self) -> Path:
        """A PGPASSFILE."""
        return self.state / "pgpass"

    @property
    def flower_password(self) -> Path:
        """The file with Flower's password."""
        return self.state / "flower.password"

    def log(self, name: str) -> Path:
        """The log of a process."""
        return self.logs / f"{name}.log"

    def sign_of_life(self, name: str) -> Path:
        """The file that a process touches."""
        return self._signs / name

    def write_report(self, report: Mapping[str, Any]) -> None:
        """Replace the description of the running stack as a whole."""
        write_private(self.report, json.dumps(report, indent=2) + "\n")

    def remove_report(self) -> None:
        """The stack is no longer ready, or no longer there."""
        self.report.unlink(missing_ok=True)

    def write_pgpass(self, port: int, password: str) -> None:
        """Let psql find the password of the embedded Postgres."""
        write_private(self.pgpass, f"{LOOPBACK}:{port}:*:{USER}:{password}\n")

    def signing_key(self) -> str:
        """What planner and ingest sign and accept attempts with; made at the first call."""
        return secret(self.state / "signing.key")

    def flower_secret(self) -> str:
        """Flower's password; made at the first call."""
        return secret(self.flower_password)

    def flower_port(self) -> int:
        """The port of the last run where nobody has taken it, else a free one, which is kept for the next run."""
        kept = self.state / "flower.port"
        last = remembered_port(kept)
        port = free_port() if last is None or taken(last) else last
        write_private(kept, str(port))
        return port


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log, indented, with secrets masked."""
    try:
        descriptor = open_private(log, os.O_RDONLY)
    except OSError:
        found = []
    else:
        with os.fdopen(descriptor, "rb") as file:
            file.seek(max(0, os.fstat(descriptor).st_size - _TAIL_BYTES))
            found = file.read().decode(errors="replace").splitlines()
    return redact("\n".join(f"  {line}" for line in found[-lines:])) or "  (nothing)"
