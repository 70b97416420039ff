"""Every command line and every health check that the deployment's files name, run against real servers.

The fleet lives once: it starts, works, loses its broker and its database, and is stopped. What was seen is recorded,
and the tests look at the record.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import time

import httpx
import pytest

from agents.core.service import services
from tests.support import manifests
from tests.support.databases import create_database, drop_database
from tests.support.manifests import Command
from tests.support.servers import running_valkey
from tests.support.waiting import until
from workers.embedded import EmbeddedPostgres
from workers.embedded.ports import free_port, listens

pytestmark = [pytest.mark.timeout(400), pytest.mark.xdist_group("deployment")]

_CONFIG = """
aws: {services: [ec2], access_key_id: canary-id, secret_access_key: canary-key, collection_interval: 1d}
azure: {subscription_id: "00000000-0000-0000-0000-000000000000", collection_interval: 1d, enabled: %(azure)s}
gcp: {project_id: canary-project, services: [compute], collection_interval: 1d, enabled: %(gcp)s}
generic: {services: [host], collection_interval: 5, sources: [{name: training, kind: push}]}
openfinops: {endpoint: "http://127.0.0.1:1", api_key: "${OPENFINOPS_API_KEY}"}
ledger: {sweep_interval: 5}
"""
CANARIES = {"OPENFINOPS_API_KEY": "canary-openfinops-key", "FLOWER_BASIC_AUTH": "finfleet:canary-flower"}
# Runs command lines, each in a process of its own that has the program's modules already: to import them twenty times
# takes longer than all the looks.
_LOOKS = """
import gc, json, os, sys
import storage.migrate, workers.commands.health, workers.health.readiness
from workers.cli import main

gc.freeze()
children = []
for argv, environment, output in json.load(sys.stdin):
    children.append(os.fork())
    if children[-1] == 0:
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = argv
        written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(written, 1)
        os.dup2(written, 2)
        main()
print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]))
"""
_HOST = 'provider="generic",service="host"'
_COLLECTED = re.compile(rf'^finfleet_collections_total{{outcome="complete",{_HOST}}} [1-9]', re.MULTILINE)
_SUCCEEDED = re.compile(rf'^finfleet_tasks_total{{{_HOST},state="SUCCESS",task=.*}} [1-9]', re.MULTILINE)
_ROLES = ("beat", "flower", "forward", "ingest", "plan", "worker")


def _role(command: Command) -> str:
    """As `finfleet health` names it."""
    if command[1] == "worker":
        return "plan" if command[2] == "plan" else "worker"
    return command[1]


@dataclass
class Life:
    """What was seen of one fleet."""

    #: Exit status and output of each health check: of a fleet that works, without broker, and without database.
    well: dict[tuple[Command, Command], tuple[int, str]] = field(default_factory=dict)
    without_broker: dict[tuple[Command, Command], tuple[int, str]] = field(default_factory=dict)
    without_database: dict[tuple[Command, Command], tuple[int, str]] = field(default_factory=dict)
    metrics: dict[Command, str] = field(default_factory=dict)
    flower: dict[str, int] = field(default_factory=dict)
    refused: dict[str, tuple[int, str]] = field(default_factory=dict)
    ended: dict[Command, int] = field(default_factory=dict)
    output: dict[Command, str] = field(default_factory=dict)


@dataclass
class Process:
    """One role that runs."""

    command: Command
    process: "subprocess.Popen[bytes]"
    environment: dict[str, str]
    log: Path

    @property
    def said(self) -> str:
        """Its output so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")


