"""The images that the Dockerfile says: built, and every role run from them against real servers and local clouds."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import botocore.session
import pytest

from emulators.demo.clouds import running_clouds
from tests.support import granting, manifests
from tests.support.contained import Contained
from tests.support.databases import create_database, drop_database
from tests.support.image_fleet import ImageFleet, bills, collected, forwarded, image_fleet, write_configuration
from tests.support.images import Images, base_name, running_images
from tests.support.manifests import ROOT
from tests.support.servers import running_valkey
from tests.support.waiting import until
from workers.embedded import EmbeddedPostgres
from workers.embedded.ports import free_port

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("images")]

LARGEST = 200_000_000
"""Bytes that the image of all providers adds to its base: docs/deployment.md says so."""
SMALLEST = 50_000_000
"""The same of a standalone agent of one provider."""
_SERVICES = {"aws/ec2", "azure/virtual_machines", "gcp/compute", "generic/host"}
_LOAD = """
import importlib, importlib.metadata, json
failed = {}
for file in importlib.metadata.files("finfleet"):
    name = ".".join(file.with_suffix("").parts).removesuffix(".__init__")
    if file.suffix == ".py" and not name.startswith("migrations"):
        try:
            importlib.import_module(name)
        except Exception as error:
            failed[name] = repr(error)
print(json.dumps(failed))
"""
_CLIENTS = """
import json, sys
import botocore.session
session = botocore.session.get_session()
for name in sys.argv[1:]:
    session.create_client(name, region_name="us-east-1", aws_access_key_id="id", aws_secret_access_key="secret")
print(json.dumps(session.get_available_services()))
"""


@dataclass
class Seen:
    """What was seen of a fleet that ran from the image."""

    migrated: tuple[int, str] = (-1, "")
    ended: dict[str, int] = field(default_factory=dict)
    collected: set[str] = field(default_factory=set)
    bills: dict[str, tuple[int, str]] = field(default_factory=dict)
    forwarded: int = 0
    services: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def built() -> Iterator[tuple[Images, Path]]:
    with running_images() as (images, packages):
        images.build("finfleet", "finfleet", packages)
        images.build("openfinops", "openfinops", packages)
        yield images, packages


@pytest.fixture(scope="module")
def images(built: tuple[Images, Path]) -> Images:
    return built[0]


@pytest.fixture(scope="module")
def finfleet(images: Images) -> Iterator[Contained]:
    with images.mounted("finfleet") as root:
        yield Contained(root, images.configuration("finfleet"))


@pytest.fixture(scope="module")
def openfinops(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the server of the second image, as compose starts it and looks at it."""
    service, port = manifests.compose()["services"]["openfinops"], free_port()

    def here(words: list[str]) -> list[str]:
        return [word.replace("8080", str(port)).replace("0.0.0.0", "127.0.0.1") for word in words]  # noqa: S104 - what is replaced

    with images.mounted("openfinops") as root:
        image, directory = Contained(root, images.configuration("openfinops")), tmp_path_factory.mktemp("openfinops")
        writable = {directory / "tmp": "/tmp", directory / "data": "/data"}  # noqa: S108 - inside of the image
        for place in writable:
            place.mkdir(mode=0o777)
            place.chmod(0o777)
        process = image.start(here(service["command"]), log := directory / "log", {}, writable)
        try:
            look = here(service["healthcheck"]["test"][1:])
            until(lambda: image.run(look, {}, writable)[0] == 0, 60, f"OpenFinOps is healthy: {log.read_text()}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def seen(
    finfleet: Contained, openfinops: str, postgres_server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Seen:
    """A fleet that starts, collects from three clouds, forwards, and is stopped."""
    directory = tmp_path_factory.mktemp("image")
    configuration = directory / "configuration"
    configuration.mkdir()
    configuration.chmod(0o755)
    server, seen = postgres_server.url.get_secret_value(), Seen()
    url = create_database(server)
    with ExitStack() as stack:
        stack.callback(drop_database, server, url)
        broker = stack.enter_context(running_valkey()).url.get_secret_value()
        clouds = stack.enter_context(running_clouds(configuration))
        write_configuration(configuration, clouds, openfinops, finfleet.user)
        variables = {
            "FINFLEET_BROKER_URL": broker,
            "FINFLEET_CONFIG": "/etc/finfleet/telemetry.yaml",
            "FINFLEET_DATABASE_URL": url,
            "FINFLEET_METRICS_ADDRESS": "127.0.0.1",
            "FINFLEET_SIGNING_KEYS": granting.KEY.get_secret_value(),
            "FLOWER_ADDRESS": "127.0.0.1",
            "FLOWER_BASIC_AUTH": "finfleet:password",
            **{name: value for cloud in clouds for name, value in cloud.environment.items()},
        }
        fleet = stack.enter_context(image_fleet(finfleet, directory, configuration, variables))
        _live(fleet, seen, url)
    return seen


def _live(fleet: ImageFleet, seen: Seen, database_url: str) -> None:
    migrate = fleet.start("migrate")
    seen.migrated = (migrate.process.wait(60), migrate.said)
    assert seen.migrated[0] == 0, migrate.said
    del fleet.running["migrate"]
    for name in fleet.services.keys() - {"migrate"}:
        fleet.start(name)
    seen.services = set(fleet.running)
    for name in fleet.running:
        fleet.until_healthy(name)
    try:
        until(lambda: collected(database_url) >= _SERVICES, 90)
        until(lambda: forwarded(database_url), 30)
    except AssertionError as error:
        logs = {name: role.said[-1500:] for name, role in fleet.running.items()}
        raise AssertionError(f"{error}: {collected(database_url)}, {json.dumps(logs, indent=1)}") from error
    seen.collected, seen.forwarded = collected(database_url), forwarded(database_url)
    seen.bills = {target: fleet.collect(target) for target in bills(database_url)}
    seen.ended = fleet.stop()


def test_the_image_is_small(images: Images) -> None:
    added = images.size("finfleet") - images.size(base_name())
    assert 0 < added <= LARGEST, f"{added / 1e6:.0f} MB"
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    assert f"{LARGEST // 10**6} MB" in page


def test_it_holds_what_runs_and_nothing_to_build_or_test_with(finfleet: Contained) -> None:
    find = ["find", "/opt/finfleet", "-name", "pip", "-o", "-name", "emulators", "-o", "-name", "pytest"]
    assert finfleet.run(find) == (0, "")
    status, said = finfleet.run(["python", "-c", _LOAD])
    assert status == 0, said
    # The kit for the tests of other distributions needs pytest, which it says.
    failed = {name for name in json.loads(said.splitlines()[-1]) if not name.startswith("agents.testing")}
    assert failed == set(), said


def test_it_knows_each_api_of_aws_that_is_called(finfleet: Contained) -> None:
    known = set(botocore.session.get_session().get_available_services())
    sources = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "agents" / "aws").rglob("*.py"))
    called = {name for name in re.findall(r"\"([a-z0-9-]+):[A-Z]\w+\"", sources) if name in known}
    assert called > {"ce", "cloudwatch", "ec2", "pricing", "s3", "sts"}
    status, said = finfleet.run(["python", "-c", _CLIENTS, *sorted(called | {"sso", "sso-oidc"})])
    assert status == 0, said
    assert len(json.loads(said.splitlines()[-1])) < len(called) + 10


