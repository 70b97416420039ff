"""What every service must have and must not do: read from the registry, so that a new one is held to it at once."""

import inspect
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from keyword import iskeyword
from pathlib import Path

import pytest

import agents
from agents.core.permissions import permission_of
from agents.core.provider import providers
from agents.core.service import Service, services
from telemetry.settings.providers import ProviderSettings
from telemetry.target import PART, Target, Window

_ALL = list(services().values())
_SDKS = ("boto3", "botocore", "azure", "google", "grpc")
_FLEET = ("celery", "kombu", "sqlalchemy", "psycopg", "redis", "alembic", "flower")

each = pytest.mark.parametrize("service", _ALL, ids=lambda service: f"{service.provider}/{service.name}")


def test_there_are_services() -> None:
    assert {("aws", "ec2"), ("generic", "host")} <= services().keys()


@each
def test_it_is_named_as_a_target_can_be(service: Service) -> None:
    assert service.provider in providers()
    assert PART.fullmatch(service.name)
    assert str(Target.parse(f"{service.provider}/default/somewhere/{service.name}"))


@each
def test_its_file_bears_its_name(service: Service) -> None:
    place = Path(inspect.getfile(type(service)))
    name = f"{service.name}_" if iskeyword(service.name) else service.name
    assert place.name == f"{name}.py"
    if type(service).__module__.startswith("agents."):  # else another distribution's
        assert place.relative_to(Path(agents.__path__[0])).parent == Path(service.provider, "services")


@each
def test_it_says_what_it_is(service: Service) -> None:
    described = type(service).__dict__.get("__doc__") or ""
    assert len(described.strip()) > 20
    assert described.strip().splitlines()[0].endswith((".", ":"))


@each
def test_its_intervals_can_be_planned(service: Service) -> None:
    assert service.interval >= timedelta(seconds=10)
    assert service.interval % timedelta(seconds=1) == timedelta(0)
    assert service.delay >= timedelta(0)
    assert service.check_interval(service.interval) == ""
    assert list(service.refresh) == sorted(set(service.refresh))
    assert all(late > service.delay for late in service.refresh)


@each
@pytest.mark.parametrize("interval", [timedelta(seconds=60), timedelta(seconds=300), timedelta(hours=1)])
def test_an_interval_for_the_whole_provider_suits_it(service: Service, interval: timedelta) -> None:
    length = service.interval_in(ProviderSettings(collection_interval=interval))
    assert service.check_interval(length) == ""
    own = service.interval_in(
        ProviderSettings(collection_interval=interval, intervals={service.name: service.interval})
    )
    assert own == service.interval


@each
def test_its_permissions_are_named_as_the_provider_names_them(service: Service) -> None:
    assert isinstance(service.permissions, tuple)
    assert len(set(service.permissions)) == len(service.permissions)
    if service.provider == "generic":
        return
    assert service.permissions, "a cloud that needs no permission"
    for permission in service.permissions:
        assert permission == permission.strip()
        assert ":" in permission or "/" in permission or "." in permission
        assert "*" not in permission, "the least privilege, not a family of them"


@each
def test_its_paid_apis_are_among_its_permissions_and_have_a_price(service: Service) -> None:
    assert {permission_of(service.provider, api) for api in service.paid} <= set(service.permissions)
    assert all(price.is_finite() and price > 0 for price in service.paid.values())


@each
@pytest.mark.parametrize("resources", [0, 1, 1000, 100_000])
def test_it_can_be_estimated(service: Service, resources: int) -> None:
    start = datetime(2026, 11, 24, tzinfo=UTC)
    estimate = service.estimate(Window(start, start + service.interval), resources)
    assert all(calls >= 0 for calls in estimate.calls.values())
    assert {permission_of(service.provider, api) for api in estimate.calls} <= set(service.permissions)
    assert estimate.cost_usd is None or estimate.cost_usd >= 0
    if service.paid and resources:
        assert estimate.cost_usd is None or estimate.cost_usd > 0


def _python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False, timeout=60
    )


def test_reading_the_registry_loads_no_sdk_and_nothing_of_the_fleet() -> None:
    done = _python(
        "import json, sys\n"
        "import agents.aws.services.ec2\n"
        "from agents.core.service import services\n"
        "assert len(services()) >= 2\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))\n"
    )
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout))
    assert not loaded & {*_SDKS, *_FLEET}


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
    done = _python(_BLOCKED_RUN.format(blocked=set(_FLEET)))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("collected ")
