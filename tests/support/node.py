"""Node, and packages for it, where this machine has them."""

import fcntl
import os
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

import pytest

from tests.support.environment import of_this_machine

_CACHE = Path(__file__).parents[2] / ".venv-node"
_INSTALL = (
    "install",
    "--no-package-lock",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
    "--fetch-retries=1",
)


def node_modules(package: Path, seconds: int = 60) -> Path:
    """The installed packages of a `package.json`, kept between runs; skips where there is no Node, npm or network."""
    if not shutil.which("node") or not shutil.which("npm"):
        # finfleet itself needs no Node: without it that is untested, and -ra says so.
        pytest.skip(f"node and npm are not installed: nothing that needs {package.parent.name} is tested")
    text = package.read_bytes()
    home = _CACHE / sha256(text).hexdigest()[:12]
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("wb") as lock:
        # Several tests may want it at once, each in a process of its own.
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install(package, home, text, seconds)
    return home / "node_modules"


def _install(package: Path, home: Path, text: bytes, seconds: int) -> None:
    if not (home / "installed").exists():
        (home / "package.json").write_bytes(text)
        try:
            done = subprocess.run(
                ["npm", *_INSTALL], cwd=home, capture_output=True, text=True, check=False, timeout=seconds
            )
        except subprocess.TimeoutExpired:
            # Whether npm's registry is reached is not for this project to say.
            pytest.skip(f"npm cannot install {package.parent.name} within {seconds} s: it is not reached from here")
        if done.returncode:
            # The same: the example's package is all that is missing.
            pytest.skip(f"npm cannot install {package.parent.name}: {done.stderr.strip()[:300]}")
        (home / "installed").touch()


def run_node(script: Path, modules: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script with installed packages."""
    kept = {name: value for name, value in os.environ.items() if name not in set(of_this_machine(os.environ))}
    environment = {**kept, "NODE_PATH": str(modules), **variables}
    return subprocess.run(
        ["node", str(script)], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
