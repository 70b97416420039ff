"""The real Flower shows what came of each task, by its state and its result. No secret, and nothing is stored."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from emulators.aws import LocalAws
from emulators.aws.seed import seed_ec2
from tasks.app import make_app
from telemetry.settings import load_settings
from telemetry.target import Window, floor_time
from tests.support.brokers import Broker, Lending
from tests.support.ec2 import ACCESS_KEY, SECRET_KEY, SERVICES
from tests.support.programs import running_program
from tests.support.waiting import until
from workers.embedded.ports import free_port

pytestmark = pytest.mark.timeout(120)

GRANT = "1.1764300000.canarycanarycanarycanarycanarycanarycanary12"
#: By the region that is collected, and what is to be seen of it.
WANTED = {
    "aws/default/us-west-2/ec2": ("SUCCESS", "complete, "),
    "aws/default/eu-west-1/ec2": ("SUCCESS", "empty"),
    "aws/default/us-east-2/ec2": ("SUCCESS", "partial (complete, "),
    "aws/default/us-east-1/ec2": ("FAILURE", "denied by ec2:DescribeInstances: "),
    "aws/default/us-west-1/ec2": ("RETRY", "tried again in "),
    "aws/nobody/us-west-2/ec2": ("FAILURE", "failed: "),
    "aws/default/global/cost": ("RETRY", "throttled until "),
}
_CONFIG = {
    "access_key_id": ACCESS_KEY,
    "secret_access_key": SECRET_KEY,
    "services": ["ec2", "cost"],
    "regions": ["us-west-2", "eu-west-1", "us-east-2", "us-east-1", "us-west-1"],
    # A question of Cost Explorer costs a cent, and CloudWatch's next to nothing.
    "budget_usd_per_day": "0.005",
    "quotas": {"*": 1000},
}


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws() as running:
        seed_ec2(running, 6, ["us-west-2", "us-east-2"], hours_back=1)
        running.inject("deny", service="ec2", region="us-east-1")
        running.inject("deny", service="cloudwatch", region="us-east-2")
        running.inject("internal", service="ec2", region="us-west-1")
        yield running


@pytest.fixture
def broker(brokers: Lending) -> Iterator[Broker]:
    with brokers.lend("redis") as lent:
        yield lent


@pytest.fixture
def flower(aws: LocalAws, broker: Broker, tmp_path: Path) -> Iterator[httpx.Client]:
    """Flower, which has seen the worker before any task came."""
    endpoints = dict.fromkeys((*SERVICES, "ce"), aws.url)
    (tmp_path / "telemetry.yaml").write_text(yaml.safe_dump({"aws": {**_CONFIG, "endpoints": endpoints}}))
    port = free_port()
    variables = {
        **os.environ,
        "FINFLEET_CONFIG": str(tmp_path / "telemetry.yaml"),
        "FINFLEET_BROKER_URL": broker.url,
        "FLOWER_BASIC_AUTH": "somebody:canary-flower",
    }
    commands = {"worker": ("worker", "aws"), "flower": ("flower", "--port", str(port))}
    with ExitStack() as stack:
        for name, words in commands.items():
            stack.enter_context(running_program(words, variables, tmp_path / f"{name}.log"))
        client = stack.enter_context(
            httpx.Client(
                base_url=f"http://127.0.0.1:{port}", auth=("somebody", "canary-flower"), trust_env=False, timeout=30
            )
        )
        until(lambda: _answers(client), 60, "Flower knows the worker")
        yield client


def _answers(client: httpx.Client) -> bool:
    try:
        return bool(client.get("/workers?json=1").json()["data"])
    except httpx.TransportError:
        return False


def test_each_collection_shows_what_came_of_it(flower: httpx.Client, broker: Broker, tmp_path: Path) -> None:
    end = floor_time(datetime.now(UTC), timedelta(minutes=5)) - timedelta(minutes=15)
    window = Window(end - timedelta(minutes=5), end)
    day = floor_time(datetime.now(UTC), timedelta(days=1))
    bill = Window(day - timedelta(days=2), day - timedelta(days=1))
    settings = load_settings(tmp_path / "telemetry.yaml", {"FINFLEET_BROKER_URL": broker.url}, providers=())
    with closing(make_app(settings)) as app:
        for target in WANTED:
            span = bill if target.endswith("cost") else window
            args = (target, str(span), 1, GRANT)
            app.send_task("tasks.collect.collect", args, queue="collect.aws", argsrepr=f"({target}, {span}, attempt 1)")

    def tasks() -> dict[str, dict[str, Any]]:
        found = flower.get("/api/tasks?limit=100").json().values()
        return {task["args"].strip("(").partition(",")[0]: task for task in found}

    def seen() -> dict[str, tuple[str, str]]:
        return {target: (task["state"], str(task["result"])) for target, task in tasks().items()}

    def as_wanted() -> bool:
        found = seen()
        return all(
            target in found and found[target][0] == state and found[target][1].startswith(said)
            for target, (state, said) in WANTED.items()
        )

    try:
        until(as_wanted, 40)
    except AssertionError:
        pytest.fail(f"{seen()}\n{(tmp_path / 'worker.log').read_text()}")
    found = tasks()
    assert "lacks" in found["aws/default/us-east-2/ec2"]["result"]
    for task in found.values():
        assert len(task["result"]) <= 500
        # What was foreseen has no traceback, and is the same in the column that Flower has for failures.
        assert not task["traceback"]
        assert task["exception"] in {None, task["result"]}
    everything = flower.get("/api/tasks?limit=100").text + (tmp_path / "worker.log").read_text()
    assert "canary" not in everything.replace("canary-flower", "")
    assert "Traceback" not in everything
    failures = flower.get("/api/tasks?limit=100&state=FAILURE").json()
    assert len(failures) == len([state for state, _ in WANTED.values() if state == "FAILURE"])
    with broker.redis() as client:
        # Nothing was put back, and only what tries again by itself is not acknowledged.
        assert client.llen("collect.aws") == 0
        assert int(client.hlen("unacked")) <= 1
        # Nothing is stored for it, either.
        assert not [key for key in client.scan_iter() if b"celery-task-meta" in key]
