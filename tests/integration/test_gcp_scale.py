"""Two thousand instances in six zones and two projects, many threads, and processes that are spawned."""

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import billiard
import pytest

from agents.core.context import Shared
from emulators.gcp import LocalGcp
from emulators.gcp.seed import seed_billing, seed_compute, seed_vertex
from emulators.gcp.seed.compute import METRICS, ComputeSeed
from telemetry.settings import Settings
from tests.support.clocks import STRICT
from tests.support.collecting import collect
from tests.support.gcp import NOW, WINDOW, endpoints, standing_gcp
from tests.support.gcp_run import collect_all

PROJECTS = ("shop-prod", "shop-test")
ZONES = tuple(f"{region}-{zone}" for region in ("us-central1", "europe-west4") for zone in "abc")
TARGETS = [f"gcp/{project}/global/compute" for project in PROJECTS]
MANY = 2000


@pytest.fixture(scope="module")
def gcp() -> Iterator[LocalGcp]:
    with standing_gcp() as running:
        yield running


@pytest.fixture(scope="module")
def seeded(gcp: LocalGcp) -> ComputeSeed:
    seed_vertex(gcp, 4, PROJECTS, hours_back=0.6, hours_ahead=0)
    return seed_compute(gcp, MANY, PROJECTS, ZONES, hours_back=0.6, hours_ahead=0)


@pytest.fixture(scope="module")
def section(gcp: LocalGcp, seeded: ComputeSeed, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The configuration of both projects, with one key."""
    assert len(seeded.instances) == MANY
    day = (WINDOW.start - timedelta(days=3)).date()
    bill = seed_billing(gcp, day, 3, PROJECTS)
    return {
        "accounts": [{"name": project, "project_id": project} for project in PROJECTS],
        "credentials_file": str(gcp.credentials_file(PROJECTS[0], tmp_path_factory.mktemp("keys"))),
        "endpoints": endpoints(gcp),
        "quotas": {"*": 1000},
        "billing_export_table": bill.table,
    }


def _shared(section: dict[str, Any]) -> Shared:
    return Shared(Settings.model_validate({"gcp": section}), now=lambda: NOW)


def _task(section: dict[str, Any], *targets: str) -> dict[str, Any]:
    return {
        "settings": {"gcp": section},
        "now": NOW.isoformat(),
        "window": str(WINDOW),
        "targets": list(targets or TARGETS),
    }


def test_a_project_takes_a_call_for_each_metric_and_page(
    gcp: LocalGcp, seeded: ComputeSeed, section: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    gcp.reset_calls()
    context = _shared(section)
    found = {project: collect(context, f"gcp/{project}/global/compute", WINDOW) for project in PROJECTS}

    assert gcp.calls(outcome="ok") == gcp.calls()
    assert gcp.calls()["monitoring:ListTimeSeries"] == len(METRICS) * len(PROJECTS)
    assert gcp.calls()["cloudasset:ListAssets"] == len(PROJECTS), "a thousand instances a page"
    assert gcp.calls()["cloudbilling:ListSkus"] == 1, "one catalogue for both"
    for project, collected in found.items():
        assert collected.error is None
        own = seeded.of(project)
        assert len({one.resource_id for one in collected.resources}) == len(own) == MANY // 2
        counts = Counter(point.source_metric for point in collected.points())
        assert counts[METRICS[0]] == sum(one.running for one in own)
        assert counts[METRICS[3]] == sum(one.running and one.agent for one in own), "the others have no Ops Agent"
        assert counts[METRICS[4]] == sum(one.running and one.agent and one.machine.gpu is not None for one in own)
        prices = {rate.resource.name: rate.amount for rate in collected.rates() if rate.basis != "stopped"}
        assert prices == {one.name: one.hourly_price for one in own if one.running and one.hourly_price is not None}
        assert {rate.amount for rate in collected.rates("stopped")} == {0}

    gcp.reset_calls()
    monkeypatch.setattr("agents.gcp.monitoring.PAGE", 400)
    paged = collect(context, TARGETS[0], WINDOW)
    assert len(paged.points()) == len(found[PROJECTS[0]].points())
    points = Counter(point.source_metric for point in paged.points())
    pages = sum(-(-points[metric] // 400) for metric in METRICS)
    assert gcp.calls()["monitoring:ListTimeSeries"] == pages


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the most that a process has had")
def test_a_worker_stays_small(section: dict[str, Any]) -> None:
    """Everything imported, both projects and the bill collected.

    Measured: 114 MiB at the most, and 171 where pyarrow is installed, which Google's client of BigQuery loads then.
    """
    kinds = ("compute", "vertex_ai", "billing")
    targets = [f"gcp/{project}/global/{kind}" for project in PROJECTS for kind in kinds]
    done = subprocess.run(
        [sys.executable, *STRICT, "-m", "tests.support.gcp_run"],
        input=json.dumps(_task(section, *targets)),
        capture_output=True,
        text=True,
        check=True,
        timeout=110,
    )
    answer = json.loads(done.stdout)
    assert answer["errors"] == []
    assert answer["records"]["gcp/shop-prod/global/compute"] > 3000
    assert answer["peak"] < (200e6 if find_spec("pyarrow") else 140e6)


def test_eight_threads_collect_at_once_with_one_set_of_clients(gcp: LocalGcp, section: dict[str, Any]) -> None:
    gcp.reset_calls()
    context = _shared(section)
    targets = [*TARGETS, "gcp/shop-prod/global/vertex_ai", "gcp/shop-test/global/vertex_ai"] * 2
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda target: collect(context, target, WINDOW), targets))
    assert [one.error for one in found] == [None] * len(targets)
    sizes = {(target, len(one.points())) for target, one in zip(targets, found, strict=True)}
    assert len(sizes) == 4, "all that collected the same found the same"
    assert gcp.calls()["cloudbilling:ListSkus"] == 1, "of those who ask at once, one reads"


def test_spawned_processes_collect_while_their_parent_does(section: dict[str, Any]) -> None:
    """Celery's prefork pool is billiard's; with the start method `spawn` nothing of the parent's gRPC is in a child."""
    context = _shared(section)
    stop = threading.Event()
    errors: list[object] = []

    def busy() -> None:
        while not stop.is_set():
            errors.extend(filter(None, [collect(context, "gcp/shop-test/global/vertex_ai", WINDOW).error]))

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        with billiard.get_context("spawn").Pool(2) as pool:
            tasks = [_task(section, target) for target in TARGETS]
            answers = pool.map_async(collect_all, tasks, chunksize=1).get(100)
    finally:
        stop.set()
        thread.join(60)
    assert errors == []
    assert [answer["errors"] for answer in answers] == [[]] * len(tasks)
    assert all(next(iter(answer["records"].values())) > 3000 for answer in answers)
