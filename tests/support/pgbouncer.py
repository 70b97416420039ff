"""A private PgBouncer for tests, in transaction mode, before a Postgres of the tests.

Where none is installed, the tests that need it are skipped and say why; in CI (variable CI) they fail.
"""

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit, urlunsplit

import psycopg
from pydantic import SecretStr

from tests.support.absent import absent
from tests.support.servers import memory, short_directory
from workers.embedded import spawn
from workers.embedded.ports import LOOPBACK
from workers.embedded.server import EmbeddedServer
from workers.embedded.state import write_private
from workers.embedded.user import unprivileged_account

SERVER_CONNECTIONS = 3
"""For all clients of a database: they get each other's."""


class PgBouncer(EmbeddedServer):
    """PgBouncer in `state/pgbouncer`."""

    name: ClassVar[str] = "PgBouncer"
    folder_name: ClassVar[str] = "pgbouncer"
    stop_steps = ((signal.SIGINT, 2.0),)

    def __init__(self, state: Path, program: Path, server_url: str, mode: str) -> None:
        super().__init__(state)
        self._program = program
        self._server = urlsplit(server_url)
        self._mode = mode

    @property
    def url(self) -> SecretStr:
        """Of the same database."""
        return SecretStr(self.before(urlunsplit(self._server)))

    def before(self, url: str) -> str:
        """The URL of a database of the server, led through the pooler."""
        parts = urlsplit(url)
        return urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@{LOOPBACK}:{self._port}"))

    def _prepare(self) -> None:
        pass

    def _spawn(self, port: int) -> subprocess.Popen[bytes]:
        account = unprivileged_account()
        server = f"host={self._server.hostname} port={self._server.port}"
        login = f"user={self._server.username} password={self._server.password}"
        settings = {
            "listen_addr": LOOPBACK,
            "listen_port": str(port),
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": self._mode,
            "default_pool_size": str(SERVER_CONNECTIONS),
            "max_client_conn": "100",
            "query_wait_timeout": "30",
        }
        # Outside of our own directory, into which the account that is not root cannot look.
        configuration = self._state.parent / f"{secrets.token_hex(4)}.ini"
        lines = [
            "[databases]",
            f"* = {server} {login}",
            "[pgbouncer]",
            *(f"{key} = {settings[key]}" for key in settings),
        ]
        write_private(configuration, "".join(f"{line}\n" for line in lines), account)
        return spawn([self._program, configuration], log=self.log, account=account, cwd=self._state.parent)

    def _answers(self, port: int) -> bool:
        url = f"postgresql://{self._server.username}@{LOOPBACK}:{port}{self._server.path}"
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


def find_pgbouncer() -> Path:
    """The program `pgbouncer`; without it, the test that asks is skipped, or fails in CI."""
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if not found:
        absent("PgBouncer is not installed (Debian: pgbouncer): what runs behind a pooler is NOT TESTED")
    return Path(found)


@contextmanager
def running_pgbouncer(server_url: str, mode: str = "transaction") -> Iterator[PgBouncer]:
    """A fresh PgBouncer before the server of this URL."""
    program = find_pgbouncer()
    with short_directory(memory()) as directory, PgBouncer(directory / "state", program, server_url, mode) as pooler:
        yield pooler
