"""Ours, and whatever else is installed here, by the kit that others are held to as well; and what only ours must."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import agents
from agents.core.service import Service, services
from agents.testing.loading import FLEET, loaded_by
from agents.testing.services import ServiceConformance

_SDKS = ("boto3", "botocore", "azure", "google", "grpc")
_OURS = [service for service in services().values() if type(service).__module__.startswith("agents.")]


class TestServices(ServiceConformance):
    """Every service of this install."""


def test_there_are_services() -> None:
    assert {("aws", "ec2"), ("generic", "host")} <= services().keys()


@pytest.mark.parametrize("service", _OURS, ids=lambda service: f"{service.provider}/{service.name}")
def test_its_file_lies_in_the_folder_of_its_provider(service: Service) -> None:
    place = Path(inspect.getfile(type(service)))
    assert place.relative_to(Path(agents.__path__[0])).parent == Path(service.provider, "services")


def test_reading_the_registry_loads_no_sdk_and_nothing_of_the_fleet() -> None:
    assert len(services()) >= 2
    # An HTTP client neither: every process of the fleet reads the registry, and few ask a source.
    assert not loaded_by(["agents.aws.services.ec2"]) & {*_SDKS, *FLEET, "httpx"}


_BLOCKED_RUN = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked}:
            raise ModuleNotFoundError("No module named " + repr(name) + " here: it is blocked")

sys.meta_path.insert(0, Blocked())

import importlib, pkgutil
import agents
for module in pkgutil.walk_packages(agents.__path__, "agents."):
    if module.name.startswith("agents.testing"):  # the kit, which needs pytest
        continue
    importlib.import_module(module.name)

from datetime import UTC, datetime, timedelta
from agents.core.collection import Collection
from agents.core.context import Shared
from telemetry.batch import Outcome, Run
from telemetry.settings import Settings
from telemetry.target import Target, Window

start = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
target = Target("generic", "default", "local", "host")
run = Run.start(target, Window(start, start + timedelta(seconds=2)), 1, start)
collection = Collection(Shared(Settings.model_validate({{"generic": {{}}}})), run)
batches = list(collection.batches())
report = collection.report()
assert report.outcome is Outcome.COMPLETE, report
assert batches[0].points.value, batches
assert not {blocked} & set(sys.modules)
print("collected", report.records)
"""


def test_agents_import_and_collect_where_there_is_no_fleet() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _BLOCKED_RUN.format(blocked=set(FLEET))],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("collected ")
