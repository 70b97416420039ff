"""Flower behind a proxy: everything of it is below its prefix, its health check too."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.waiting import until
from workers.embedded.ports import free_port, listens

_PROGRAM = [sys.executable, "-P", "-m", "workers.cli"]


@pytest.mark.timeout(120)
def test_flower_below_a_prefix(redis_url: str, tmp_path: Path) -> None:
    port = free_port()
    # A file that Flower would run if it were let: it would open the doors.
    (tmp_path / "flowerconfig.py").write_text("basic_auth = []\nread_only = False\n")
    variables = {
        "FINFLEET_BROKER_URL": redis_url,
        "FLOWER_BASIC_AUTH": "somebody:canary-flower",
        "FLOWER_PORT": str(port),
        "FLOWER_URL_PREFIX": "/ops/flower/",
    }
    environment = {**os.environ, **variables}

    def health() -> tuple[int, str]:
        command = [*_PROGRAM, "health", "flower", "--liveness"]
        done = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        return done.returncode, done.stdout

    assert health()[0] == 1
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*_PROGRAM, "flower"], env=environment, cwd=tmp_path, stdout=log, stderr=log)
    try:
        until(lambda: listens(process.pid, port), 60, "Flower listens")
        assert health() == (0, f"flower: port {port} answers\n")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as stranger:
            assert stranger.get("/ops/flower/tasks").status_code == 401
            page = stranger.get("/ops/flower/workers", auth=("somebody", "canary-flower"))
            assert page.status_code == 200
            assert 'href="/ops/flower/tasks"' in page.text
            assert "/ops/flower/static/" in page.text
            assert stranger.get("/tasks", auth=("somebody", "canary-flower")).status_code == 404
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    assert "canary" not in (tmp_path / "log").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flowerconfig.py", "log"], "nothing is kept on disk"
