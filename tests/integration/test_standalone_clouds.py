"""The agents of the clouds as programs of their own, each on a local cloud, forwarding to a server of the test's."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
from tests.support.clocks import STRICT
from tests.support.ec2 import ACCESS_KEY, SECRET_KEY
from tests.support.gcp import PROJECT, endpoints
from tests.support.scripted_http import Request, ScriptedServer

_ROOT = Path(__file__).parents[2]


def _program(provider: str, directory: Path, variables: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *STRICT, "-m", f"agents.{provider}_telemetry_agent", "--once"],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(_ROOT), "FINFLEET_SPOOL": str(directory / "spool"), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


@contextmanager
def _aws(directory: Path) -> Iterator[dict[str, Any]]:
    del directory
    with LocalAws() as aws:
        seed_ec2(aws, 5, ["us-west-2"])
        yield {
            "access_key_id": ACCESS_KEY,
            "secret_access_key": SECRET_KEY,
            "region": "us-west-2",
            "services": ["ec2"],
            "endpoints": dict.fromkeys(("ec2", "cloudwatch", "pricing", "sts"), aws.url),
        }


@contextmanager
def _azure(directory: Path) -> Iterator[dict[str, Any]]:
    del directory
    with LocalAzure() as azure:
        seed_vms(azure, 5, [DEFAULT_SUBSCRIPTION])
        yield {
            **azure.credentials(),
            "subscription_id": DEFAULT_SUBSCRIPTION,
            "services": ["virtual_machines"],
            "endpoints": azure.endpoints,
            "ca_file": azure.ca_file,
        }


@contextmanager
def _gcp(directory: Path) -> Iterator[dict[str, Any]]:
    with LocalGcp(require_credentials=True) as gcp:
        seed_compute(gcp, 5, [PROJECT], ["us-central1-a"], hours_back=0.5)
        yield {
            "project_id": PROJECT,
            "credentials_file": str(gcp.credentials_file(PROJECT, directory)),
            "services": ["compute"],
            "endpoints": endpoints(gcp),
            "quotas": {"*": 1000},
        }


@pytest.fixture
def openfinops() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


def _resources(requests: list[Request], service: str) -> int:
    found = {
        resource["resource_id"]
        for request in requests
        for resource in request.body["metrics"]["services"][service]["resources"]
    }
    return len(found)


CLOUDS = {"aws": (_aws, "ec2"), "azure": (_azure, "virtual_machines"), "gcp": (_gcp, "compute")}


@pytest.mark.parametrize("provider", CLOUDS)
def test_once_collects_a_cloud_and_forwards_it(provider: str, tmp_path: Path, openfinops: ScriptedServer) -> None:
    cloud, service = CLOUDS[provider]
    with cloud(tmp_path) as section:
        config = tmp_path / "telemetry.yaml"
        config.write_text(yaml.safe_dump({provider: section, "openfinops": {"endpoint": openfinops.url}}))
        done = _program(provider, tmp_path, {"FINFLEET_CONFIG": str(config)})
    assert done.returncode == 0, done.stderr
    assert _resources(openfinops.ingests(), service) == 5
    assert {request.body["cloud_provider"] for request in openfinops.ingests()} == {provider}
    assert not list((tmp_path / "spool" / provider).glob("*.batch"))


def test_a_cloud_that_refuses_is_said_by_the_status(tmp_path: Path, openfinops: ScriptedServer) -> None:
    with _aws(tmp_path) as section:
        section["secret_access_key"] = "canary-but-wrong"
        section["endpoints"] = dict.fromkeys(section["endpoints"], "http://127.0.0.1:1")
        config = tmp_path / "telemetry.yaml"
        config.write_text(yaml.safe_dump({"aws": section, "openfinops": {"endpoint": openfinops.url}}))
        done = _program("aws", tmp_path, {"FINFLEET_CONFIG": str(config)})
    assert done.returncode == 1
    assert "aws/default/us-west-2/ec2" in done.stderr
    assert "canary" not in done.stderr
    assert openfinops.ingests() == []
