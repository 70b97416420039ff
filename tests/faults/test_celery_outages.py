# mypy: allow-untyped-calls
# (redis-py has annotations for most of its functions only)
"""Workers and beat outlive what a broker can do to them, and end in order where it does not answer."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
import yaml

from tests.support.databases import create_database, drop_database
from tests.support.foreign import TaskMessage
from tests.support.pushing import message
from tests.support.servers import running_valkey
from tests.support.waiting import until
from workers.embedded import EmbeddedPostgres, EmbeddedValkey
from workers.embedded.ports import free_port, listens

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("celery_outages")]

_CONFIG = {
    "generic": {"services": ["host"], "sources": [{"name": "training", "kind": "push"}]},
    "ledger": {"sweep_interval": 5},
}
_HOST = ("generic/default/local/host", "2026-11-20T05:00:00Z/2026-11-20T05:05:00Z", 1)
_RESULTS = "finfleet.results:stream"
_PUSHED = "finfleet.push.training:stream"
_COMMANDS = {
    "plan": ("worker", "plan"),
    "push": ("worker", "push"),
    "generic": ("worker", "generic"),
    "beat": ("beat",),
    "flower": ("flower",),
}

OUTLIVING = ("plan", "push", "generic", "beat")
ENDING = ("beat", "push", "plan", "flower")


class Role:
    """One process that runs."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", log: Path, sign: Path) -> None:
        self.name = name
        self.sign = sign
        self.process = process
        self.log = log

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def works(self, client: "redis.Redis") -> None:
        """Fail the test unless it does its work now."""
        seen = self._seen(client)
        until(lambda: self._alive() and self._worked(client, seen), 60, f"{self.name} works: {self.said[-3000:]}")
        since = self.sign.stat().st_mtime
        until(lambda: self.sign.stat().st_mtime > since, 30, f"{self.name} gives its sign: {self.said[-3000:]}")

    def _alive(self) -> bool:
        assert self.process.poll() is None, self.said[-5000:]
        return True

    def _worked(self, client: "redis.Redis", seen: int) -> bool:
        try:
            if self.name == "plan":
                TaskMessage("tasks.plan.sweep", ()).put(client, "plan")
            elif self.name == "push":
                TaskMessage("finfleet.push", (message(),)).put(client, "push")
            elif self.name == "generic":
                TaskMessage("tasks.collect.collect", _HOST).put(client, "collect.generic")
            time.sleep(0.5)  # not a wait for anything: one message at each turn is enough
            return self._seen(client) > seen
        except redis.RedisError:
            return False

    def _seen(self, client: "redis.Redis") -> int:
        if self.name == "plan":
            return self.said.count("sweep: ")
        if self.name == "beat":
            return int(client.llen("plan"))
        return int(client.xlen(_PUSHED if self.name == "push" else _RESULTS))


@contextmanager
def running(directory: Path, url: str, name: str, database_url: str) -> Iterator[Role]:
    config, sign, log = (directory / f"{name}.{end}" for end in ("yaml", "alive", "log"))
    config.write_text(yaml.safe_dump(_CONFIG), encoding="utf-8")
    port = free_port()
    variables = {
        "FINFLEET_BROKER_URL": url,
        "FINFLEET_CONFIG": str(config),
        "FINFLEET_HEARTBEAT": str(sign),
        "FLOWER_BASIC_AUTH": "somebody:canary",
        "FLOWER_PORT": str(port),
    }
    if name == "plan":
        variables["FINFLEET_DATABASE_URL"] = database_url
    command = [sys.executable, "-P", "-m", "workers.cli", *_COMMANDS[name]]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env={**os.environ, **variables}, stdout=output, stderr=output)
    role = Role(name, process, log, sign)
    try:
        until(lambda: listens(process.pid, port) if name == "flower" else sign.exists(), 60, f"{name} is ready")
        yield role
    finally:
        process.kill()
        process.wait()


def _full(valkey: EmbeddedValkey, client: "redis.Redis", role: Role) -> None:
    del valkey
    # What is taken off meanwhile cannot be noted.
    messages = {"push": TaskMessage("finfleet.push", (message(),)), "plan": TaskMessage("tasks.plan.sweep", ())}
    if role.name in messages:
        messages[role.name].put(client, role.name)
    client.config_set("maxmemory", "1")
    _let_it_happen(role)
    client.config_set("maxmemory", "0")


def _replica(valkey: EmbeddedValkey, client: "redis.Redis", role: Role) -> None:
    del valkey
    with running_valkey() as other:
        parts = urlsplit(other.url.get_secret_value())
        client.config_set("masterauth", parts.password or "")
        client.execute_command("REPLICAOF", "127.0.0.1", parts.port)
        _let_it_happen(role)
        client.execute_command("REPLICAOF", "NO", "ONE")


