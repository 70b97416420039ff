"""A Valkey (or Redis) of our own: password, loopback, append-only file, our configuration."""

import signal
import subprocess
from typing import ClassVar

import redis
from pydantic import SecretStr
from redis.backoff import NoBackoff
from redis.retry import Retry

from workers.embedded import ports
from workers.embedded.binaries import find_valkey
from workers.embedded.server import EmbeddedServer
from workers.embedded.spawn import spawn
from workers.embedded.state import private_directory, secret, write_private

_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}  # none of our variables, so none of our secrets
_SETTINGS = {
    "bind": ports.LOOPBACK,
    "protected-mode": "yes",
    "daemonize": "no",
    "logfile": "",  # standard output, which is our file
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",  # the append-only file is the store; no snapshots beside it
    # Full memory is an error that publishers see, and the work is due again; evicting would lose it in silence.
    "maxmemory-policy": "noeviction",
    "maxmemory": "1gb",
}


class EmbeddedValkey(EmbeddedServer):
    """Valkey in `state/valkey`; it loses at most its last second when the machine dies."""

    name: ClassVar[str] = "Valkey"
    folder_name: ClassVar[str] = "valkey"
    stop_steps = ((signal.SIGTERM, 15.0),)

    @property
    def url(self) -> SecretStr:
        """`redis://:PASSWORD@127.0.0.1:PORT/0`, of the running server or of the last run.

        Raises:
            EmbeddedServerError: it has never run on this state.
        """
        port = self._port
        return SecretStr(f"redis://:{self._password()}@{ports.LOOPBACK}:{port}/0")

    def _password(self) -> str:
        return secret(self._folder / "password")

    def _prepare(self) -> None:
        self._program = find_valkey()
        private_directory(self._folder / "data")

    def _spawn(self, port: int) -> subprocess.Popen[bytes]:
        settings = {
            **_SETTINGS,
            "dir": str((self._folder / "data").resolve()),
            "port": str(port),
            "requirepass": self._password(),
            **self._settings,
        }
        configuration = self._folder / "valkey.conf"
        write_private(configuration, "".join(f"{name} {_quoted(value)}\n" for name, value in settings.items()))
        return spawn(
            [self._program, configuration.resolve()],
            log=self._output,
            env=_ENVIRONMENT,
            cwd=self._folder,
            # Two servers on one append-only file would ruin it: the process itself holds the directory.
            pass_fds=[self._lock.fileno()],
        )

    def _answers(self, port: int) -> bool:
        with redis.Redis(
            host=ports.LOOPBACK,
            port=port,
            password=self._password(),
            socket_timeout=2,
            socket_connect_timeout=2,
            retry=Retry(NoBackoff(), 0),
        ) as client:
            try:
                client.ping()
            except redis.AuthenticationError as error:
                raise self._failure(f"refuses the password in {self._folder / 'password'}: {error}") from error
            except (redis.ConnectionError, redis.TimeoutError):  # still loading its data, or gone
                return False
        return True


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
