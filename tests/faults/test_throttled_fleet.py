"""A fleet that AWS throttles at random: every window completes, nothing comes twice, and the quota is kept.

By one worker, and by eight: they share it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agents.aws.quotas import quota_of
from agents.core.context import Shared
from emulators.aws import LocalAws
from emulators.core.calls import Call, peak_rates
from telemetry.settings import Settings
from telemetry.target import Target, Window, floor_time
from tests.support.collected_tables import tables_of
from tests.support.collecting import collect
from tests.support.final_tables import Tables
from tests.support.more_workers import more_workers
from tests.support.pipeline import REGIONS, Pipeline, running_pipeline, small_aws
from tests.support.servers import short_directory
from tests.support.waiting import until

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("pipeline_faults")]

WINDOW = timedelta(minutes=5)
SPAN = 3 * WINDOW
WORKERS = (1, 8)
COLLECTED = " tasks.collect: "
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
    return {workers: tables_of(found) for workers, found in collected.items()}


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
    with more_workers(pipeline, workers - 1) as logs:
        aws.log.reset()
        for number, service in enumerate(("ec2", "cloudwatch", "pricing")):
            # Each has draws of its own, whatever the order in which the workers call.
            aws.inject("throttle", service=service, rate=1 / 3, seed=10 * number + workers, retry_after_ms=50)
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
    grouped = [replace(call, api=quota_of(call.api.replace(".", ":"), QUOTAS)[0]) for call in calls]
    return peak_rates(grouped, lambda call: (call.account, call.region, call.api))


def _budget(scope: tuple[str, str, str]) -> float:
    quota = quota_of(scope[2], QUOTAS)[1]
    return quota.rate + quota.burst
