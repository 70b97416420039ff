"""A fleet that Google throttles at random, in every form: every window completes, and the quota is kept.

By one worker, and by eight: each has sessions of its own, and they share the limiter in Redis.
"""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis

from agents.core.context import Shared
from emulators.gcp import LocalGcp
from emulators.gcp.seed import seed_compute
from tasks.limits import RedisLimiter
from telemetry.batch import Outcome
from telemetry.errors import Throttled, Unavailable
from telemetry.target import Target, Window
from tests.support.collected_tables import tables_of
from tests.support.collecting import Collected, collect
from tests.support.gcp import NOW, WINDOW, settings, standing_gcp

PROJECTS = ("shop-prod", "shop-test")
WINDOWS = [Window(WINDOW.start - n * WINDOW.duration, WINDOW.end - n * WINDOW.duration) for n in range(3)]
TASKS = [(Target("gcp", project, "global", "compute"), window) for project in PROJECTS for window in WINDOWS]
#: Calls a second; as many may come at once.
QUOTAS = {"monitoring:*": 4.0, "cloudasset:*": 2.0, "cloudbilling:*": 1000.0}
#: What Google says to wait, if it says anything; the last is longer than a collection waits.
FORMS = (None, 0.05, 0.5)


@pytest.fixture(scope="module")
def gcp() -> Iterator[LocalGcp]:
    with standing_gcp() as running:
        seed_compute(running, 8, PROJECTS, ("us-central1-a", "europe-west4-b"), hours_back=0.6, hours_ahead=0)
        yield running


@pytest.fixture(scope="module")
def section(gcp: LocalGcp, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    key: Path = gcp.credentials_file(PROJECTS[0], tmp_path_factory.mktemp("keys"))
    accounts = [{"name": project, "project_id": project} for project in PROJECTS]
    return {"accounts": accounts, "credentials_file": str(key)}


@pytest.mark.parametrize("workers", [1, 8])
def test_every_window_completes_within_the_budget(
    workers: int, gcp: LocalGcp, section: dict[str, Any], redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.core.calls._SHORT_WAIT", 0.1)
    monkeypatch.setattr("agents.core.api_call._SILENCE", 0.05)
    gcp.faults.clear()
    process = Shared(settings(gcp, **section), now=lambda: NOW)
    undisturbed = [collect(process, target, window) for target, window in TASKS]
    assert {one.report.outcome for one in undisturbed} == {Outcome.COMPLETE}

    gcp.reset_calls()
    for number, wait in enumerate(FORMS):
        gcp.faults.throttle(1 / 3 / len(FORMS), wait, seed=number)
    begun = time.monotonic()
    found = _collected(gcp, section, redis_url, workers)
    lasted = time.monotonic() - begun

    assert tables_of(found) == tables_of(undisturbed)
    assert [len(one.points()) for one in found] == [len(one.points()) for one in undisturbed], "nothing comes twice"
    assert gcp.calls(outcome="throttle")
    asked = Counter((call.project, f"{call.api.partition(':')[0]}:*") for call in gcp.records())
    for (project, group), calls in asked.items():
        if group in QUOTAS:
            assert calls <= QUOTAS[group] * (1 + lasted), (project, group, calls, lasted)


def _collected(gcp: LocalGcp, section: dict[str, Any], redis_url: str, workers: int) -> Sequence[Collected]:
    with redis.ConnectionPool.from_url(redis_url) as connections:
        fleet = [
            Shared(
                settings(gcp, **section, quotas=QUOTAS),
                limiter=RedisLimiter(redis.Redis(connection_pool=connections)),
                now=lambda: NOW,
            )
            for _ in range(workers)
        ]
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(_until_done, (fleet[n % workers] for n in range(len(TASKS))), TASKS))


def _until_done(worker: Shared, task: tuple[Target, Window]) -> Collected:
    """What is throttled for too long, or got no token in time, is collected once more, as the ledger has it done."""
    for attempt in range(1, 100):
        found = collect(worker, *task, attempt)
        if not isinstance(found.error, Throttled | Unavailable):
            return found
    raise AssertionError(f"{task}: {found.error}")
