"""The server of OpenFinOps as docker-compose.yml starts it and looks at it."""

import subprocess
from pathlib import Path

import pytest

from emulators.openfinops.environment import openfinops_python
from tests.support import manifests
from tests.support.waiting import until
from workers.embedded.ports import free_port


@pytest.mark.timeout(120)
def test_its_command_line_and_its_health_check(tmp_path: Path) -> None:
    service = manifests.compose()["services"]["openfinops"]
    dockerfile = [rest for word, rest in manifests.dockerfile() if word == "CMD" and "openfinops" in rest]
    assert len(dockerfile) == 1
    port, python = free_port(), str(openfinops_python())

    def here(words: list[str]) -> list[str]:
        assert words[0] == "python"
        return [python, *(word.replace("8080", str(port)).replace("0.0.0.0", "127.0.0.1") for word in words[1:])]  # noqa: S104 - what is replaced

    def healthy() -> bool:
        kind, *words = service["healthcheck"]["test"]
        assert kind == "CMD"
        return subprocess.run(here(words), capture_output=True, timeout=60, check=False).returncode == 0

    assert not healthy()
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(here(service["command"]), cwd=tmp_path, stdout=log, stderr=log)
    try:
        until(healthy, 60, f"OpenFinOps is healthy: {(tmp_path / 'log').read_text()}")
        assert (tmp_path / "telemetry.db").exists(), "its database is in the directory that is a volume"
        process.terminate()
        process.wait(30)
    finally:
        process.kill()
        process.wait()