class Roles:
    """Starts command lines, each with a heartbeat, a log and a port of its own."""

    def __init__(self, directory: Path, variables: dict[str, str]) -> None:
        self.directory = directory
        self.variables = {**os.environ, **variables}
        self.running: dict[Command, Process] = {}

    def argv(self, command: Command) -> list[str]:
        """The program of this environment in place of the image's."""
        assert command[0] == "finfleet"
        return [sys.executable, "-P", "-m", "workers.cli", *command[1:]]

    def run(self, command: Command, environment: dict[str, str] | None = None) -> tuple[int, str]:
        """To its end."""
        done = subprocess.run(
            self.argv(command),
            env=environment or self.variables,
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def start(self, command: Command) -> None:
        """Beside us."""
        name = "-".join(command[1:])
        environment = {
            **self.variables,
            "FINFLEET_HEARTBEAT": str(self.directory / f"{name}.alive"),
            "FINFLEET_METRICS_PORT": str(free_port()),
            "FLOWER_PORT": str(free_port()),
        }
        log = self.directory / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                self.argv(command), env=environment, cwd=self.directory, stdout=output, stderr=output
            )
        self.running[command] = Process(command, process, environment, log)

    def check(self, roles: Collection[str], *, only: str = "") -> dict[tuple[Command, Command], tuple[int, str]]:
        """Every health check that the files name, or those with an option, each on one process of its role."""
        one_of_each = {_role(command): command for command in self.running}
        looks = [
            (one_of_each[look[2]], look)
            for look in sorted(manifests.health_checks())
            # Each was asked for its liveness at its start.
            if look[2] in roles and look[3:] != ("--liveness",) and (not only or only in look)
        ]
        outputs = [self.directory / f"look-{number}" for number in range(len(looks))]
        wanted = [
            (look, self.running[command].environment, str(output))
            for (command, look), output in zip(looks, outputs, strict=True)
        ]
        done = subprocess.run(
            [sys.executable, "-P", "-c", _LOOKS],
            input=json.dumps(wanted),
            cwd=self.directory,
            stdout=subprocess.PIPE,
            text=True,
            timeout=90,
            check=True,
        )
        found = zip(json.loads(done.stdout), (output.read_text(encoding="utf-8") for output in outputs), strict=True)
        return dict(zip(looks, found, strict=True))

    def until_alive(self, command: Command) -> tuple[Command, tuple[int, str]]:
        """Ask the startup probe's question once there is a sign, or Flower listens."""
        running = self.running[command]
        sign, look = (
            Path(running.environment["FINFLEET_HEARTBEAT"]),
            ("finfleet", "health", _role(command), "--liveness"),
        )
        port = int(running.environment["FLOWER_PORT"])

        def ready() -> bool:
            assert running.process.poll() is None, running.said
            return listens(running.process.pid, port) if command[1] == "flower" else sign.exists()

        until(ready, 90, f"{command} is alive: {running.said}")
        assert look in manifests.health_checks()
        return look, self.run(look, running.environment)

    def until_silent(self, command: Command) -> tuple[Command, tuple[int, str]]:
        """Ask for its liveness once its sign is older than a second, and withheld for a reason."""
        running = self.running[command]
        sign = Path(running.environment["FINFLEET_HEARTBEAT"])
        until(Path(f"{sign}.why").exists, 60, f"{command} withholds its sign: {running.said}")
        until(lambda: time() - sign.stat().st_mtime > 1, 60, f"the sign of {command} gets old")
        look = ("finfleet", "health", _role(command), "--liveness", "--max-age", "1")
        return look, self.run(look, running.environment)

    def stop(self) -> dict[Command, int]:
        """By SIGTERM, whoever sends before whoever takes; the exit statuses."""
        for process in self.running.values():
            process.process.send_signal(signal.SIGTERM)
        return {command: process.process.wait(60) for command, process in self.running.items()}

    def kill(self) -> None:
        """Whatever still runs."""
        for process in self.running.values():
            if process.process.poll() is None:
                process.process.kill()
            process.process.wait()


def _collectible() -> set[str]:
    return {provider for provider, _ in services()}


def _fleet() -> list[Command]:
    """The long-running command lines of ours that can run in this install."""
    found = [command for command in sorted(manifests.commands()) if command[0] == "finfleet" and command[1] != "db"]
    return [c for c in found if c[1] != "worker" or c[2] in {"plan", "push"} | _collectible()]


