"""What real workers log: one line an event in each of the forms, with its fields; no chatter, and no Python in it."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from emulators.aws import LocalAws
from emulators.aws.seed import seed_ec2
from emulators.azure import DEFAULT_SUBSCRIPTION, LocalAzure
from emulators.azure.seed import seed_vms
from emulators.gcp import LocalGcp
from emulators.gcp.seed import seed_compute
from tasks.app import make_app
from telemetry.logs.fields import NAMES, trace_of
from telemetry.logs.formats import MAX_LINE
from telemetry.settings import load_settings
from telemetry.target import Window, floor_time
from tests.support.brokers import Broker, Lending
from tests.support.command_runs import RunsFinfleet
from tests.support.ec2 import ACCESS_KEY, SECRET_KEY, SERVICES
from tests.support.gcp import PROJECT, endpoints
from tests.support.logs import parse
from tests.support.programs import running_program
from tests.support.waiting import until

pytestmark = pytest.mark.timeout(120)

TARGETS = {
    "aws": "aws/default/us-west-2/ec2",
    "azure": "azure/default/global/virtual_machines",
    "gcp": "gcp/default/global/compute",
    "generic": "generic/nowhere/global/host",
}
FORMS = {"aws": "json", "azure": "logfmt", "gcp": "text", "generic": "json"}
_PYTHON = re.compile(r"<[\w.]+ object at|datetime\.\w+\(|Decimal\(|\bb'|\bb\"|timedelta\(|UUID\(|\bNone\b|Error\('")
_SDKS = re.compile(r"^(azure|google|grpc|urllib3|botocore|boto3|s3transfer|amqp|kombu|celery|msal|requests|httpx)\b")


@contextmanager
def _clouds(directory: Path) -> Iterator[dict[str, Any]]:
    with LocalAws() as aws, LocalAzure() as azure, LocalGcp(require_credentials=True) as gcp:
        seed_ec2(aws, 3, ["us-west-2"], hours_back=1)
        seed_vms(azure, 3, [DEFAULT_SUBSCRIPTION])
        seed_compute(gcp, 3, [PROJECT], ["us-central1-a"], hours_back=0.5)
        yield {
            "aws": {
                "access_key_id": ACCESS_KEY,
                "secret_access_key": SECRET_KEY,
                "region": "us-west-2",
                "services": ["ec2"],
                "endpoints": dict.fromkeys(SERVICES, aws.url),
            },
            "azure": {
                **azure.credentials(),
                "subscription_id": DEFAULT_SUBSCRIPTION,
                "services": ["virtual_machines"],
                "endpoints": azure.endpoints,
                "ca_file": azure.ca_file,
            },
            "gcp": {
                "project_id": PROJECT,
                "credentials_file": str(gcp.credentials_file(PROJECT, directory)),
                "services": ["compute"],
                "endpoints": endpoints(gcp),
            },
            "generic": {"services": ["host"]},
        }


@pytest.fixture
def broker(brokers: Lending) -> Iterator[Broker]:
    with brokers.lend("redis") as lent:
        yield lent


@contextmanager
def _workers(broker: Broker, directory: Path) -> Iterator[dict[str, "subprocess.Popen[bytes]"]]:
    variables = {
        **os.environ,
        "FINFLEET_CONFIG": str(directory / "telemetry.yaml"),
        "FINFLEET_BROKER_URL": broker.url,
    }
    with ExitStack() as stack:
        yield {
            provider: stack.enter_context(
                running_program(("worker", provider, "--log-format", form), variables, directory / f"{provider}.log")
            )
            for provider, form in FORMS.items()
        }


def test_each_line_of_each_worker_is_an_event(broker: Broker, tmp_path: Path) -> None:
    logs = {provider: tmp_path / f"{provider}.log" for provider in TARGETS}
    end = floor_time(datetime.now(UTC), timedelta(minutes=5)) - timedelta(minutes=15)
    windows = [Window(end - n * timedelta(minutes=5), end - (n - 1) * timedelta(minutes=5)) for n in (1, 2)]
    with _clouds(tmp_path) as document:
        (tmp_path / "telemetry.yaml").write_text(yaml.safe_dump(document))
        settings = load_settings(tmp_path / "telemetry.yaml", {"FINFLEET_BROKER_URL": broker.url}, providers=())
        with closing(make_app(settings)) as app:
            for provider, target in TARGETS.items():
                for window in windows:
                    args = (target, str(window), 1, "")
                    app.send_task("tasks.collect.collect", args, queue=f"collect.{provider}")
        with _workers(broker, tmp_path) as workers:
            for provider in TARGETS:
                until(lambda p=provider: _collected(logs[p]) >= len(windows), 60, f"{provider} has collected")  # type: ignore[misc] # mypy cannot infer a default
            for worker in workers.values():
                worker.send_signal(signal.SIGTERM)
            assert {provider: worker.wait(30) for provider, worker in workers.items()} == dict.fromkeys(TARGETS, 0)
    for provider, log in logs.items():
        said = log.read_text(encoding="utf-8")
        entries = parse(FORMS[provider], said)
        if FORMS[provider] != "text":
            events = {entry["event"] for entry in entries if "event" in entry}
            assert events == {"connected", "started", "collected", "stopping"}
        assert len(said) < 8000, said
        for entry in entries:
            _check(entry, provider, [str(window) for window in windows])


def _collected(log: Path) -> int:
    return log.read_text(encoding="utf-8").count("tasks.collect") if log.exists() else 0


def _check(entry: Mapping[str, Any], provider: str, windows: list[str]) -> None:
    said = json.dumps(entry)
    assert {"time", "level", "logger", "message"} <= entry.keys()
    assert set(entry) <= {"time", "level", "logger", "message", "traceback", *NAMES}
    assert datetime.fromisoformat(entry["time"]).tzinfo is UTC
    assert len(said.encode()) <= MAX_LINE
    assert not _PYTHON.search(said), said
    assert "canary" not in said
    if entry["level"] in {"DEBUG", "INFO"}:
        assert not _SDKS.search(entry["logger"]), f"chatter: {said}"
    if entry["logger"] != "tasks.collect":
        return
    if FORMS[provider] == "text":
        assert TARGETS[provider] in entry["message"]
        assert any(window in entry["message"] for window in windows)
        return
    assert entry["event"] == "collected"
    assert entry["target"] == TARGETS[provider]
    assert entry["window"] in windows
    assert entry["trace"] == trace_of(entry["target"], entry["window"], 1)
    assert entry["provider"] == provider
    assert entry["outcome"] in {"complete", "empty", "failed"}
    assert {"attempt", "run", "service", "task", "task_id", "records", "calls", "seconds"} <= entry.keys()


@pytest.mark.parametrize("form", ["json", "logfmt"])
@pytest.mark.parametrize("command", ["worker plan", "beat", "ingest", "forward", "flower", "up"])
def test_what_stops_a_process_at_its_start_is_an_event_too(
    command: str, form: str, finfleet_program: RunsFinfleet, tmp_path: Path
) -> None:
    (tmp_path / "telemetry.yaml").write_text("aws: {regions: [us-esat-1]}\ningest: {batch: 1}\n")
    variables = {**os.environ, "FINFLEET_CONFIG": str(tmp_path / "telemetry.yaml"), "FINFLEET_LOG_FORMAT": form}
    done = finfleet_program(tuple(command.split()), variables, tmp_path)
    assert done.returncode == 78
    assert not done.stdout
    (entry,) = parse(form, done.stderr.decode())
    assert entry["level"] == "ERROR"
    assert "ingest.batch" in entry["message"]