def test_a_process_of_it_has_no_rights(finfleet: Contained) -> None:
    status, said = finfleet.run(["sh", "-c", "id -u; grep CapEff /proc/self/status; touch /opt/x /tmp/x $HOME/x"])
    lines = said.splitlines()
    assert (status, lines[:2]) == (1, ["10001", "CapEff:\t0000000000000000"])
    assert [line.rpartition(": ")[2] for line in lines[2:]] == ["Read-only file system"] * 3


def test_it_says_how_to_use_it(finfleet: Contained) -> None:
    status, said = finfleet.run(finfleet.command)
    assert status == 0
    assert said.startswith("Usage: finfleet")


def test_every_role_runs_from_it_and_ends_in_order(seen: Seen) -> None:
    assert seen.services == {
        *("beat", "plan", "ingest", "forward", "flower"),
        *(f"worker-{name}" for name in manifests.WORKERS),
    }
    assert seen.ended == dict.fromkeys(seen.services, 0)


def test_it_collects_from_each_cloud_and_forwards(seen: Seen) -> None:
    assert seen.collected >= _SERVICES
    assert seen.forwarded > 0
    assert {target.partition("/")[0] for target in seen.bills} == {"aws", "azure", "gcp"}
    assert {status for status, _ in seen.bills.values()} == {0}, seen.bills


def test_an_agent_alone_has_no_fleet(built: tuple[Images, Path], tmp_path: Path) -> None:
    images, packages = built
    images.build("agent", "finfleet", packages, EXTRAS="aws")
    assert 0 < images.size("agent") - images.size(base_name()) <= SMALLEST
    with images.mounted("agent") as root:
        agent = Contained(root, images.configuration("agent"))
        for absent in ("celery", "sqlalchemy", "azure", "google"):
            assert agent.run(["python", "-c", f"import {absent}"])[0] == 1, absent
        status, said = agent.run(["python", "-m", "agents.aws_telemetry_agent"], {"FINFLEET_SPOOL": "/nowhere"})
    assert status == 78, said
