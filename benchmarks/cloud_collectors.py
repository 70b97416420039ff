"""Two ways to collect machines of Azure or Google, each as a process: `python -m benchmarks.cloud_collectors WAY`.

A document of JSON goes in at standard input, and one comes out: see `Task` and `Done`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from datetime import datetime
from typing import Any
from unittest.mock import patch

import msgspec

from agents.core.collection import Collection
from agents.core.context import Shared
from benchmarks.aws_collectors import Done, peak_bytes
from telemetry.batch import Run
from telemetry.codec import encode
from telemetry.settings import Settings
from telemetry.target import Target, Window

FINFLEET = "finfleet"
ONE_BY_ONE = "one-by-one"


class Task(msgspec.Struct):
    """What to collect, so many times: the first time prices are looked up, then they are known."""

    target: str
    #: The configuration of the provider.
    section: dict[str, Any]
    now: datetime
    window: tuple[datetime, datetime]
    times: int


@contextmanager
def _azure_one_by_one() -> Iterator[None]:
    """A call for the metrics of each machine."""
    from agents.azure import metrics  # noqa: PLC0415 - the other provider's worker does not load it

    with patch.object(metrics, "BATCH", 1):
        yield


@contextmanager
def _gcp_one_by_one() -> Iterator[None]:
    """A call for each metric of each instance."""
    from agents.gcp.monitoring import MetricReader  # noqa: PLC0415 - the other provider's worker does not load it
    from agents.gcp.services import compute  # noqa: PLC0415

    numbers: dict[str, None] = {}
    settle, add = MetricReader.settle, compute._Known.add  # noqa: SLF001 - the same collection, asked otherwise

    def noted(known: Any, number: str, resource: Any) -> None:
        numbers[number] = None
        add(known, number, resource)

    def each(reader: Any, metric: Any) -> Iterator[Any]:
        for number in numbers:
            yield from settle(reader, metric.of("resource.labels.instance_id", [number]))

    with ExitStack() as stack:
        stack.enter_context(patch.object(compute._Known, "add", noted))  # noqa: SLF001
        stack.enter_context(patch.object(MetricReader, "settle", each))
        yield


_ONE_BY_ONE: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "azure": _azure_one_by_one,
    "gcp": _gcp_one_by_one,
}


def collect(task: Task, way: str) -> Done:
    """As a worker of the fleet does it: batch by batch, each encoded for the results queue."""
    target = Target.parse(task.target)
    shared = Shared(Settings.model_validate({target.provider: task.section}), now=lambda: task.now)
    seconds, points = [], []
    with _ONE_BY_ONE[target.provider]() if way == ONE_BY_ONE else nullcontext():
        for _ in range(task.times):
            start = time.perf_counter()
            found = 0
            for batch in Collection(shared, Run.start(target, Window(*task.window), 1, task.now)).batches():
                encode(batch)
                found += len(batch.points.value)
            seconds.append(time.perf_counter() - start)
            points.append(found)
    return Done(seconds, points, peak_bytes())


def main() -> None:
    """Do one task."""
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    sys.stdout.buffer.write(msgspec.json.encode(collect(task, sys.argv[1])))


if __name__ == "__main__":
    main()
