"""What the demo runs on: the local AWS, OpenFinOps's own server, and ``finfleet up``."""

from __future__ import annotations

import json
import os
import shutil
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
from emulators.openfinops import OpenFinOpsServer
from workers.embedded import EmbeddedPostgres

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
    process: subprocess.Popen[bytes]


@contextmanager
def running(state: Path, say: Callable[[str], None]) -> Iterator[Stack]:
    """Start everything on a state directory of its own, which is emptied first; stop it in the end."""
    shutil.rmtree(state, ignore_errors=True)
    # To be passed through, not looked into: started as root, Postgres runs as another user, inside of it.
    state.mkdir(parents=True)
    state.chmod(0o711)
    with ExitStack() as stack:
        clouds = stack.enter_context(running_clouds(state))
        for cloud in clouds:
            say(f"local {cloud.name}: {cloud.holds}")
        say("OpenFinOps's own telemetry server")
        openfinops = stack.enter_context(OpenFinOpsServer(state / "openfinops"))
        config = state / "telemetry.yaml"
        write_config(config, clouds, openfinops_url=openfinops.url)
        say("finfleet: Postgres, Valkey, beat, plan, a worker per provider, ingest, forward, Flower")
        process, up = stack.enter_context(_finfleet_up(state / "finfleet", config, clouds))
        database = EmbeddedPostgres(state / "finfleet").url
        yield Stack(state, clouds, openfinops.url, up, database, process)


@contextmanager
def _finfleet_up(
    state: Path, config: Path, clouds: Sequence[Cloud]
) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    for cloud in clouds:
        environment |= cloud.environment
    command = [sys.executable, "-m", "workers.cli", "--config", str(config), "up", "--state", str(state), "--plain"]
    log = config.parent / "up.log"
    with _process(command, log, environment) as process:
        ready = state / "up.json"
        _wait_for(ready, "finfleet up", process, log)
        yield process, json.loads(ready.read_text(encoding="utf-8"))


@contextmanager
def _process(command: list[str], log: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, start_new_session=True
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOPS_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(file: Path, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN
    while not file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            ended = "ended" if process.poll() is not None else "is not ready"
            last = log.read_text(encoding="utf-8", errors="replace")[-3000:]
            raise DemoFailed(f"{name} {ended}; it wrote:\n{last}")
        time.sleep(0.05)
