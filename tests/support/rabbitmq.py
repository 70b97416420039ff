# mypy: allow-untyped-calls
# (kombu has annotations for a few of its functions only)
"""A private RabbitMQ node for tests: own data, user and cookie, on loopback ports of its own.

Where no RabbitMQ is installed, the tests that need it are skipped and say why; in CI (variable CI) they fail.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from kombu.connection import Connection
from pydantic import SecretStr

from tests.support.absent import absent
from tests.support.servers import memory, short_directory
from tests.support.waiting import until
from workers.embedded import spawn, stop
from workers.embedded.ports import LOOPBACK, free_port
from workers.embedded.server import EmbeddedServer
from workers.embedded.state import secret, write_private

VHOSTS = tuple(f"lent{number}" for number in range(32))
"""Virtual hosts that a node has from its start beside `/`: to add one to a running node takes a second and more."""

_USER = "finfleet"
# The program in the PATH of Debian is a wrapper that insists on root or on a user of its own.
_PROGRAMS = (Path("/usr/lib/rabbitmq/bin/rabbitmq-server"), Path("/opt/homebrew/sbin/rabbitmq-server"))


class RabbitMQ(EmbeddedServer):
    """RabbitMQ in `state/rabbitmq`, and the port mapper (epmd) that every Erlang node wants."""

    name: ClassVar[str] = "RabbitMQ"
    folder_name: ClassVar[str] = "rabbitmq"
    stop_steps = ((signal.SIGTERM, 30.0),)

    def __init__(self, state: Path, program: Path) -> None:
        super().__init__(state)
        self._program = program
        self._epmd: subprocess.Popen[bytes] | None = None
        self._epmd_port = 0
        self._node = f"finfleet{secrets.token_hex(4)}@localhost"

    @property
    def url(self) -> SecretStr:
        """`amqp://USER:PASSWORD@127.0.0.1:PORT//`."""
        return SecretStr(f"amqp://{_USER}:{self._password()}@{LOOPBACK}:{self._port}//")

    def control(self, *arguments: str) -> str:
        """What `rabbitmqctl` answers."""
        command = [str(self._program.with_name("rabbitmqctl")), "--node", self._node, *arguments]
        return subprocess.run(command, env=self._environment(), check=True, capture_output=True, text=True).stdout

    def until_written_down(self, queue: str) -> None:
        """Wait until the node would find a new results queue again after a crash.

        It writes the names of its quorum queues to the disk every half a second; a queue that is younger when its
        node is killed is a ruin afterwards, which takes messages and confirms none.
        """
        [names] = self._folder.glob("data/*/quorum/*/names.dets")

        def both_are_there() -> bool:
            content = names.read_bytes()
            dead = content.count(f"{queue}.dead".encode())
            return content.count(queue.encode()) > dead > 0

        until(both_are_there, 10, f"{queue} and its dead-letter queue in {names}")

    def stop(self) -> None:
        """Stop the node, and its port mapper after it."""
        super().stop()
        if self._epmd is not None:
            stop(self._epmd, (signal.SIGTERM, 2.0))
            self._epmd = None

    def _password(self) -> str:
        return secret(self._folder / "password")

    def _prepare(self) -> None:
        if self._epmd is None:
            epmd = shutil.which("epmd") or "epmd"
            self._epmd_port = free_port()
            self._epmd = spawn(
                [epmd, "-port", str(self._epmd_port), "-address", LOOPBACK], log=self._folder / "epmd.log"
            )

    def _spawn(self, port: int) -> subprocess.Popen[bytes]:
        settings = {
            "listeners.tcp.1": f"{LOOPBACK}:{port}",
            "log.file.level": "warning",
            "disk_free_limit.absolute": "50MB",
            "vm_memory_high_watermark.absolute": "1GB",
            "raft.wal_max_size_bytes": "64000000",
            "load_definitions": str(self._folder.resolve() / "definitions.json"),
        }
        rights = {"user": _USER, "configure": ".*", "write": ".*", "read": ".*"}
        definitions = {
            "users": [{"name": _USER, "password": self._password(), "tags": []}],
            "vhosts": [{"name": name} for name in ("/", *VHOSTS)],
            "permissions": [{**rights, "vhost": name} for name in ("/", *VHOSTS)],
        }
        write_private(self._folder / "definitions.json", json.dumps(definitions))
        write_private(
            self._folder / "rabbitmq.conf", "".join(f"{name} = {value}\n" for name, value in settings.items())
        )
        write_private(self._folder / "plugins", "[].\n")
        return spawn([self._program], log=self.log, env=self._environment(), cwd=self._folder)

    def _environment(self) -> dict[str, str]:
        folder = self._folder.resolve()
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ.get("PATH", ""),
            "HOME": str(folder),  # and so the cookie
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",  # nothing of the machine's own node
            # A scheduler without work sleeps, instead of looking for some: the processors are the tests'.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none"
            " -kernel inet_dist_use_interface {127,0,0,1}",
            "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the node, instead of waiting for it
        }

    def _answers(self, port: int) -> bool:
        url = f"pyamqp://{_USER}:{self._password()}@{LOOPBACK}:{port}//"
        connection = Connection(url, connect_timeout=5)
        try:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
        except connection.connection_errors:
            return False
        finally:
            connection.release()
        return True


def find_rabbitmq() -> Path:
    """The program `rabbitmq-server`; without it, the test that asks is skipped, or fails in CI."""
    found = next((path for path in _PROGRAMS if path.exists()), None) or shutil.which("rabbitmq-server")
    if not found or not shutil.which("epmd"):
        absent("RabbitMQ is not installed (Debian: rabbitmq-server): the AMQP half of the results queue is NOT TESTED")
    return Path(found)


@contextmanager
def running_rabbitmq() -> Iterator[RabbitMQ]:
    """A fresh RabbitMQ."""
    program = find_rabbitmq()
    with short_directory(memory()) as directory, RabbitMQ(directory / "state", program) as rabbitmq:
        yield rabbitmq