def _cut_off(valkey: EmbeddedValkey, client: "redis.Redis", role: Role) -> None:
    del valkey
    for _ in range(3):
        for kind in ("normal", "pubsub"):
            client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
        _let_it_happen(role, 1)


def _locked_out(valkey: EmbeddedValkey, client: "redis.Redis", role: Role) -> None:
    password = urlsplit(valkey.url.get_secret_value()).password or ""
    client.config_set("requirepass", "another-password")
    client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    _let_it_happen(role)
    client.config_set("requirepass", password)


def _gone(valkey: EmbeddedValkey, client: "redis.Redis", role: Role) -> None:
    port = urlsplit(valkey.url.get_secret_value()).port
    client.close()
    valkey.stop()
    _let_it_happen(role)
    valkey.start(port=port)


def _let_it_happen(role: Role, seconds: float = 3) -> None:
    """Time for the process to meet the fault: nothing of it can be waited for from outside."""
    with pytest.raises(subprocess.TimeoutExpired):
        role.process.wait(seconds)


_FAULTS: tuple[Callable[[EmbeddedValkey, "redis.Redis", Role], None], ...] = (
    _full,
    _replica,
    _cut_off,
    _locked_out,
    _gone,
)


def _outlive(name: str, directory: Path, database_url: str) -> None:
    with running_valkey() as valkey:
        url = valkey.url.get_secret_value()
        with running(directory, url, name, database_url) as role, redis.Redis.from_url(url, protocol=2) as client:
            role.works(client)
            for fault in _FAULTS:
                fault(valkey, client, role)
                role.works(client)
            role.process.send_signal(signal.SIGTERM)
            assert role.process.wait(60) == 0, role.said[-3000:]


def _end(name: str, directory: Path, database_url: str) -> None:
    with running_valkey() as valkey, running(directory, valkey.url.get_secret_value(), name, database_url) as role:
        valkey.process.send_signal(signal.SIGSTOP)
        try:
            _let_it_happen(role, 6)  # a tick is due each five seconds: it is published then, and waits
            role.process.send_signal(signal.SIGTERM)
            assert role.process.wait(20) == 0, role.said[-3000:]
        finally:
            valkey.process.send_signal(signal.SIGCONT)


@pytest.fixture(scope="module")
def planned_url(postgres_server: EmbeddedPostgres, migrated_template: str) -> Iterator[str]:
    """For the planner, a database of its own."""
    server = postgres_server.url.get_secret_value()
    url = create_database(server, migrated_template)
    yield url
    drop_database(server, url)


Outcomes = Mapping[str, "Future[None]"]


@contextmanager
def _side_by_side(
    life: Callable[[str, Path, str], None], names: Sequence[str], directory: Path, database_url: str
) -> Iterator[Outcomes]:
    """Each role with a broker of its own, beside the others: most of its time it waits."""
    with ThreadPoolExecutor(len(names)) as pool:
        yield {name: pool.submit(life, name, directory, database_url) for name in names}


@pytest.fixture(scope="module")
def outlived(tmp_path_factory: pytest.TempPathFactory, planned_url: str) -> Iterator[Outcomes]:
    with _side_by_side(_outlive, OUTLIVING, tmp_path_factory.mktemp("outlive"), planned_url) as outcomes:
        yield outcomes


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory, planned_url: str) -> Iterator[Outcomes]:
    with _side_by_side(_end, ENDING, tmp_path_factory.mktemp("end"), planned_url) as outcomes:
        yield outcomes


@pytest.mark.parametrize("name", OUTLIVING)
def test_it_outlives_its_broker(name: str, outlived: Outcomes) -> None:
    outlived[name].result()


def test_a_message_taken_off_a_full_broker_is_not_lost(valkey: EmbeddedValkey, tmp_path: Path) -> None:
    url = valkey.url.get_secret_value()
    with running(tmp_path, url, "push", "") as role, redis.Redis.from_url(url, protocol=2) as client:
        role.works(client)
        until(lambda: not client.llen("push") and not client.exists("unacked"), 20, "all is quiet")
        before = client.xlen(_PUSHED)
        role.process.send_signal(signal.SIGSTOP)
        for _ in range(5):
            TaskMessage("finfleet.push", (message(),)).put(client, "push")
        client.config_set("maxmemory", "1")
        role.process.send_signal(signal.SIGCONT)
        until(lambda: "does not take a note" in role.said, 30, "it could not be noted")
        client.config_set("maxmemory", "0")
        until(lambda: client.xlen(_PUSHED) >= before + 5, 30, "all five have arrived")


@pytest.mark.parametrize("name", ENDING)
def test_it_ends_where_its_broker_hangs(name: str, ended: Outcomes) -> None:
    ended[name].result()
