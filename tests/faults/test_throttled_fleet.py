"""A fleet that AWS throttles at random: every window completes, nothing comes twice, and the quota is kept.

By one worker, and by eight: they share it.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.aws.quotas import quota_of
from agents.context import Shared
from emulators.aws import LocalAws
from emulators.aws.calls import Call, peak_rates
from telemetry.settings import Settings
from telemetry.target import Target, Window, floor_time
from tests.support.collecting import Collected, collect
from tests.support.final_tables import Tables
from tests.support.pipeline import REGIONS, Pipeline, running_pipeline, small_aws
from tests.support.servers import short_directory
from tests.support.up import environment
from tests.support.waiting import until

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("pipeline")]

WINDOW = timedelta(minutes=5)
SPAN = 3 * WINDOW
WORKERS = (1, 8)
COLLECTED = "Task tasks.collect.collect["
#: So few that they are waited for, and so far apart that no busy machine brings two of them together.
QUOTAS = {"ec2:Describe*": 1.0, "cloudwatch:GetMetricData": 1.0, "pricing:GetProducts": 20.0}


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with small_aws(6, hours_back=4) as (running, _):
        yield running


@pytest.fixture(scope="module")
def spans() -> dict[int, Window]:
    """What each number of workers is to collect; all of it is long over."""
    end = floor_time(datetime.now(UTC), SPAN) - timedelta(hours=1)
    return {workers: Window(end - (n + 1) * SPAN, end - n * SPAN) for n, workers in enumerate(WORKERS)}


@pytest.fixture(scope="module")
def undisturbed(aws: LocalAws, spans: dict[int, Window]) -> dict[int, Tables]:
    """What is there to be collected, by collections that nothing holds up."""
    section = {"access_key_id": "local-key-id", "secret_access_key": "local-secret-key", "regions": REGIONS}
    endpoints = dict.fromkeys(("ec2", "cloudwatch", "pricing"), aws.url)
    process = Shared(Settings.model_validate({"aws": {**section, "endpoints": endpoints, "quotas": {"*": 1000}}}))
    collected = {
        workers: [collect(process, target, window) for target in _targets() for window in _windows(span)]
        for workers, span in spans.items()
    }
    peaks = _peaks(aws.records())
    assert any(peaks[scope] > _budget(scope) for scope in peaks), "nothing would have to be held back"
    return {workers: _as_tables(found) for workers, found in collected.items()}


@pytest.fixture(scope="module")
def pipeline(aws: LocalAws, undisturbed: dict[int, Tables]) -> Iterator[Pipeline]:
    """It has time enough to wait for its turn."""
    patient = {"deadline": 60, "concurrency": 2}
    with (
        short_directory() as directory,
        running_pipeline(
            directory, aws, aws={"backfill": 0, "quotas": QUOTAS}, ledger={"lease": 90}, collect=patient
        ) as running,
    ):
        targets = "SELECT * FROM finfleet.targets WHERE provider = 'aws'"
        until(lambda: len(running.query(targets)) == len(REGIONS), 30, "the planner knows the targets")
        yield running


@pytest.mark.parametrize("workers", WORKERS)
def test_every_window_completes_once_within_the_budget(
    workers: int, aws: LocalAws, pipeline: Pipeline, spans: dict[int, Window], undisturbed: dict[int, Tables]
) -> None:
    span = spans[workers]
    with _more_workers(pipeline, workers - 1) as logs:
        aws.log.reset()
        aws.inject("throttle", rate=1 / 3, seed=workers, retry_after_ms=50)
        pipeline.backfill(span)
        pipeline.until_settled(span, within=120)
        aws.faults.clear()
        calls = aws.records()
        busy = [log for log in logs if COLLECTED in log.read_text(encoding="utf-8")]

    found = pipeline.tables(span)
    assert found.states == {"complete"}
    assert found == undisturbed[workers]
    assert pipeline.query("SELECT reason FROM finfleet.dead_letters") == []
    assert not pipeline.twice(span)
    assert {call.api for call in calls if call.outcome == "throttle"} >= {"ec2.DescribeInstances"}
    peaks = _peaks(calls)
    for scope, peak in peaks.items():
        assert peak <= _budget(scope), (scope, peaks)
    for region in REGIONS:
        asked = sum(call.region == region and call.api == "ec2.DescribeInstances" for call in calls)
        assert asked > QUOTAS["ec2:Describe*"] + 1, "so few that none had to wait"
    assert len(busy) >= (workers - 1) // 2, "the others stood by"


def _targets() -> list[Target]:
    return [Target("aws", "default", region, "ec2") for region in REGIONS]


def _windows(span: Window) -> list[Window]:
    starts = [span.start + n * WINDOW for n in range(SPAN // WINDOW)]
    return [Window(start, start + WINDOW) for start in starts]


def _peaks(calls: Sequence[Call]) -> dict[tuple[str, str, str], float]:
    """(account, region, group of APIs that share a quota) -> the most calls in any second."""
    return peak_rates([replace(call, api=quota_of(call.api.replace(".", ":"), QUOTAS)[0]) for call in calls])


def _budget(scope: tuple[str, str, str]) -> float:
    quota = quota_of(scope[2], QUOTAS)[1]
    return quota.rate + quota.burst


@contextmanager
def _more_workers(pipeline: Pipeline, number: int) -> Iterator[list[Path]]:
    """As many workers beside the one that there is, at work, as an operator starts them; and their logs."""
    variables = {**pipeline.environment, "FINFLEET_BROKER_URL": pipeline.redis_url}
    with ExitStack() as stack:
        logs = []
        for name in (f"aws-{n + 2}" for n in range(number)):
            logs.append(pipeline.config.parent / f"{name}.log")
            stack.enter_context(_worker(name, logs[-1], variables))
        for log in logs:
            until(lambda log=log: "ready." in log.read_text(encoding="utf-8"), 60, f"{log.name} says that it is ready")  # type: ignore[misc] # mypy cannot infer a default
        yield logs


@contextmanager
def _worker(name: str, log: Path, variables: dict[str, str]) -> Iterator[None]:
    # Without -W error: Celery warns of being root.
    words = ("worker", "aws", "--name", name, "--concurrency", "1")
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", "workers.cli", *words], stdout=output, stderr=output, env=environment(**variables)
        ) as process,
    ):
        try:
            yield
        finally:
            process.kill()


def _as_tables(collected: list[Collected]) -> Tables:
    """As the tables have it once it is stored."""
    rates = [rate for one in collected for rate in one.rates()]
    points = [point for one in collected for point in one.points()]
    runs = [one.report.run for one in collected]
    return Tables(
        windows={
            (str(run.target), run.window.start): (run.window.end, str(one.report.outcome))
            for run, one in zip(runs, collected, strict=True)
        },
        points={
            (p.resource.resource_id, p.metric, p.source_metric, p.unit, p.statistic, p.period, p.start): p.value
            for p in points
        },
        rates={
            (r.resource.resource_id, r.start, r.period): (f"{r.amount:f}", r.currency, r.basis, r.resource.type)
            for r in rates
        },
        costs=[],
        resources={resource.resource_id: _as_row(resource) for one in collected for resource in one.resources},
    )


def _as_row(resource: Any) -> dict[str, Any]:
    fields = msgspec.structs.asdict(resource)
    return {name: fields[name] for name in ("account", "region", "service", "type", "name", "tags", "attributes")}
