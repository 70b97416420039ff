"""How much memory and time something takes, measured in a process of its own (Linux)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple


class Cost(NamedTuple):
    """Of one thing."""

    megabytes: float
    seconds: float
    said: str


def measured(module: str, function: str) -> dict[str, Cost]:
    """What each of the callables costs that ``function()`` of ``module`` returns by name: a child measures them."""
    code = f"from tests.support import memory; from {module} import {function} as f; memory.report(f())"
    # One arena, so that what is freed is given back and the next peak is its own.
    environment = {
        **os.environ,
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_TRIM_THRESHOLD_": "65536",
        "MALLOC_MMAP_THRESHOLD_": "65536",
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {name: Cost(*values) for name, values in json.loads(done.stdout).items()}


def report(calls: Mapping[str, Callable[[], object]]) -> None:
    """Call each, and print the peak of memory above what there was at first, the seconds, and what it said."""
    found = {}
    base = _kilobytes("VmRSS")
    for name, call in calls.items():
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak starts anew
        start = time.process_time()
        said = str(call())[:200]
        found[name] = ((_kilobytes("VmHWM") - base) / 1024, time.process_time() - start, said)
    print(json.dumps(found))  # noqa: T201 - the answer to the parent


def _kilobytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