@contextmanager
def _roles(directory: Path, database_url: str, broker_url: str) -> Iterator[Roles]:
    config = directory / "telemetry.yaml"
    enabled = {name: str(name in _collectible()).lower() for name in ("azure", "gcp")}
    config.write_text(_CONFIG % enabled, encoding="utf-8")
    servers = {"FINFLEET_DATABASE_URL": database_url, "FINFLEET_BROKER_URL": broker_url}
    roles = Roles(directory, {**servers, **CANARIES, "FINFLEET_CONFIG": str(config)})
    try:
        yield roles
    finally:
        roles.kill()


@pytest.fixture(scope="module")
def life(postgres_server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Life:
    server = postgres_server.url.get_secret_value()
    url = create_database(server)
    life = Life()
    with ExitStack() as stack:
        valkey = stack.enter_context(running_valkey())
        broker = valkey.url.get_secret_value()
        roles = stack.enter_context(_roles(tmp_path_factory.mktemp("roles"), url, broker))
        status, output = roles.run(("finfleet", "db", "migrate"))
        assert status == 0, output
        for command in _fleet():
            roles.start(command)
        for command in roles.running:
            look, seen = roles.until_alive(command)
            life.well[command, look] = seen
        life.well |= roles.check(_ROLES)
        _look_at_metrics(roles, life)
        _look_at_flower(roles, life)
        valkey.stop()
        life.without_broker = roles.check(_ROLES, only="--readiness")
        for command in roles.running:
            if _role(command) in {"plan", "worker", "beat"}:
                look, seen = roles.until_silent(command)
                life.without_broker[command, look] = seen
        drop_database(server, url)
        life.without_database = roles.check({"forward"}, only="--readiness")
        life.ended = roles.stop()
        life.output = {command: process.said for command, process in roles.running.items()}
    return life


def _look_at_metrics(roles: Roles, life: Life) -> None:
    """When a collection has come to its end everywhere, and the planner's figures are younger than that."""

    def page(command: Command) -> str:
        port = roles.running[command].environment["FINFLEET_METRICS_PORT"]
        return httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False, timeout=30).text

    until(lambda: _COLLECTED.search(page(("finfleet", "ingest"))), 60, "the ingest has counted a collection")
    until(lambda: _SUCCEEDED.search(page(("finfleet", "worker", "generic"))), 60, "so has its worker")
    life.metrics = {command: page(command) for command in roles.running if command[1] != "flower"}


def _flower_routes_that_act() -> list[str]:
    """Every route of this release of Flower whose handler takes a POST; the table of tasks only reads."""
    from flower.urls import handlers  # noqa: PLC0415 - it sets up the options of a program

    routes = {route[0]: route[1] for route in handlers if isinstance(route, tuple)}
    return [route for route, handler in routes.items() if route.startswith("/api/") and "post" in vars(handler)]


def _look_at_flower(roles: Roles, life: Life) -> None:
    port = roles.running["finfleet", "flower"].environment["FLOWER_PORT"]
    user, password = CANARIES["FLOWER_BASIC_AUTH"].split(":")
    url = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=url, auth=(user, password), trust_env=False, timeout=30) as flower:
        until(lambda: flower.get("/api/workers?refresh=1").json(), 30, "Flower knows a worker")
        worker = next(iter(flower.get("/api/workers").json()))
        life.flower["see"] = flower.get("/tasks").status_code
        for route in _flower_routes_that_act():
            target = worker if route.startswith("/api/worker/") else "tasks.plan.sweep"
            answer = flower.post(route.replace("(.+)", target), json={"args": []})
            life.refused[route] = (answer.status_code, answer.text)
    life.flower["stranger"] = httpx.get(f"{url}/tasks", trust_env=False, timeout=30).status_code


def test_every_command_line_is_known() -> None:
    commands = manifests.commands()
    ours = {command for command in commands if command[0] == "finfleet"}
    agents = commands - ours
    assert {_role(command) for command in ours} == {"db", "plan", "worker", "beat", "ingest", "forward", "flower"}
    assert {command[:2] for command in agents} == {("python", "-m")}
    assert {look[2] for look in manifests.health_checks()} == {_role(c) for c in ours} - {"db"}


