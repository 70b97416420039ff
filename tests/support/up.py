"""Run `finfleet up` beside the test."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.support.processes import ended
from tests.support.users import User
from tests.support.waiting import until

START_WITHIN = 60.0


@dataclass
class Up:
    """A running `finfleet up`, and what it has said."""

    process: "subprocess.Popen[bytes]"
    state: Path
    output: Path

    @property
    def report(self) -> dict[str, Any]:
        """`up.json` as it is now."""
        report: dict[str, Any] = json.loads((self.state / "up.json").read_text())
        return report

    @property
    def pids(self) -> dict[str, int]:
        """The processes by name."""
        pids: dict[str, int] = self.report["processes"]
        return pids

    @property
    def said(self) -> str:
        """Standard output and error so far."""
        return self.output.read_text()

    def family(self) -> list[int]:
        """Every process that it has started, and theirs, the watcher included."""
        return [child.pid for child in psutil.Process(self.process.pid).children(recursive=True)]

    def wait_ready(self) -> None:
        """Until `up.json` is there."""

        def look() -> bool:
            assert self.process.poll() is None, f"it ended with status {self.process.returncode}:\n{self.said}"
            return (self.state / "up.json").exists()

        until(look, START_WITHIN, "finfleet up is ready")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(60)


def command(state: Path, *options: str, python: str = sys.executable) -> list[str]:
    """The command line of `finfleet up`."""
    return [python, "-W", "error", "-m", "workers.cli", "up", "--state", str(state), *options]


def environment(**variables: str) -> Mapping[str, str]:
    """What a run gets: the test's own, and `variables`."""
    return {**os.environ, **variables}


@contextmanager
def finfleet_up(
    state: Path,
    *options: str,
    user: User | None = None,
    variables: Mapping[str, str] | None = None,
    python: str = sys.executable,
) -> Iterator[Up]:
    """`finfleet up` in the directory of its state, without a configuration: it collects this machine only.

    By `python`, unless a user brings one. It is ready when the block begins, and killed at the end of it where it still
    runs.
    """
    output = state.parent / f"{state.name}.output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            command(state, *options, python=str(user.python) if user else python),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            cwd=state.parent,
            env=environment(**(variables or {}), **(user.environment if user else {})),
            user=user.account.uid if user else None,
            group=user.account.gid if user else None,
            extra_groups=[] if user else None,
        )
    up = Up(process, state, output)
    family: list[int] = []
    try:
        up.wait_ready()
        family = up.family()
        yield up
    finally:
        process.kill()
        process.wait()
        until(lambda: all(map(ended, family)), 20, "nothing is left of finfleet up")


def documented_exports(state: Path) -> dict[str, str]:
    """What a shell has after the lines of docs/operations.md that point it to the servers of `finfleet up`."""
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    lines = [line.replace(".finfleet", str(state)) for line in page.splitlines() if line.startswith("export ")]
    assert len(lines) == 3
    done = subprocess.run(
        ["/bin/sh", "-ec", "\n".join([*lines, "env -0"])], env={}, capture_output=True, text=True, check=True
    )
    variables = dict(variable.split("=", 1) for variable in done.stdout.split("\0") if "=" in variable)
    return {name: value for name, value in variables.items() if name.startswith(("FINFLEET_", "PGPASS"))}


def run_up(state: Path, *options: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run one that is expected to end by itself."""
    return subprocess.run(
        command(state, *options),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=state.parent,
        env=environment(**variables),
        timeout=60,
        check=False,
    )
