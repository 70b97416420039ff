"""What the demo runs on: the local AWS, OpenFinOps's own server, and ``finfleet up``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from emulators.demo.clouds import Cloud, running_clouds
from emulators.demo.config import write_config
from emulators.demo.place import place
from emulators.openfinops import OpenFinOpsServer
from workers.embedded import EmbeddedPostgres, spawn, stop

_STARTS_WITHIN = 60.0
#: A person's own settings and credentials have no place here.
_FOREIGN = ("AWS_", "AZURE_", "GOOGLE_", "CLOUDSDK_", "FINFLEET_")
_STOPS_WITHIN = 60.0


class DemoFailed(RuntimeError):
    """A part of the demo did not start."""


@dataclass(frozen=True)
class Stack:
    """Where everything listens."""

    state: Path
    clouds: tuple[Cloud, ...]
    openfinops_url: str
    up: dict[str, Any]
    database_url: SecretStr
    #: The directory of ``finfleet up``.
    home: Path
    process: subprocess.Popen[bytes]


@contextmanager
def running(state: Path, say: Callable[[str], None], terminal: int | None = None) -> Iterator[Stack]:
    """Start everything on a state directory of its own, which is emptied first; stop it in the end.

    Where something still lives in that directory, another one beside it is taken. ``finfleet up`` prints lines into a
    log there, or draws on a ``terminal``.
    """
    with ExitStack() as stack:
        state, lock = stack.enter_context(place(state, say))
        clouds = stack.enter_context(running_clouds(state))
        for cloud in clouds:
            say(f"local {cloud.name}: {cloud.holds}")
        say("OpenFinOps's own telemetry server")
        openfinops = stack.enter_context(OpenFinOpsServer(state / "openfinops"))
        config = state / "telemetry.yaml"
        write_config(config, clouds, openfinops_url=openfinops.url)
        say("finfleet: Postgres, Valkey, beat, plan, a worker per provider, ingest, forward, Flower")
        # On a terminal as a person starts it, who is in that directory.
        home = state / ("finfleet" if terminal is None else ".finfleet")
        process, up = stack.enter_context(_finfleet_up(home, config, clouds, lock, terminal))
        yield Stack(state, clouds, openfinops.url, up, EmbeddedPostgres(home).url, home, process)


@contextmanager
def _finfleet_up(
    home: Path, config: Path, clouds: Sequence[Cloud], lock: int, terminal: int | None
) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    for cloud in clouds:
        environment |= cloud.environment
    command = [sys.executable, "-m", "workers.cli", "--config", str(config), "up", "--state", str(home), "--plain"]
    log = config.parent / "up.log"
    if terminal is not None:
        command = [*command[:4], config.name, "up", "--state", home.name]
        environment |= {"TERM": "xterm-256color"}
        for name in ("NO_COLOR", "COLUMNS", "LINES"):
            environment.pop(name, None)
    with _process(command, log if terminal is None else terminal, environment, config.parent, lock) as process:
        ready = home / "up.json"
        _wait_for(ready, "finfleet up", process, log)
        yield process, json.loads(ready.read_text(encoding="utf-8"))


@contextmanager
def _process(
    command: list[str], log: Path | int, environment: dict[str, str], place: Path, lock: int
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that ends with us, however we end, and holds the directory until then."""
    process = spawn(command, log=log, env=environment, cwd=place, pass_fds=[lock])
    try:
        yield process
    finally:
        stop(process, (signal.SIGTERM, _STOPS_WITHIN))


def _wait_for(file: Path, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN
    while not file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            ended = "ended" if process.poll() is not None else "is not ready"
            last = log.read_text(encoding="utf-8", errors="replace")[-3000:] if log.exists() else ""
            raise DemoFailed(f"{name} {ended}; it wrote:\n{last}")
        time.sleep(0.05)
