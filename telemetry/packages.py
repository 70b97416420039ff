"""Whether our packages are ours: others install some under the same names (openai-agents brings ``agents``, too)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from telemetry.errors import ConfigError

PACKAGES = ("telemetry", "agents", "storage", "tasks", "workers", "migrations")
_HOME = Path(__file__).resolve().parent.parent
_REMEDY = "install finfleet into a virtual environment of its own (docs/deployment.md)"


def check_packages(home: Path = _HOME) -> None:
    """ConfigError where Python would import another distribution's package in the place of one of ours.

    ``home`` is the directory that holds ours. It takes some milliseconds: no file of another distribution is imported.
    """
    problems = [fault for name in PACKAGES for fault in _faults(home, name)]
    if problems:
        raise ConfigError("installation", tuple(problems))


def _faults(home: Path, name: str) -> Iterator[str]:
    ours = home / name / "__init__.py"
    module = sys.modules.get(name)
    spec = module.__spec__ if module is not None else find_spec(name)
    found = Path(spec.origin).resolve() if spec is not None and spec.origin else None
    if found is not None and found != ours:
        yield f"package {name}: Python finds {found}, which is not finfleet's ({ours}): {_REMEDY}"
        return
    others = sorted(_also_bring(home, name))
    if others:
        yield f"package {name}: {', '.join(others)} brings one of the same name into {home}: {_REMEDY}"


def _also_bring(home: Path, name: str) -> Iterator[str]:
    """Other distributions that say they have installed a package of that name beside ours."""
    wanted = f"{name}/__init__.py,".encode()
    for record in home.glob("*.dist-info/RECORD"):
        distribution = record.parent.name.partition("-")[0].replace("_", "-")
        text = record.read_bytes()
        if distribution != "finfleet" and (text.startswith(wanted) or b"\n" + wanted in text):
            yield distribution
