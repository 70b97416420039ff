"""Collects from the local Google Cloud in a process of its own: as a program, or as a child of multiprocessing."""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from agents.core.collection import Collection
from agents.core.context import Shared
from telemetry.batch import Run
from telemetry.settings import Settings
from telemetry.target import Target, Window


def collect_all(task: dict[str, Any]) -> dict[str, Any]:
    """Collect the targets of a task one after another, as a worker does: batch by batch, none of them kept.

    `task` holds `settings`, `now`, `window` and `targets`; the answer `records`, `errors` and `peak`.
    """
    now = datetime.fromisoformat(task["now"])
    shared = Shared(Settings.model_validate(task["settings"]), now=lambda: now)
    window = Window.parse(task["window"])
    records, errors = {}, []
    for target in task["targets"]:
        collection = Collection(shared, Run.start(Target.parse(target), window, 1, now))
        try:
            records[target] = sum(batch.record_count for batch in collection.batches())
        except Exception as error:  # noqa: BLE001 - the test shows it
            errors.append(f"{type(error).__name__}: {error}")
    return {"records": records, "errors": errors, "peak": _peak()}


def _peak() -> int:
    """The most memory that this program has had, in bytes; getrusage would tell that of the one which started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(collect_all(json.load(sys.stdin))))
