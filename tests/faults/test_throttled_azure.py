"""A fleet that Azure throttles at random, in every form: every window completes, nothing comes twice.

By one worker, and by eight: they share the quota.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from agents.core.context import Shared
from emulators.azure import DEFAULT_SUBSCRIPTION, SECOND_SUBSCRIPTION, LocalAzure
from emulators.azure.cost import CostLine
from emulators.azure.seed import seed_vms
from emulators.core.calls import Call, peak_rates
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

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("pipeline_faults")]

WINDOW = timedelta(minutes=5)
SPAN = 3 * WINDOW
WORKERS = (1, 8)
ACCOUNTS = {"web": DEFAULT_SUBSCRIPTION, "data": SECOND_SUBSCRIPTION}
FORMS = ("retry-after", "date", "milliseconds", "quota", "bare")
APIS = GRAPH, METRICS, COSTS = "resourcegraph:resources", "metrics:getBatch", "costmanagement:query"
QUOTAS = {"resourcegraph:*": 2.0, "metrics:*": 2.0, "costmanagement:*": 2.0}
DAY = timedelta(days=1)
DAYS = 2 * DAY
LINES = 3
BILLS = {
    workers: Window(end - DAYS, end)
    for n, workers in enumerate(WORKERS)
    for end in (floor_time(datetime.now(UTC), DAY) - 5 * DAY - n * DAYS,)
}
"""Whose bill each number of workers is to read."""
_BILL = """
SELECT sub_account_id, charge_period_start, resource_id, billed_cost, effective_cost FROM reporting.costs
 WHERE provider = %(provider)s AND charge_period_start >= %(since)s AND charge_period_start < %(until)s
"""


@pytest.fixture(scope="module")
def azure() -> Iterator[LocalAzure]:
    with LocalAzure() as running:
        unlimited(running)
        seed_vms(running, 8, list(ACCOUNTS.values()), ("eastus", "westeurope"))
        running.costs.page_size = LINES - 1
        for span in BILLS.values():
            for subscription, start, resource, amount in _lines(span):
                line = CostLine(resource_id=resource, service_name="S", cost=amount)
                running.costs.load(subscription, start.date(), [line])
        yield running


@pytest.fixture(scope="module")
def section(azure: LocalAzure) -> dict[str, Any]:
    accounts = [{"name": name, "subscription_id": number} for name, number in ACCOUNTS.items()]
    return {
        **azure.credentials(),
        "accounts": accounts,
        "services": ["virtual_machines", "cost"],
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
    for account in ACCOUNTS:
        assert collect(process, f"azure/{account}/global/cost", BILLS[1]).error is None
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
        until(lambda: len(running.query(targets)) == 2 * len(ACCOUNTS), 30, "the planner knows the targets")
        yield running


@pytest.mark.parametrize("workers", WORKERS)
def test_every_window_completes_once_within_the_budget(
    workers: int, azure: LocalAzure, pipeline: Pipeline, spans: dict[int, Window], undisturbed: dict[int, Tables]
) -> None:
    span, days = spans[workers], BILLS[workers]
    with more_workers(pipeline, workers - 1):
        azure.reset_calls()
        for (n, api), (m, form) in product(enumerate(APIS), enumerate(FORMS)):
            # A third of the calls in all. Each API has draws of its own: how many are refused before enough are
            # answered does not depend on the order in which the workers call.
            seed = 100 * n + 10 * workers + m
            azure.inject("throttle", api=api, rate=1 / 3 / len(FORMS), form=form, seconds=1, seed=seed)
        pipeline.backfill(span, "virtual_machines")
        pipeline.backfill(days, "cost")
        pipeline.until_settled(span, within=120)
        pipeline.until_settled(days, within=120)
        azure.faults.clear()
        calls = azure.records()
    found = pipeline.tables(span)
    assert pipeline.query("SELECT error, permission FROM finfleet.collections WHERE error <> ''", span) == []
    assert found.states == {"complete"}
    assert found == undisturbed[workers]
    assert pipeline.tables(days).states == {"complete"}
    assert _bill(pipeline, days) == sorted(_lines(days))
    assert pipeline.query("SELECT reason FROM finfleet.dead_letters") == []
    assert not pipeline.twice(span)
    assert not pipeline.twice(days)
    refused = Counter(call.api for call in calls if call.outcome == "throttle")
    assert set(refused) == set(APIS)
    assert refused[COSTS] >= 3
    for scope, peak in _peaks(calls).items():
        assert peak <= _budget(scope), (scope, _peaks(calls))


def _lines(span: Window) -> list[tuple[str, datetime, str, Decimal]]:
    """What is charged, and used, in a span: more for each subscription and day than a page has."""
    return [
        (subscription, span.start + day * DAY, f"/vm-{number}", Decimal(100 * owner + 10 * day + number + 1))
        for owner, subscription in enumerate(ACCOUNTS.values())
        for day in range(DAYS // DAY)
        for number in range(LINES)
    ]


def _bill(pipeline: Pipeline, span: Window) -> list[tuple[Any, ...]]:
    """What is stored; a line has its billed cost or its effective one, and each amount is there once of either."""
    rows = [tuple(row.values()) for row in pipeline.query(_BILL, span)]
    billed = sorted((*row[:3], row[3]) for row in rows if row[3] is not None)
    assert billed == sorted((*row[:3], row[4]) for row in rows if row[4] is not None)
    assert len(rows) == 2 * len(billed)
    return billed


def _targets() -> list[Target]:
    return [Target("azure", account, "global", "virtual_machines") for account in ACCOUNTS]


def _windows(span: Window) -> list[Window]:
    starts = [span.start + n * WINDOW for n in range(SPAN // WINDOW)]
    return [Window(start, start + WINDOW) for start in starts]


def _peaks(calls: Sequence[Call]) -> dict[tuple[str, str, str], float]:
    """(subscription, region, API) -> the most calls in any second; metrics alone are counted by subscription."""
    merged = [call if call.api == METRICS else replace(call, account="", region="") for call in calls]
    counted = [call for call in merged if call.api in {GRAPH, METRICS, COSTS}]
    return peak_rates(counted, lambda call: (call.account, call.region, call.api))


def _budget(scope: tuple[str, str, str]) -> float:
    rate = QUOTAS[f"{scope[2].partition(':')[0]}:*"]
    return rate + max(1, round(rate))
