"""`finfleet collect` where neither Celery nor anything of SQL is installed: the agents alone."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.core.context import utc_now
from emulators.aws import LocalAws
from emulators.aws.seed import Ec2Seed
from telemetry.target import floor_time, format_time
from tests.support.pipeline import KEYS, REGIONS, config, small_aws

pytestmark = pytest.mark.xdist_group("without_fleet")

FLEET = ("alembic", "celery", "flower", "kombu", "psycopg", "psycopg_pool", "redis", "sqlalchemy")
SDKS = {
    "aws": ("boto3", "botocore"),
    "azure": ("azure", "msal", "msrest"),
    "gcp": ("google", "grpc"),
}
_PROGRAM = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ModuleNotFoundError("No module named " + repr(name) + " here: it is blocked", name=name)

sys.meta_path.insert(0, Blocked())

from workers.cli import main
main()
"""
Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def cloud() -> Iterator[tuple[LocalAws, Ec2Seed]]:
    with small_aws() as (aws, seed):
        yield aws, seed


def _finfleet(directory: Path, *words: str, **variables: str) -> Done:
    return _without(FLEET, directory, words, variables)


def _without(modules: tuple[str, ...], directory: Path, words: tuple[str, ...], variables: dict[str, str]) -> Done:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", _PROGRAM.format(blocked=set(modules)), *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=directory,
        env={**os.environ, **variables},
    )


@pytest.fixture
def variables(tmp_path: Path, cloud: tuple[LocalAws, Ec2Seed]) -> dict[str, str]:
    path = tmp_path / "telemetry.yaml"
    path.write_text(yaml.safe_dump(config(cloud[0], "http://127.0.0.1:1", {})), encoding="utf-8")
    return {**KEYS, "FINFLEET_CONFIG": str(path)}


def test_this_host_is_measured(tmp_path: Path) -> None:
    # Without any configuration: this machine needs none.
    done = _finfleet(tmp_path, "collect", "generic/default/local/host", "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    values = {record["metric"]: record["value"] for record in found["records"] if "metric" in record}
    assert 0 < values["memory_utilization"] <= 100
    assert found["report"]["outcome"] == "complete"


def test_instances_of_aws_are_collected(
    tmp_path: Path, cloud: tuple[LocalAws, Ec2Seed], variables: dict[str, str]
) -> None:
    aws, seed = cloud
    region = REGIONS[0]
    end = floor_time(utc_now() - timedelta(minutes=15), timedelta(minutes=5))
    start = end - timedelta(minutes=5)
    words = ("collect", f"aws/default/{region}/ec2", "--window", f"{format_time(start)}/{format_time(end)}")

    done = _finfleet(tmp_path, *words, "--json", **variables)

    assert done.returncode == 0, done.stderr
    records = json.loads(done.stdout)["records"]
    points = [record for record in records if "metric" in record]
    expected = seed.expected_points(start.timestamp(), end.timestamp(), now=aws.clock(), region=region)
    assert len(points) == expected > 0
    names = {record["resource"]["resource_id"].rpartition("/")[2] for record in points}
    assert names == {one.instance_id for one in seed.instances[region] if one.state == "running"}
    assert {datetime.fromisoformat(point["start"]).astimezone(UTC) for point in points} == {start}
    assert any("amount" in record for record in records)

    table = _finfleet(tmp_path, *words, **variables)

    assert table.returncode == 0, table.stderr
    lines = [line for line in table.stdout.splitlines() if " cpu_utilization " in line]
    assert len(lines) == len(names)
    assert "cost per hour" in table.stdout
    assert table.stderr.startswith("complete: ")


@pytest.mark.parametrize("words", [("status",), ("ingest",), ("up",), ("plan",)])
def test_what_needs_the_fleet_says_what_to_install(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = _finfleet(tmp_path, *words)
    assert done.returncode == 78
    assert "is not installed: pip install 'finfleet[fleet]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "extras", [(), ("fleet",), ("aws",), ("azure",), ("gcp",), ("aws", "azure", "gcp")], ids="+".join
)
def test_help_works_with_any_extras(tmp_path: Path, extras: tuple[str, ...]) -> None:
    blocked = [name for extra, names in {"fleet": FLEET, **SDKS}.items() if extra not in extras for name in names]
    done = _without(tuple(blocked), tmp_path, ("--help",), {})
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert any(line.startswith("  collect ") and "Not installed" not in line for line in lines)
    (status,) = (line for line in lines if line.startswith("  status "))
    assert ("Not installed: pip install 'finfleet[fleet]'" in status) == ("fleet" not in extras)


@pytest.mark.parametrize("provider", SDKS)
def test_a_provider_without_its_sdk_says_what_to_install(tmp_path: Path, provider: str) -> None:
    path = tmp_path / "telemetry.yaml"
    path.write_text(f"{provider}: {{}}", encoding="utf-8")
    variables = {"FINFLEET_CONFIG": str(path), "FINFLEET_BROKER_URL": "redis://127.0.0.1:1/0"}
    bill = "billing" if provider == "gcp" else "cost"
    for words in (("worker", provider), ("collect", f"{provider}/default/global/{bill}"), ("up", "--state", "state")):
        done = _without(SDKS[provider], tmp_path, words, variables)
        assert done.returncode == 78, done.stderr
        assert f" not installed: pip install 'finfleet[{provider}]'" in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "state").exists()
