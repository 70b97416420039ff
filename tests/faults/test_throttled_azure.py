"""A fleet that Azure throttles at random, in every form: every window completes, nothing comes twice.

By one worker, and by eight: they share the quota.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.context import Shared
from emulators.azure import DEFAULT_SUBSCRIPTION, SECOND_SUBSCRIPTION, LocalAzure
from emulators.azure.seed import seed_vms
from emulators.calls import Call, peak_rates
from telemetry.settings import Settings
from telemetry.target import Target, Window, floor_time
from tests.support.azure import unlimited
from tests.support.collected_tables import tables_of
from tests.support.collecting import collect
from tests.support.final_tables import Tables
from tests.support.more_workers import more_workers
from tests.support.pipeline import Pipeline, running_pipeline
from tests.support.servers import short_directory
from tests.support.waiting import until

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("pipeline")]

WINDOW = timedelta(minutes=5)
SPAN = 3 * WINDOW
WORKERS = (1, 8)
ACCOUNTS = {"web": DEFAULT_SUBSCRIPTION, "data": SECOND_SUBSCRIPTION}
FORMS = ("retry-after", "date", "milliseconds", "quota", "bare")
GRAPH, METRICS = "resourcegraph:resources", "metrics:getBatch"
QUOTAS = {"resourcegraph:*": 1.0, "metrics:*": 2.0}


@pytest.fixture(scope="module")
def azure() -> Iterator[LocalAzure]:
    with LocalAzure() as running:
        unlimited(running)
        seed_vms(running, 8, list(ACCOUNTS.values()), ("eastus", "westeurope"))
        yield running


@pytest.fixture(scope="module")
def section(azure: LocalAzure) -> dict[str, Any]:
    accounts = [{"name": name, "subscription_id": number} for name, number in ACCOUNTS.items()]
    return {
        **azure.credentials(),
        "accounts": accounts,
        "services": ["virtual_machines"],
        "endpoints": azure.endpoints,
        "ca_file": str(azure.ca_file),
        "quotas": QUOTAS,
    }


@pytest.fixture(scope="module")
def spans() -> dict[int, Window]:
    """What each number of workers is to collect; all of it is long over."""
    end = floor_time(datetime.now(UTC), SPAN) - timedelta(hours=1)
    return {workers: Window(end - (n + 1) * SPAN, end - n * SPAN) for n, workers in enumerate(WORKERS)}


@pytest.fixture(scope="module")
def undisturbed(azure: LocalAzure, section: dict[str, Any], spans: dict[int, Window]) -> dict[int, Tables]:
    """What is there to be collected, by collections that nothing holds up."""
    process = Shared(Settings.model_validate({"azure": {**section, "quotas": {"*": 1000}}}))
    found = {
        workers: [collect(process, target, window) for target in _targets() for window in _windows(span)]
        for workers, span in spans.items()
    }
    peaks = _peaks(azure.records())
    assert any(peak > _budget(scope) for scope, peak in peaks.items()), "nothing would have to be held back"
    return {workers: tables_of(collected) for workers, collected in found.items()}


@pytest.fixture(scope="module")
def pipeline(section: dict[str, Any], undisturbed: dict[int, Tables]) -> Iterator[Pipeline]:
    """It has time enough to wait for its turn."""
    patient = {"deadline": 60, "concurrency": 2}
    given = {**section, "client_secret": "${AZURE_CLIENT_SECRET}"}
    with (
        short_directory() as directory,
        running_pipeline(
            directory,
            None,
            provider="azure",
            variables={"AZURE_CLIENT_SECRET": section["client_secret"]},
            azure=given,
            ledger={"lease": 90},
            collect=patient,
        ) as running,
    ):
        targets = "SELECT * FROM finfleet.targets WHERE provider = 'azure'"
        until(lambda: len(running.query(targets)) == len(ACCOUNTS), 30, "the planner knows the targets")
        yield running


@pytest.mark.parametrize("workers", WORKERS)
def test_every_window_completes_once_within_the_budget(
    workers: int, azure: LocalAzure, pipeline: Pipeline, spans: dict[int, Window], undisturbed: dict[int, Tables]
) -> None:
    span = spans[workers]
    with more_workers(pipeline, workers - 1):
        azure.reset_calls()
        for number, form in enumerate(FORMS):
            # A third of the calls in all.
            azure.inject("throttle", rate=1 / 3 / len(FORMS), form=form, seconds=1, seed=10 * workers + number)
        pipeline.backfill(span)
        pipeline.until_settled(span, within=120)
        azure.faults.clear()
        calls = azure.records()
    found = pipeline.tables(span)
    assert pipeline.query("SELECT error, permission FROM finfleet.collections WHERE error <> ''", span) == []
    assert found.states == {"complete"}
    assert found == undisturbed[workers]
    assert pipeline.query("SELECT reason FROM finfleet.dead_letters") == []
    assert not pipeline.twice(span)
    assert any(call.outcome == "throttle" for call in calls)
    for scope, peak in _peaks(calls).items():
        assert peak <= _budget(scope), (scope, _peaks(calls))


def _targets() -> list[Target]:
    return [Target("azure", account, "global", "virtual_machines") for account in ACCOUNTS]


def _windows(span: Window) -> list[Window]:
    starts = [span.start + n * WINDOW for n in range(SPAN // WINDOW)]
    return [Window(start, start + WINDOW) for start in starts]


def _peaks(calls: Sequence[Call]) -> dict[tuple[str, str, str], float]:
    """(subscription, region, API) -> the most calls in any second; Resource Graph counts those of all subscriptions."""
    merged = [replace(call, account="", region="") if call.api == GRAPH else call for call in calls]
    return peak_rates([call for call in merged if call.api in {GRAPH, METRICS}])


def _budget(scope: tuple[str, str, str]) -> float:
    rate = QUOTAS["resourcegraph:*" if scope[2] == GRAPH else "metrics:*"]
    return rate + max(1, round(rate))
