"""The command line as a program, with the servers of a test."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.command_runs import RunsFinfleet


@dataclass(frozen=True)
class CommandLine:
    """`finfleet` with a database and a broker."""

    directory: Path
    database_url: str
    broker_url: str
    #: Runs what need not be a process of its own from its start.
    program: RunsFinfleet | None = None

    def start(self, *words: str, **variables: str) -> "subprocess.Popen[bytes]":
        """Start a command, and do not wait for it."""
        return subprocess.Popen(
            self._line(words), env=self._environment(variables), cwd=self.directory, stdout=-1, stderr=-1
        )

    def run(self, *words: str, status: int = 0, **variables: str) -> "subprocess.CompletedProcess[bytes]":
        """Run a command; it must end with ``status``."""
        # What Python looks at when it starts is for a process of its own.
        if self.program is None or any(name.startswith("PYTHON") for name in variables):
            return self._run(self._line(words), status, variables)
        return _check(self.program(words, self._environment(variables), self.directory), status)

    def python(self, program: str, *, status: int = 0) -> "subprocess.CompletedProcess[bytes]":
        """Run a program of the test's own, with the same variables."""
        return self._run([sys.executable, "-W", "error", "-c", program], status, {})

    def _run(self, line: list[str], status: int, variables: Mapping[str, str]) -> "subprocess.CompletedProcess[bytes]":
        done = subprocess.run(
            line,
            env=self._environment(variables),
            cwd=self.directory,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return _check(done, status)

    def _line(self, words: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-W", "error", "-m", "workers.cli", *words]

    def _environment(self, variables: Mapping[str, str]) -> Mapping[str, str]:
        servers = {"FINFLEET_DATABASE_URL": self.database_url, "FINFLEET_BROKER_URL": self.broker_url}
        return {**os.environ, **servers, **variables}


def _check(done: "subprocess.CompletedProcess[bytes]", status: int) -> "subprocess.CompletedProcess[bytes]":
    assert done.returncode == status, (done.stdout + done.stderr).decode(errors="replace")
    return done
