"""What Python loads for the facts of services and providers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable

from agents.core.provider import providers

FLEET = ("alembic", "celery", "flower", "kombu", "psycopg", "redis", "sqlalchemy")
"""What a collector's machine need not have."""

_PROGRAM = """
import importlib, json, sys
sys.path[:] = {path!r}
for name in {modules!r}:
    importlib.import_module(name)
from agents.core.service import services
services()
print(json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""


def sdks() -> set[str]:
    """The packages, by their first names, that reading the registry must not load: every SDK, and the fleet's."""
    return {module.partition(".")[0] for provider in providers().values() for module in provider.sdk} | set(FLEET)


def loaded_by(modules: Iterable[str]) -> set[str]:
    """The packages, by their first names, that a Python has loaded after these modules and the whole registry.

    AssertionError where that fails, or warns.
    """
    # It finds what this process finds, wherever that was started.
    program = _PROGRAM.format(modules=list(modules), path=sys.path)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))
