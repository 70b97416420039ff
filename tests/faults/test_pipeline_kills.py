"""Each kind of process killed with -9 in the middle, and Redis emptied: the tables come out as if nothing had been.

One pipeline is disturbed again and again, each time while it collects another half hour of the past; an undisturbed one
collects all of them.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import pytest
import redis

from emulators.aws import LocalAws
from emulators.aws.seed import Ec2Seed
from tasks.results import NAME
from tasks.results.redis_consumer import BODY
from telemetry.batch import Message
from telemetry.codec import decode
from telemetry.target import Window, floor_time
from tests.support.final_tables import Tables
from tests.support.pipeline import REGIONS, Pipeline, running_pipeline, small_aws
from tests.support.servers import short_directory
from tests.support.waiting import until

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("pipeline_faults")]

KINDS = ["beat", "plan", "collect.aws", "ingest", "forward", "flower", "postgres", "valkey"]
DISTURBANCES = [*KINDS, "flushall"]
SPAN = timedelta(minutes=30)
WINDOWS = len(REGIONS) * 6
STREAM = f"{NAME}:stream"
SENDS_AGAIN = {"forward", "postgres"}
"""Where OpenFinOps's answer may come, and what notes it may not: at least once is what is promised then."""
LATENCY_MS = 150
"""Of each call to AWS, so that a kill finds one under way."""


@pytest.fixture(scope="module")
def cloud() -> Iterator[tuple[LocalAws, Ec2Seed]]:
    with small_aws(hours_back=8) as (aws, seed):
        yield aws, seed


@pytest.fixture(scope="module")
def spans() -> dict[str, Window]:
    """A half hour for each disturbance, the older the later; the last of them is long over."""
    end = floor_time(datetime.now(UTC), SPAN) - timedelta(hours=1)
    return {name: Window(end - (n + 1) * SPAN, end - n * SPAN) for n, name in enumerate(DISTURBANCES)}


@pytest.fixture(scope="module")
def undisturbed(cloud: tuple[LocalAws, Ec2Seed], spans: dict[str, Window]) -> dict[str, Tables]:
    """What a run that nothing happens to has of each span."""
    aws, seed = cloud
    everything = Window(min(span.start for span in spans.values()), max(span.end for span in spans.values()))
    # With time enough: whatever else this machine does, no attempt may be taken for lost here.
    lease, deadline = {"sweep_interval": 1, "lease": 150}, {"deadline": 100, "concurrency": 4}
    with (
        short_directory() as directory,
        running_pipeline(directory, aws, aws={"backfill": 0}, ledger=lease, collect=deadline) as pipeline,
    ):
        _until_planned(pipeline)
        pipeline.backfill(everything)
        pipeline.until_settled(everything, within=120)
        # It is right itself: as many readings as AWS has, each batch forwarded once.
        times = everything.start.timestamp(), everything.end.timestamp()
        assert len(pipeline.tables(everything).points) == seed.expected_points(*times, now=aws.clock())
        assert pipeline.progress(everything).complete == WINDOWS * len(spans)
        assert pipeline.received(everything) == pipeline.stored(everything)
        assert pipeline.progress(everything).attempts == 1
        return {name: pipeline.tables(span) for name, span in spans.items()}


@pytest.fixture(scope="module")
def pipeline(cloud: tuple[LocalAws, Ec2Seed], undisturbed: dict[str, Tables]) -> Iterator[Pipeline]:
    """The one that is disturbed. It has two attempts out at a time, so that a span lasts for some sweeps."""
    aws, _ = cloud
    slow = {"lease": 6, "max_in_flight": 2}
    with (
        short_directory() as directory,
        running_pipeline(
            directory, aws, flower=True, aws={"backfill": 0}, ledger=slow, collect={"deadline": 4}
        ) as running,
    ):
        _until_planned(running)
        aws.inject("latency", latency_ms=LATENCY_MS)
        yield running
        aws.faults.clear()


def _until_planned(pipeline: Pipeline) -> None:
    targets = "SELECT * FROM finfleet.targets WHERE provider = 'aws'"
    until(lambda: len(pipeline.query(targets)) == len(REGIONS), 30, "the planner knows the targets")


def _begin(pipeline: Pipeline, span: Window) -> None:
    """Have the span collected, and return when some windows of it are complete, and some are not."""
    pipeline.backfill(span)
    until(lambda: pipeline.progress(span).complete >= 2, 40, "the first windows are complete")
    assert pipeline.progress(span).complete < WINDOWS - 2, "all was collected before anything could be disturbed"


def _check(pipeline: Pipeline, name: str, span: Window, expected: Tables) -> None:
    pipeline.until_settled(span)
    found = pipeline.tables(span)
    assert found.states == {"complete"}
    assert len(found.windows) == WINDOWS
    assert found == expected
    assert pipeline.query("SELECT reason FROM finfleet.dead_letters") == []
    stored, received = pipeline.stored(span), pipeline.received(span)
    assert {target: set(keys) for target, keys in received.items()} == {t: set(keys) for t, keys in stored.items()}
    if name not in SENDS_AGAIN:
        assert not pipeline.twice(span)


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_process_changes_nothing(
    kind: str,
    cloud: tuple[LocalAws, Ec2Seed],
    pipeline: Pipeline,
    spans: dict[str, Window],
    undisturbed: dict[str, Tables],
) -> None:
    span = spans[kind]
    _begin(pipeline, span)
    killed = pipeline.up.pids[kind]
    if kind == "collect.aws":
        _until_a_call_is_under_way(cloud[0])
    os.kill(killed, signal.SIGKILL)
    _check(pipeline, kind, span, undisturbed[kind])
    until(lambda: pipeline.up.pids.get(kind, killed) != killed, 30, f"{kind} runs again")
    if kind == "collect.aws":
        assert pipeline.progress(span).attempts > 1, "the kill did not hit a collection"


def test_an_emptied_redis_changes_nothing(
    pipeline: Pipeline, spans: dict[str, Window], undisturbed: dict[str, Tables]
) -> None:
    span = spans["flushall"]
    _begin(pipeline, span)
    # What was collected and is not stored yet is lost, for certain: nobody takes it in before.
    with _standing_still(pipeline.up.pids["ingest"]), redis.Redis.from_url(pipeline.redis_url) as client:
        until(
            lambda: any(message.run.target.provider == "aws" for message in _undelivered(client)),
            20,
            "results of AWS wait in Redis",
        )
        client.flushall()
    _check(pipeline, "flushall", span, undisturbed["flushall"])
    assert pipeline.progress(span).attempts > 1, "nothing was lost with what Redis held"


def _undelivered(client: "redis.Redis") -> list[Message]:
    """Messages on the results queue that no consumer has seen."""
    group: dict[str, Any] = client.xinfo_groups(STREAM)[0]
    entries: Any = client.xrange(STREAM, min=b"(" + group["last-delivered-id"])
    return [decode(fields[BODY]) for _, fields in entries]


@contextmanager
def _standing_still(pid: int) -> Iterator[None]:
    process = psutil.Process(pid)
    process.suspend()
    try:
        yield
    finally:
        process.resume()


def _until_a_call_is_under_way(aws: LocalAws) -> None:
    """A collection lists the instances first, then asks for their readings: kill it in between."""
    listed = aws.calls().get("ec2.DescribeInstances", 0)
    until(lambda: aws.calls().get("ec2.DescribeInstances", 0) > listed, 20, "a collection has begun")
