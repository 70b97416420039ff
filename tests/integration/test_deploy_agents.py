"""The command lines of the standalone agents, as k8s/telemetry-agents.yaml and the systemd unit have them."""

import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from agents.core.service import services
from tests.support import manifests
from tests.support.manifests import Command
from tests.support.waiting import until

_GENERIC: Command = ("python", "-m", "agents.generic_telemetry_agent")


def _agents() -> set[Command]:
    return {command for command in manifests.commands() if command[0] == "python" and command[1] == "-m"}


def test_each_is_a_program_of_ours() -> None:
    providers = {provider for provider, _ in services()}
    assert _GENERIC in _agents()
    for command in _agents():
        provider = command[2].removeprefix("agents.").removesuffix("_telemetry_agent")
        assert provider in manifests.PROVIDERS
        if provider in providers:
            assert find_spec(command[2]) is not None, command


@pytest.mark.timeout(120)
def test_the_generic_one_collects_into_its_spool_and_stops(tmp_path: Path) -> None:
    (tmp_path / "telemetry.yaml").write_text("generic: {services: [host], collection_interval: 5}", encoding="utf-8")
    spool = tmp_path / "spool"
    variables = {
        "FINFLEET_CONFIG": "telemetry.yaml",
        "FINFLEET_SPOOL": str(spool),
        "COLLECTION_INTERVAL": "5",
        "OPENFINOPS_ENDPOINT": "http://127.0.0.1:1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    named = {
        variable["name"]
        for _, document in manifests.kubernetes()
        for _, container in manifests.pods(document)
        if tuple(container["command"]) == _GENERIC
        for variable in container["env"]
    }
    assert variables.keys() - named == {"PYTHONPATH"}, "the manifest gives it all that it gets here"
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *_GENERIC[1:]], env={**os.environ, **variables}, cwd=tmp_path, stdout=log, stderr=log
        )
    try:
        until(lambda: _waits(process, spool), 60, "a batch waits for OpenFinOps, which is away")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, (tmp_path / "log").read_text()
    finally:
        process.kill()
        process.wait()


def _waits(process: "subprocess.Popen[bytes]", spool: Path) -> bool:
    assert process.poll() is None
    return any("lock" not in path.name and _size(path) > 0 for path in spool.rglob("*"))


def _size(path: Path) -> int:
    """0 also where it has got another name meanwhile."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0
