"""The real Flower: it lists the workers, and shows collect tasks with arguments that a person can read."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.browser import colours, logged_in, rendered, screenshot
from tests.support.pipeline import Pipeline, running_pipeline, small_aws
from tests.support.servers import short_directory
from tests.support.waiting import until

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("pipeline")]


@pytest.fixture(scope="module")
def pipeline() -> Iterator[Pipeline]:
    # Few sweeps: they would soon fill the first page.
    seldom = {"sweep_interval": 30, "lease": 60}
    with (
        short_directory() as directory,
        small_aws() as (aws, _),
        running_pipeline(directory, aws, flower=True, ledger=seldom) as running,
    ):
        running.until_settled()
        yield running


@pytest.fixture
def flower(pipeline: Pipeline) -> Iterator[httpx.Client]:
    url, password = pipeline.up.report["flower"]["url"], pipeline.flower_password.strip()
    with httpx.Client(base_url=url, auth=("finfleet", password), trust_env=False, timeout=30) as client:
        yield client


def _collects(flower: httpx.Client) -> list[dict[str, Any]]:
    tasks: dict[str, dict[str, Any]] = flower.get("/api/tasks?limit=500").json()
    return [task for task in tasks.values() if task["name"] == "tasks.collect.collect"]


def test_a_stranger_sees_nothing(pipeline: Pipeline) -> None:
    url = pipeline.up.report["flower"]["url"]
    for page in ("/", "/workers", "/tasks", "/api/workers", "/api/tasks"):
        assert httpx.get(url + page, trust_env=False).status_code == 401


def test_every_worker_is_listed_with_its_queue(flower: httpx.Client) -> None:
    def queues() -> dict[str, list[str]]:
        workers = flower.get("/api/workers?refresh=1").json()
        return {
            name.split("@")[0]: sorted(queue["name"] for queue in worker.get("active_queues", []))
            for name, worker in workers.items()
        }

    wanted = {
        "plan": ["plan"],
        "aws": ["collect.aws", "collect.aws.paid"],
        "generic": ["collect.generic", "collect.generic.live"],
    }
    until(lambda: queues() == wanted, 30, "Flower knows all three workers")


def test_collect_tasks_read_well(flower: httpx.Client) -> None:
    until(lambda: any("aws/default/us-east-1/ec2" in task["args"] for task in _collects(flower)), 30, "a collect task")
    arguments = [task["args"] for task in _collects(flower) if "aws/" in task["args"]]
    for text in arguments:
        assert "aws/default/us-" in text
        assert "Z/2026-" in text or "Z/20" in text  # START/END
        assert "attempt 1" in text
    assert "aws" in {task["worker"].split("@")[0] for task in _collects(flower)}
    assert {task["state"] for task in _collects(flower)} <= {"SUCCESS", "STARTED", "RECEIVED", "PENDING"}
    results = {task["result"] for task in _collects(flower) if task["state"] == "SUCCESS"}
    assert all(re.fullmatch(r"(complete, [\d,]+ records?|empty|partial \(.*)", result) for result in results), results
    until(lambda: "tasks.plan.fan_out" in _planner(flower), 30, "a task of the planner")
    planner = _planner(flower)
    assert re.fullmatch(r"\d+ windows opened, .*\d+ attempts handed out", planner["tasks.plan.fan_out"])
    assert all(result != "None" for result in planner.values()), planner


def _planner(flower: httpx.Client) -> dict[str, str]:
    """Its tasks that are done, with their results; what began before Flower has no name there."""
    done = flower.get("/api/tasks?limit=500&state=SUCCESS").json().values()
    return {task["name"]: task["result"] for task in done if (task["name"] or "").startswith("tasks.plan.")}


@pytest.mark.browser
def test_a_person_sees_them_too(pipeline: Pipeline, flower: httpx.Client, tmp_path: Path) -> None:
    until(lambda: _collects(flower), 30, "a collect task")
    picture = tmp_path / "tasks.png"
    with logged_in(str(flower.base_url).rstrip("/"), "finfleet", pipeline.flower_password.strip()) as url:
        screenshot(f"{url}/tasks", picture, tmp_path / "profile")
        page = rendered(f"{url}/tasks", tmp_path / "other profile")
    # The rows are there, which the page's script fetches: an empty table is a picture, too.
    assert len(re.findall(r">tasks\.collect\.collect<", page)) >= 1
    assert re.search(r"\((aws|generic)/default/[a-z0-9-]+/[a-z0-9]+, 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ/20\d\d", page)
    assert re.search(r">complete, [\d,]+ records<", page)
    assert picture.stat().st_size > 20_000
    assert colours(picture) > 50
