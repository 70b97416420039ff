"""A process of Celery's that ends without having been told to ends with a status that says so."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workers.embedded.ports import free_port

_PROGRAM = """
import importlib, sys
module, name, method = sys.argv.pop(1).split(":")
setattr(getattr(importlib.import_module(module), name), method, lambda *_, **__: None)
from workers.cli import main
main()
"""


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("celery.worker:WorkController:start", ("worker", "generic")),
        ("celery.beat:Service:start", ("beat",)),
        ("flower.app:Flower:start", ("flower",)),
    ],
)
def test_whatever_gives_up_says_so(what: str, words: tuple[str, ...], redis_url: str, tmp_path: Path) -> None:
    (tmp_path / "telemetry.yaml").write_text("generic: {services: [host]}", encoding="utf-8")
    variables = {"FINFLEET_BROKER_URL": redis_url, "FINFLEET_CONFIG": "telemetry.yaml", "FLOWER_BASIC_AUTH": "a:canary"}
    variables["FLOWER_PORT"] = str(free_port())
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, what, *words],
        env={**os.environ, **variables, "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
