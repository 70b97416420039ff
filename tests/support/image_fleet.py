"""A fleet whose processes all run from an image, with the command lines, variables and looks of docker-compose.yml."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import yaml

from emulators.demo.clouds import Cloud
from tests.support import manifests
from tests.support.contained import Contained
from tests.support.waiting import until
from workers.embedded.ports import free_port, listens

_SETTLED = """
SELECT provider || '/' || service FROM finfleet.targets JOIN finfleet.collections USING (target_id)
 GROUP BY 1 HAVING bool_or(state = 'complete')
"""
_BILLS = """
SELECT DISTINCT ON (provider) concat_ws('/', provider, account, region, service)
  FROM finfleet.targets WHERE service IN ('cost', 'billing')
"""
_SENT = "SELECT count(*) FROM finfleet.outbox WHERE state = 'sent'"


@dataclass
class Role:
    """A service of compose that runs."""

    process: "subprocess.Popen[bytes]"
    variables: dict[str, str]
    #: What it may write to, by the names that it knows it by.
    directories: dict[Path, str]
    log: Path

    @property
    def said(self) -> str:
        """Its output so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")


class ImageFleet:
    """Starts the services of compose that run our image."""

    def __init__(self, image: Contained, directory: Path, configuration: Path, variables: Mapping[str, str]) -> None:
        self._image = image
        self._directory = directory
        self._configuration = configuration
        self._variables = variables
        self.services = {
            name: one for name, one in manifests.compose()["services"].items() if one["image"].startswith("finfleet:")
        }
        self.running: dict[str, Role] = {}

    def start(self, name: str) -> Role:
        """Start a service."""
        service, own = self.services[name], self._directory / name
        ports = {"FINFLEET_METRICS_PORT": str(free_port()), "FLOWER_PORT": str(free_port())}
        values = {**self._variables, **ports}
        # A variable that compose does not hand over does not arrive.
        named = set(service["environment"]) | {"FLOWER_PORT"}
        mounts = {entry.partition(":")[0] for entry in service["tmpfs"]}
        directories = {self._own(own / place.replace("/", "_")): place for place in sorted(mounts)}
        self.running[name] = role = Role(
            process=self._image.start(
                service["command"],
                log := self._directory / f"{name}.log",
                variables := {key: values[key] for key in named & values.keys()},
                directories | {self._configuration: "/etc/finfleet"},
            ),
            variables=variables,
            directories=directories | {self._configuration: "/etc/finfleet"},
            log=log,
        )
        return role

    def collect(self, target: str) -> tuple[int, str]:
        """Collect a target once, in a process of its own."""
        given = {key: value for key, value in self._variables.items() if key != "FINFLEET_DATABASE_URL"}
        return self._image.run(["finfleet", "collect", target], given, {self._configuration: "/etc/finfleet"})

    def _own(self, place: Path) -> Path:
        place.mkdir(parents=True)
        os.chown(place, self._image.user, self._image.user)
        return place

    def until_healthy(self, name: str) -> None:
        """Until compose's look at a service finds it healthy; the first look comes when there is something to see."""
        role, (kind, *look) = self.running[name], self.services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        sign = next(place for place, inside in role.directories.items() if inside == "/run/finfleet") / "alive"
        seen: list[object] = []

        def healthy() -> bool:
            assert role.process.poll() is None, f"it ended: {role.process.returncode}"
            if not (
                listens(role.process.pid, int(role.variables["FLOWER_PORT"])) if name == "flower" else sign.exists()
            ):
                return False
            seen[:] = self._image.run(look, role.variables, role.directories)
            return seen[0] == 0

        try:
            until(healthy, 60)
        except AssertionError as error:
            raise AssertionError(f"{name} is not healthy: {error} {seen} {role.said[-3000:]}") from error

    def stop(self) -> dict[str, int]:
        """By SIGTERM; the exit statuses."""
        for role in self.running.values():
            role.process.send_signal(signal.SIGTERM)
        return {name: role.process.wait(60) for name, role in self.running.items()}

    def kill(self) -> None:
        """Whatever still runs."""
        for role in self.running.values():
            role.process.kill()
            role.process.wait()


def write_configuration(place: Path, clouds: tuple[Cloud, ...], openfinops_url: str, user: int) -> None:
    """The configuration of local clouds, with the files that it names beside it, where the image has it."""
    document: dict[str, Any] = {
        **{cloud.provider: {**cloud.section(), "collection_interval": "1h", "backfill": "1h"} for cloud in clouds},
        "generic": {"services": ["host"], "collection_interval": 5, "sources": [{"name": "training", "kind": "push"}]},
        "openfinops": {"endpoint": openfinops_url},
        "ledger": {"sweep_interval": 5},
    }
    (place / "telemetry.yaml").write_text(yaml.safe_dump(_moved(document, place)), encoding="utf-8")
    for file in place.iterdir():
        os.chown(file, user, user)


def _moved(value: Any, place: Path) -> Any:
    """A part of the configuration, where each file is one under /etc/finfleet."""
    if isinstance(value, dict):
        return {key: _moved(one, place) for key, one in value.items()}
    if isinstance(value, list):
        return [_moved(one, place) for one in value]
    if isinstance(value, str) and Path(value).is_absolute() and Path(value).is_file():
        if Path(value).parent != place:
            shutil.copy(value, place)
        return f"/etc/finfleet/{Path(value).name}"
    return value


def bills(database_url: str) -> list[str]:
    """A target of each cloud that is collected by the day, so that none of its windows is due now."""
    with psycopg.connect(database_url) as connection:
        return [row[0] for row in connection.execute(_BILLS)]


def collected(database_url: str) -> set[str]:
    """The services of which a window is complete."""
    with psycopg.connect(database_url) as connection:
        return {row[0] for row in connection.execute(_SETTLED)}


def forwarded(database_url: str) -> int:
    """The number of batches that a destination has taken."""
    with psycopg.connect(database_url) as connection:
        (row,) = connection.execute(_SENT)
        return int(row[0])


@contextmanager
def image_fleet(
    image: Contained, directory: Path, configuration: Path, variables: Mapping[str, str]
) -> Iterator[ImageFleet]:
    """No process outlives the test."""
    fleet = ImageFleet(image, directory, configuration, variables)
    try:
        yield fleet
    finally:
        fleet.kill()
