"""The fleet's own processes, as a user starts them, on servers of a benchmark's own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg
import yaml

from benchmarks.load import KEY
from benchmarks.servers import Servers
from benchmarks.stub import add_stub


@dataclass
class Fleet:
    """Processes of one configuration."""

    folder: Path
    variables: Mapping[str, str]
    running: list[tuple[str, psutil.Popen]] = field(default_factory=list)

    def start(self, *words: str, count: int = 1, **variables: str) -> list[psutil.Popen]:
        """Start ``finfleet WORDS``, so many times."""
        started = []
        for number in range(count):
            name = f"{'-'.join(words)}-{len(self.running)}-{number}".replace("/", "")
            with (self.folder / f"{name}.log").open("wb") as log:
                process = psutil.Popen(
                    [sys.executable, "-P", "-m", "workers.cli", *words, *self._named(words, name)],
                    env={**self.variables, **variables},
                    stdout=log,
                    stderr=log,
                )
            self.running.append((" ".join(words[:2]), process))
            started.append(process)
        return started

    def cpu(self) -> dict[str, float]:
        """CPU-seconds so far by role."""
        found: dict[str, float] = {}
        for role, process in self.running:
            if process.is_running():
                times = process.cpu_times()
                found[role] = found.get(role, 0.0) + times.user + times.system
        return found

    def most_cpu(self) -> dict[str, float]:
        """The same, of the process of each role that has taken the most."""
        found: dict[str, float] = {}
        for role, process in self.running:
            if process.is_running():
                times = process.cpu_times()
                found[role] = max(found.get(role, 0.0), times.user + times.system)
        return found

    def stop(self) -> None:
        """End all of them."""
        for _, process in self.running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for _, process in self.running:
            try:
                process.wait(20)
            except (psutil.TimeoutExpired, subprocess.TimeoutExpired):
                process.kill()
        self.running.clear()

    @staticmethod
    def _named(words: tuple[str, ...], name: str) -> tuple[str, ...]:
        return ("--name", name) if words[0] == "worker" else ()


def servers_cpu() -> dict[str, float]:
    """CPU-seconds so far of the servers that this process has started, with what has ended of them."""
    found = {"postgres": 0.0, "valkey": 0.0}
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            times, name = process.cpu_times(), process.name()
            for server in found:
                if name.startswith(server):
                    found[server] += times.user + times.system + times.children_user + times.children_system
    return found


@contextmanager
def fleet(servers: Servers, folder: Path, configuration: Mapping[str, object]) -> Iterator[Fleet]:
    """A fleet without a process yet; ended at the end."""
    folder.mkdir()
    packages = folder / "packages"
    add_stub(packages)
    config = folder / "telemetry.yaml"
    config.write_text(yaml.safe_dump(dict(configuration)), encoding="utf-8")
    variables = {
        **{name: value for name, value in os.environ.items() if not name.startswith("FINFLEET_")},
        "FINFLEET_CONFIG": str(config),
        "FINFLEET_DATABASE_URL": servers.database.get_secret_value(),
        "FINFLEET_BROKER_URL": servers.broker.get_secret_value(),
        "FINFLEET_SIGNING_KEYS": KEY.get_secret_value(),
        "PYTHONPATH": os.pathsep.join([str(packages), str(Path(__file__).parents[1])]),
    }
    with ExitStack() as stack:
        made = Fleet(folder, variables)
        stack.callback(made.stop)
        yield made


def query(servers: Servers, statement: str, *values: object) -> list[tuple[object, ...]]:
    """What the database says."""
    with psycopg.connect(servers.database.get_secret_value(), autocommit=True) as connection:
        return connection.execute(statement.encode(), values).fetchall()


def until(holds: Callable[[], bool], within: float, what: str) -> None:
    """Wait until something holds."""
    end = time.monotonic() + within
    while not holds():
        if time.monotonic() > end:
            raise SystemExit(f"it did not come to pass within {within:.0f} s: {what}")
        time.sleep(0.2)
