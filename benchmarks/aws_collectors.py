"""Two ways to collect EC2, each as a process of its own: `python -m benchmarks.aws_collectors finfleet|one-by-one URL`.

A document of JSON goes in at standard input, and one comes out: see `Task` and `Done`.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from agents.aws.metrics import Metric
from agents.aws.services import ec2
from agents.core.collection import Collection
from agents.core.context import Shared, utc_now
from telemetry.batch import Run
from telemetry.codec import encode
from telemetry.settings import Settings
from telemetry.target import Target, Window

REGION = "us-east-1"
FINFLEET = "finfleet"
ONE_BY_ONE = "one-by-one"
METRICS: tuple[Metric, ...] = (*ec2._METRICS, ec2._MEMORY)  # noqa: SLF001 - the same for both, whatever they are
_KEYS = ("AKIALOCALAWS", "not-a-secret")
_PERIOD = 300
READY = -1
"""The clock starts after it: one by one, that is when there are clients; of ours, the first window makes them."""


class Task(msgspec.Struct):
    """What to collect: windows of five minutes, one after the other."""

    url: str
    windows: list[tuple[datetime, datetime]]
    #: Running instances to ask for, at most; all where it is None.
    most: int | None = None


class Done(msgspec.Struct):
    """What it took."""

    #: Of each window.
    seconds: list[float]
    #: Readings of each window.
    points: list[int]
    #: The most memory that the process had.
    peak_bytes: int


def finfleet(task: Task) -> Iterator[int]:
    """As a worker of the fleet does it: batch by batch, each encoded for the results queue."""
    section = {
        "access_key_id": _KEYS[0],
        "secret_access_key": _KEYS[1],
        "region": REGION,
        "endpoints": dict.fromkeys(("ec2", "cloudwatch", "pricing", "sts"), task.url),
    }
    shared = Shared(Settings.model_validate({"aws": section}))
    yield READY
    for start, end in task.windows:
        run = Run.start(Target("aws", "default", REGION, "ec2"), Window(start, end), 1, utc_now())
        points = 0
        for batch in Collection(shared, run).batches():
            encode(batch)
            points += len(batch.points.value)
        yield points


def one_by_one(task: Task) -> Iterator[int]:
    """As OpenFinOps's agent does it: a GetMetricStatistics for each metric of each running instance."""
    import boto3  # noqa: PLC0415 - its memory is measured

    session = boto3.Session(*_KEYS, region_name=REGION)
    clients = {name: session.client(name, endpoint_url=task.url) for name in ("ec2", "cloudwatch")}
    yield READY
    for start, end in task.windows:
        ids = islice(_running(clients["ec2"]), task.most)
        yield sum(_read(clients["cloudwatch"], one, metric, start, end) for one in ids for metric in METRICS)


def _running(client: Any) -> Iterator[str]:
    for page in client.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 1000}):
        instances = (one for reservation in page["Reservations"] for one in reservation["Instances"])
        yield from (one["InstanceId"] for one in instances if one["State"]["Name"] == "running")


def _read(client: Any, instance: str, metric: Metric, start: datetime, end: datetime) -> int:
    answer = client.get_metric_statistics(
        Namespace=metric.namespace,
        MetricName=metric.source,
        Dimensions=[{"Name": "InstanceId", "Value": instance}],
        StartTime=start,
        EndTime=end,
        Period=_PERIOD,
        Statistics=[metric.statistic],
    )
    return len(answer["Datapoints"])


def peak_bytes() -> int:
    """Not ru_maxrss where it can be helped: that begins with what the parent had when it started us."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Do one task."""
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    ways = {FINFLEET: finfleet, ONE_BY_ONE: one_by_one}
    seconds, points = [], []
    began = time.perf_counter()
    for found in ways[sys.argv[1]](task):
        if found != READY:
            seconds.append(time.perf_counter() - began)
            points.append(found)
        began = time.perf_counter()
    sys.stdout.buffer.write(msgspec.json.encode(Done(seconds, points, peak_bytes())))


if __name__ == "__main__":
    main()
