"""The environment in which OpenFinOps runs: one of its own, since its dependencies are not ours.

Built once for a machine, under ``.venv-openfinops`` in the checkout, from ``requirements/openfinops.txt`` with hashes;
built again when that file, or our Python, changes.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CHECKOUT = Path(__file__).parents[2]
REQUIREMENTS = _CHECKOUT / "requirements" / "openfinops.txt"
DIRECTORY = _CHECKOUT / ".venv-openfinops"
_COMPLETE = "complete"


class OpenFinOpsNotBuilt(RuntimeError):
    """The environment cannot be built; the message says why, and what to do."""


def openfinops_python(directory: Path = DIRECTORY, requirements: Path = REQUIREMENTS) -> Path:
    """The Python program that has OpenFinOps; the first call on a machine builds it, which takes a minute or so.

    Any number of processes may call it at once: one builds, the others wait.

    Raises:
        OpenFinOpsNotBuilt: there are no requirements, or they could not be installed.
    """
    if not requirements.is_file():
        raise OpenFinOpsNotBuilt(f"{requirements} is not there: OpenFinOps is set up from a checkout of finfleet only")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(requirements.read_bytes() + version.encode()).hexdigest()[:12]
    environment = directory / digest
    python = environment / "bin" / "python"
    if (environment / _COMPLETE).exists() and python.exists():
        return python
    with _locked(directory):
        if not ((environment / _COMPLETE).exists() and python.exists()):
            _build(environment, requirements)
    return python


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(environment: Path, requirements: Path) -> None:
    for former in environment.parent.iterdir():
        if former.is_dir():
            shutil.rmtree(former)
    python = environment / "bin" / "python"
    _run([sys.executable, "-m", "venv", str(environment)])
    quiet = ["--quiet", "--no-input", "--disable-pip-version-check"]
    _run([str(python), "-m", "pip", "install", *quiet, "--require-hashes", "-r", str(requirements)])
    (environment / _COMPLETE).touch()


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise OpenFinOpsNotBuilt(
            f"the environment of OpenFinOps cannot be built: {' '.join(command[1:4])} ended with status "
            f"{done.returncode}; mend this and start again:\n{said}"
        )
