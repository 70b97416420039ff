"""A Postgres of our own: initdb, scram, loopback, our configuration."""

import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import psycopg
from psycopg import pq, sql
from pydantic import SecretStr

from workers.embedded import home, leftovers, ports
from workers.embedded.binaries import PostgresPrograms, find_postgres, runnable_by
from workers.embedded.errors import DataVersionError, EmbeddedServerError
from workers.embedded.server import EmbeddedServer
from workers.embedded.spawn import spawn
from workers.embedded.state import secret, write_private
from workers.embedded.user import unprivileged_account

_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}  # none of our variables, so none of our secrets
_SETTINGS = {
    "listen_addresses": ports.LOOPBACK,
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    # A fleet writes in bursts: fewer, larger checkpoints, each of which makes whole pages be logged again.
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}
_SOCKET_PATH_BYTES = 103  # macOS; Linux has four more
_INITDB_WITHIN = 120.0
_BUILTIN_LOCALES_SINCE = 17


class EmbeddedPostgres(EmbeddedServer):
    """Postgres in `state/postgres`, with a role and a database `finfleet` (the role may create roles and databases).

    Started as root, the server itself runs as `nobody`, and its data are that account's.
    """

    name: ClassVar[str] = "Postgres"
    folder_name: ClassVar[str] = "postgres"
    # Fast: roll back, write out, end.  Then at once, with recovery at the next start.
    stop_steps = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0))

    def __init__(
        self, state: Path, settings: Mapping[str, str] | None = None, *, elsewhere: Path = home.ELSEWHERE
    ) -> None:
        """Name the state directory; nothing is touched yet.

        Args:
            state: the state directory.
            settings: server settings that differ from ours, e.g. `{"fsync": "off"}`.
            elsewhere: root only: where the data go if `nobody` cannot reach `state`.
        """
        super().__init__(state, settings)
        self._elsewhere = elsewhere

    @property
    def url(self) -> SecretStr:
        """`postgresql://finfleet:PASSWORD@127.0.0.1:PORT/finfleet`, of the running server or of the last run.

        Raises:
            EmbeddedServerError: it has never run on this state.
        """
        port = self._port
        return SecretStr(f"postgresql://finfleet:{self._password('finfleet')}@{ports.LOOPBACK}:{port}/finfleet")

    def start(self, *, port: int | None = None) -> None:
        """As `EmbeddedServer.start`; the role and the database are there when it returns."""
        super().start(port=port)
        try:
            self._ensure_database()
        except BaseException:
            self.stop()
            raise

    def _password_file(self, role: str) -> Path:
        return self._folder / f"{role}.password"

    def _password(self, role: str) -> str:
        return secret(self._password_file(role))

    def _prepare(self) -> None:
        self._account = unprivileged_account()
        self._area = home.account_directory(self._folder, "cluster", self._account, self._elsewhere)
        self._data = self._area / "data"
        programs = find_postgres()
        self._check_version(programs)
        if self._account is not None:
            programs = runnable_by(self._account, programs, self._area.parent)
        self._programs = programs
        if not self._data.exists():
            self._initialise()
        elif not self._password_file("postgres").exists():
            raise EmbeddedServerError(
                f"{self._password_file('postgres')}, the superuser's password of {self._data}, is missing: bring it "
                f"back, or move {self._data} away to start with an empty database"
            )
        leftovers.clear(self._data)

    def _check_version(self, programs: PostgresPrograms) -> None:
        written = self._data / "PG_VERSION"
        if not self._data.exists():
            return
        found = written.read_text(encoding="utf-8").strip() if written.exists() else "unknown"
        if found != str(programs.major):
            raise DataVersionError(
                f"{self._data} was made by Postgres {found}, which Postgres {programs.version} "
                f"({programs.postgres}) cannot open: dump it with a Postgres {found} (pg_dumpall) and load the dump "
                f"into a new state directory (--state), or move {self._data} away to start with an empty database"
            )

    def _initialise(self) -> None:
        """Run initdb beside the final place, so that one that was cut short is never taken for a database."""
        draft = self._area / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        handover = self._area.parent / "initdb.password"
        write_private(handover, self._password("postgres"), self._account)
        command: list[str | Path] = [
            self._programs.initdb,
            f"--pgdata={draft}",
            "--username=postgres",
            f"--pwfile={handover}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
        ]
        if self._programs.major >= _BUILTIN_LOCALES_SINCE:
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if self._settings.get("fsync") == "off":
            command.append("--no-sync")
        try:
            self._process = self._run(command, signal.SIGKILL)
            status = self._process.wait(_INITDB_WITHIN)
        except subprocess.TimeoutExpired:
            raise self._failure(f"made no database within {_INITDB_WITHIN:g} s") from None
        finally:
            handover.unlink()
        if status != 0:
            raise self._failure(f"made no database (initdb ended with status {status})")
        draft.rename(self._data)

    def _spawn(self, port: int) -> subprocess.Popen[bytes]:
        socket = self._area / f".s.PGSQL.{port}"
        settings = {
            **_SETTINGS,
            "unix_socket_directories": str(self._area) if len(bytes(socket)) <= _SOCKET_PATH_BYTES else "",
            "port": str(port),
            "cluster_name": leftovers.cluster_name(self._data),
            **self._settings,
        }
        configuration = self._area.parent / "postgresql.conf"
        lines = (f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items())
        write_private(configuration, "".join(lines), self._account)
        # SIGQUIT: it ends its backends, which lead sessions of their own, and then itself, at once.
        return self._run([self._programs.postgres, "-D", self._data, f"--config_file={configuration}"], signal.SIGQUIT)

    def _run(self, command: list[str | Path], death_signal: signal.Signals) -> subprocess.Popen[bytes]:
        try:
            return spawn(
                command,
                log=self._output,
                env=_ENVIRONMENT,
                cwd=self._area,
                account=self._account,
                death_signal=death_signal,
                pass_fds=[self._lock.fileno()],
            )
        except PermissionError as error:
            raise EmbeddedServerError(
                f"Postgres cannot be started as {self._account.name if self._account else 'this user'}: {error}; run "
                "as an ordinary user, or name a server by FINFLEET_DATABASE_URL"
            ) from error

    def _is_ready(self, process: subprocess.Popen[bytes], port: int) -> bool:
        try:
            pid, *_, status = (self._data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except (FileNotFoundError, ValueError):  # not yet, or just being written
            return False
        return pid == str(process.pid) and status.strip() == "ready" and self._answers(port)

    def _answers(self, port: int) -> bool:
        # A ping needs no password.
        return (
            pq.PGconn.ping(f"host={ports.LOOPBACK} port={port} sslmode=disable connect_timeout=2".encode())
            == pq.Ping.OK
        )

    def _ensure_database(self) -> None:
        try:
            with psycopg.connect(
                host=ports.LOOPBACK,
                port=self._port,
                user="postgres",
                password=self._password("postgres"),
                dbname="postgres",
                sslmode="disable",
                require_auth="scram-sha-256",
                autocommit=True,
            ) as connection:
                _make_role_and_database(connection, self._password("finfleet"))
        except psycopg.Error as error:
            raise self._failure(f"runs, but role and database finfleet could not be made: {error}") from error


def _make_role_and_database(connection: psycopg.Connection, password: str) -> None:
    """Make what is missing, and set the password to the one in our file."""
    # Hashed here, so that the server never sees, and so never logs, the password.
    hashed = connection.pgconn.encrypt_password(password.encode(), b"finfleet", b"scram-sha-256").decode()
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'finfleet'").fetchone():
        connection.execute("CREATE ROLE finfleet LOGIN CREATEDB CREATEROLE")
    connection.execute(sql.SQL("ALTER ROLE finfleet PASSWORD {}").format(sql.Literal(hashed)))
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'finfleet'").fetchone():
        connection.execute("CREATE DATABASE finfleet OWNER finfleet")
    connection.execute("REVOKE ALL ON DATABASE finfleet FROM PUBLIC")
