"""The generic agent's destinations: OpenFinOps's own server, a real results queue, a real database."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from agents.generic_telemetry_agent import GenericTelemetryAgent
from emulators.openfinops import OpenFinOpsServer
from storage.database import Database
from tasks.results import open_carrier, pushes_of
from telemetry.errors import ForwardRetry, MessageError
from tests.support.ingesting import SETTINGS, all_queues, ingest, running_ingest
from tests.support.openfinops import rows, running_openfinops
from tests.support.pushing import points
from tests.support.waiting import until

METRICS = {"gpu_utilization": 85.5, "training_loss": 0.245, "cost_per_hour": 3.50}


@pytest.fixture(scope="module")
def openfinops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenFinOpsServer]:
    with running_openfinops(tmp_path_factory.mktemp("openfinops")) as server:
        yield server


@pytest.fixture
def _configured(tmp_path: Path, redis_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "telemetry.yaml"
    config.write_text(yaml.safe_dump({"generic": {"sources": [{"name": "training", "kind": "push"}]}}))
    monkeypatch.setenv("FINFLEET_CONFIG", str(config))
    monkeypatch.setenv("FINFLEET_DATABASE_URL", database_url)
    monkeypatch.setenv("FINFLEET_BROKER_URL", redis_url)


def test_openfinops_takes_what_is_pushed(openfinops: OpenFinOpsServer) -> None:
    agent = GenericTelemetryAgent(endpoint=openfinops.url, api_key="your-api-key", source="lab")
    with closing(agent):
        agent.push_metrics(METRICS, destination="openfinops")
        agent.push_metrics({"node-1": {"load": 0.5}})
    first, second = rows(openfinops)[-2:]
    assert first["agent_id"] == "finfleet:generic/lab/global/push"
    (resource,) = first["metrics"]["services"]["push"]["resources"]
    assert {one["metric"]: one["latest"] for one in resource["metrics"]} == METRICS
    assert second["metrics"]["services"]["push"]["resources"][0]["resource_id"] == "node-1"


@pytest.mark.usefixtures("_configured")
def test_what_the_sample_of_the_reference_collects_goes_to_every_destination(
    openfinops: OpenFinOpsServer, redis_url: str, database: Database
) -> None:
    before = len(rows(openfinops))

    def collect_custom_metrics() -> dict[str, Any]:
        return {"metric1": 123.45, "metric2": 678.90, "timestamp": datetime.now()}  # noqa: DTZ005 - as the reference

    agent = GenericTelemetryAgent(endpoint=openfinops.url, api_key="your-api-key", source="training")
    agent.register_metric_collector("custom_source", collect_custom_metrics)
    with closing(agent):
        metrics = agent.collect_metrics(source_name="custom_source")
        for destination in ("openfinops", "queue", "postgres"):
            agent.push_metrics(metrics, destination=destination)
    (row,) = rows(openfinops)[before:]
    (resource,) = row["metrics"]["services"]["push"]["resources"]
    assert {one["metric"]: one["latest"] for one in resource["metrics"]} == {"metric1": 123.45, "metric2": 678.9}
    when = metrics["timestamp"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    with database.connection() as connection:
        assert points(connection) == {("training", "metric1", when): 123.45, ("training", "metric2", when): 678.9}
    with closing(open_carrier(SecretStr(redis_url), pushes_of("training"))) as carrier:
        assert carrier.depth().messages == 1


def test_a_server_that_is_away_is_an_error_that_says_so() -> None:
    with closing(GenericTelemetryAgent(endpoint="http://127.0.0.1:1")) as agent, pytest.raises(ForwardRetry):
        agent.push_metrics(METRICS)


@pytest.mark.usefixtures("_configured")
def test_the_results_queue_takes_what_is_pushed(redis_url: str, database: Database) -> None:
    with (
        all_queues(redis_url, "training") as queues,
        running_ingest(
            queues.results,
            database,
            consumer=replace(ingest(queues.results, database, SETTINGS, "training"), queues=queues),
        ),
        closing(GenericTelemetryAgent(source="training")) as agent,
        database.connection() as connection,
    ):
        agent.push_metrics(METRICS, destination="queue")
        until(lambda: len(points(connection)) == 3, 20, "three points")
        assert {metric: value for (_, metric, _), value in points(connection).items()} == METRICS


@pytest.mark.usefixtures("_configured")
def test_the_database_takes_what_is_pushed(database: Database) -> None:
    with closing(GenericTelemetryAgent(source="training")) as agent:
        agent.push_metrics(METRICS, destination="postgres")
    with database.connection() as connection:
        assert {metric: value for (_, metric, _), value in points(connection).items()} == METRICS


@pytest.mark.usefixtures("_configured")
@pytest.mark.parametrize("destination", ["queue", "postgres"])
def test_a_source_that_nobody_has_configured_is_refused_at_once(destination: str) -> None:
    refused = pytest.raises(MessageError, match=r"'stranger'.*add \{name: stranger, kind: push\}")
    with closing(GenericTelemetryAgent(source="stranger")) as agent, refused:
        agent.push_metrics(METRICS, destination=destination)


_WITHOUT_THE_FLEET = """
import os, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"celery", "kombu", "redis", "psycopg", "psycopg_pool", "sqlalchemy"}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)

sys.meta_path.insert(0, Blocked())
from agents.generic_telemetry_agent import GenericTelemetryAgent
from telemetry.errors import ConfigError
os.environ["FINFLEET_BROKER_URL"] = "redis://127.0.0.1:1/0"
for destination in ("queue", "postgres"):
    try:
        GenericTelemetryAgent(source="training").push_metrics({"a": 1}, destination=destination)
    except ConfigError as error:
        assert "is not installed: pip install 'finfleet[fleet]'" in str(error), error
    else:
        raise AssertionError(destination)
print("told")
"""


@pytest.mark.usefixtures("_configured")
def test_without_the_fleet_it_says_what_to_install() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _WITHOUT_THE_FLEET],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == "told\n", done.stderr