def test_each_works_by_its_own_health_checks(life: Life) -> None:
    assert {command for command, _ in life.well} == set(_fleet())
    assert {look for _, look in life.well} == manifests.health_checks()
    assert {status for status, _ in life.well.values()} == {0}, life.well
    for (command, _), (_, said) in life.well.items():
        assert said.startswith(f"{_role(command)}: ")
        assert said.count("\n") == 1, "one line"


def test_without_a_broker_each_that_needs_it_says_so(life: Life) -> None:
    for (command, look), (status, said) in life.without_broker.items():
        if _role(command) == "forward":
            assert status == 0, said  # it needs the database only
            continue
        assert status == 1, (command, look, said)
        assert "broker" in said
        assert said.count("\n") == 1
    signs = [said for (_, look), (_, said) in life.without_broker.items() if "--max-age" in look]
    assert len(signs) >= 4
    assert all("the last sign of life is" in said for said in signs)


def test_without_its_database_the_forwarder_says_so(life: Life) -> None:
    found = [seen for (command, _), seen in life.without_database.items() if _role(command) == "forward"]
    assert found
    for status, said in found:
        assert status == 1
        assert "does not exist" in said


def test_each_stops_in_order_even_without_its_servers(life: Life) -> None:
    assert life.ended == dict.fromkeys(_fleet(), 0)


def test_no_secret_is_said(life: Life) -> None:
    for said in [*life.output.values(), *life.metrics.values(), *(said for _, said in life.well.values())]:
        assert "canary" not in said.replace("canary-project", "")


def test_metrics_of_each_process(life: Life) -> None:
    plan = life.metrics["finfleet", "worker", "plan"]
    ingest = life.metrics["finfleet", "ingest"]
    worker = life.metrics["finfleet", "worker", "generic"]
    for command, page in life.metrics.items():
        assert re.search(r'^finfleet_build_info{role="\w+",version="', page, re.MULTILINE), command
    assert 'finfleet_targets{provider="generic",service="host"} 1.0' in plan
    assert re.search(r'^finfleet_task_queue_messages{queue="collect.generic"} \d', plan, re.MULTILINE)
    assert 'finfleet_sources_unavailable{source="database"} 0.0' in plan
    assert _COLLECTED.search(ingest)
    assert re.search(r"^finfleet_records_written_total{.*} [1-9]", ingest, re.MULTILINE)
    assert _SUCCEEDED.search(worker)
    assert re.search(r"^finfleet_beat_ticks_total [1-9]", life.metrics["finfleet", "beat"], re.MULTILINE)
    assert re.search(
        r'^finfleet_forwarded_batches_total{outcome="sent"} 0', life.metrics["finfleet", "forward"], re.MULTILINE
    )


def test_flower_is_closed_and_has_no_buttons(life: Life) -> None:
    assert life.flower == {"see": 200, "stranger": 401}
    assert len(life.refused) >= 14
    assert set(life.refused.values()) == {(403, "Read only mode is enabled")}, life.refused


def test_a_collector_of_what_is_not_configured_says_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "telemetry.yaml").write_text("generic: {services: [host]}", encoding="utf-8")
    roles = Roles(tmp_path, {"FINFLEET_CONFIG": "telemetry.yaml", "FINFLEET_BROKER_URL": "redis://127.0.0.1:1/0"})
    status, said = roles.run(("finfleet", "worker", "aws"))
    assert status == 78
    assert "there is nothing for such a worker to do; there are: plan, generic" in said


def test_flower_without_a_password_does_not_start(tmp_path: Path) -> None:
    roles = Roles(tmp_path, {"FINFLEET_BROKER_URL": "redis://127.0.0.1:1/0"})
    status, said = roles.run(("finfleet", "flower"))
    assert status == 78
    assert "FLOWER_BASIC_AUTH" in said
