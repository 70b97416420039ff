"""The whole fleet as one object: start, wait until it is ready, look, stop."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from pydantic import SecretStr

from agents.core.provider import find_provider
from storage.database import Database
from tasks.maintenance import check_rules
from tasks.targets import plan_targets
from telemetry.broker import Address, parse
from telemetry.errors import FinfleetError
from telemetry.redact import remember
from telemetry.settings import load_settings
from telemetry.settings.loading import DEFAULT_PATH
from workers.embedded import EmbeddedPostgres, EmbeddedServerError, EmbeddedValkey, StateLock
from workers.embedded.ports import LOOPBACK, taken
from workers.embedded.server import EmbeddedServer
from workers.local.addresses import psql_line
from workers.local.description import describe
from workers.local.files import StateFiles, tail
from workers.local.metrics import MetricsPorts, PortTaken
from workers.local.named import check_broker, named_database, own_servers
from workers.local.processes import BROKER_VARIABLE, CONFIG_VARIABLE, DATABASE_VARIABLE, Fleet
from workers.local.report import UpReport
from workers.local.supervisor import ProcessStatus, Supervisor
from workers.local.unit import Program, ProgramUnit, ServerUnit, Unit

logger = logging.getLogger(__name__)

_POLL = 0.05
_LOOK_EVERY = 0.5


class StackError(FinfleetError):
    """The local stack could not be started, or is not ready in time."""


class LocalStack:
    """Servers, migrations and programs of one state directory. A context manager; starts once.

    Everything is supervised by threads of this process, from ``start`` to ``stop``, and ends with this process,
    however this process ends. While all is ready, ``state/up.json`` says what runs (``workers.local.description``).
    """

    def __init__(
        self,
        state: Path,
        *,
        config: Path | None = None,
        environ: Mapping[str, str] = os.environ,
        flower: bool = True,
        flower_port: int | None = None,
        metrics_port: int | None = None,
        postgres_settings: Mapping[str, str] | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Read and check the configuration; nothing is started or written yet.

        Args:
            state: the state directory; made, closed to others, where it is missing.
            config: the configuration file; as ``load_settings`` finds it where None.
            environ: the variables that the configuration refers to, and that the programs get.
            flower: whether Flower is to run.
            flower_port: of Flower; that of the last run or a free one where None.
            metrics_port: the first of the ports for Prometheus metrics; free ones where None, and no metrics where 0.
            postgres_settings: server settings of the embedded Postgres that differ from ours.
            say: called, from any thread, with a line for people whenever something has changed.

        Raises:
            ConfigError: lists all faults, missing credentials of enabled providers included.
        """
        named = config or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
        own = own_servers(environ, state)
        self._own = tuple(own.values())
        environ = {name: value for name, value in environ.items() if name not in own}
        self.settings = load_settings(named, environ)
        check_rules(self.settings)
        self._config = named or (DEFAULT_PATH if DEFAULT_PATH.exists() else None)
        self._planned = plan_targets(self.settings)
        for provider in dict.fromkeys(provider for provider, _ in self._planned):
            find_provider(provider).require()
        self._environ = dict(environ)
        self.files = StateFiles(state)
        self._flower = flower
        self._flower_port = flower_port
        self._metrics_port = metrics_port
        self._metrics: MetricsPorts | None = None
        self._say = say
        self._lock = StateLock(state)
        self._postgres = EmbeddedPostgres(state, postgres_settings) if self.settings.database.url is None else None
        self._valkey = EmbeddedValkey(state) if self.settings.broker.url is None else None
        self._groups: list[list[Supervisor]] = []
        self._thread = threading.Thread(target=self._run, name="local stack", daemon=True)
        self._settled = threading.Event()  # ready, or failed
        self._stopping = threading.Event()
        self._report = UpReport(self.files, lambda ready_at: describe(self, ready_at), say)
        self.error: Exception | None = None

    def start(self) -> None:
        """Begin to start everything, and return; ``wait_ready`` tells how it went.

        Raises:
            StateInUseError: another run holds the state directory.
            EmbeddedServerError: the state directory cannot be used.
            StackError: Flower's port is taken.
        """
        if self._flower and self._flower_port is not None and taken(self._flower_port):
            raise StackError(f"port {self._flower_port} of {LOOPBACK}, for Flower, is in use: name another port")
        self._lock.acquire()
        if self._config is None:
            self._say(f"no {DEFAULT_PATH}: only this machine is collected; --config names another file")
        for line in self._own:
            self._say(line)
        self.files.prepare()
        self._thread.start()

    def wait_ready(self, timeout: float = 120.0) -> None:
        """Return when every process is at work.

        Raises:
            EmbeddedServerError: a server did not start.
            FinfleetError: the database cannot be reached or migrated; not all is ready within ``timeout`` seconds.
        """
        if not self._settled.wait(timeout):
            late = [supervisor.unit for group in self._groups for supervisor in group if not supervisor.ready]
            logs = "\n".join(f"the end of {unit.log}:\n{tail(unit.log)}" for unit in late)
            names = ", ".join(unit.name for unit in late) or "the database's schema"
            raise StackError(f"not ready within {timeout:g} s: {names}\n{logs}")
        if self.error is not None:
            raise self.error

    @property
    def is_ready(self) -> bool:
        """Whether every process has been at work."""
        return self._report.ready_at is not None

    @property
    def is_stopping(self) -> bool:
        """Whether it is to stop, or has stopped."""
        return self._stopping.is_set()

    @property
    def processes(self) -> tuple[ProcessStatus, ...]:
        """Every process as it is now, in the order of their start."""
        return tuple(supervisor.status for group in self._groups for supervisor in group)

    @property
    def pids(self) -> dict[str, int]:
        """The running processes, by name."""
        return {status.name: status.pid for status in self.processes if status.pid is not None}

    @property
    def database_url(self) -> SecretStr:
        """The database; EmbeddedServerError before an embedded one has been started."""
        return self._postgres.url if self._postgres else _given(self.settings.database.url)

    @property
    def broker_url(self) -> SecretStr:
        """The broker; EmbeddedServerError before an embedded one has been started."""
        return self._valkey.url if self._valkey else _given(self.settings.broker.url)

    @property
    def embedded(self) -> tuple[bool, bool]:
        """Whether the database, and the broker, is a server of its own."""
        return self._postgres is not None, self._valkey is not None

    @property
    def broker(self) -> Address:
        """The broker's address as it was read, which remembers its password."""
        return parse(self.broker_url, self.settings.broker.ca_file)

    @property
    def flower_url(self) -> str | None:
        """Where Flower is; None where it is not to run, or its port is not chosen yet."""
        if not self._flower or self._flower_port is None:
            return None
        return f"http://{LOOPBACK}:{self._flower_port}"

    @property
    def metrics(self) -> dict[str, str]:
        """Host and port of each process's metrics."""
        return {} if self._metrics is None else self._metrics.addresses

    @property
    def psql(self) -> str:
        """The command line that opens the database; it holds no password."""
        return psql_line(self.database_url, self.files.pgpass if self._postgres else None)

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to a process, to see what happens; return its number. KeyError where it does not run."""
        pid = self.pids[name]
        os.kill(pid, number)
        return pid

    def stop(self) -> None:
        """Stop everything in order, and let go of the state directory. A second call does nothing."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._report.remove()
        if self._metrics is not None:
            self._metrics.remove()
        for group in reversed(self._groups):
            for supervisor in group:
                supervisor.ask_to_stop()
            for supervisor in group:
                supervisor.join()
        self._lock.release()

    def stop_now(self) -> None:
        """End everything at once, also while ``stop`` or the start is under way in another thread."""
        self._stopping.set()
        for group in reversed(self._groups):
            for supervisor in group:
                supervisor.ask_to_stop()
                supervisor.unit.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            self._bring_up()
            self._settled.set()
            while not self._stopping.wait(_LOOK_EVERY):
                self._check_supervisors()
                self._report.catch_up()
        except Exception as error:
            # Whatever it is, whoever waits must hear of it.
            if not isinstance(error, EmbeddedServerError | FinfleetError | OSError):
                logger.exception("looking after the local stack")
            self.error = error
        self._settled.set()

    def _check_supervisors(self) -> None:
        """StackError where a process has nobody who would start it again: better none runs than a part unseen."""
        gone = [supervisor.unit.name for group in self._groups for supervisor in group if not supervisor.alive]
        if gone:
            raise StackError(f"nobody looks after {', '.join(gone)} any more: the log {self.files.log('up')} says why")

    def _bring_up(self) -> None:
        servers: list[EmbeddedServer] = [server for server in (self._postgres, self._valkey) if server is not None]
        self._start([self._supervisor(ServerUnit(server)) for server in servers])
        if self._stopping.is_set():
            return
        if self._valkey is None:
            check_broker(self.broker, self._environ, BROKER_VARIABLE)
        with nullcontext() if self._postgres else named_database(self._environ, DATABASE_VARIABLE):
            self._migrate()
        for programs in self._programs():
            units = [ProgramUnit(program, self.files, self._lock.fileno()) for program in programs]
            self._start([self._supervisor(unit) for unit in units])
        while not all(supervisor.ready for group in self._groups for supervisor in group):
            if self._stopping.wait(_POLL):
                return
        self._report.publish(datetime.now(UTC))

    def _start(self, supervisors: list[Supervisor]) -> None:
        self._groups.append(supervisors)
        for supervisor in supervisors:
            if not self._stopping.is_set():
                supervisor.start()

    def _migrate(self) -> None:
        from storage.migrate import migrate  # noqa: PLC0415 - who only asks how the fleet does needs no Alembic

        remember(self.database_url.get_secret_value())
        parse(self.broker_url)  # remembers the password
        with Database(self.database_url) as database:  # remembers the password as well
            self._say(f"bringing the database {database.address} to this release's schema")
        if self._postgres:
            parts = urlsplit(self.database_url.get_secret_value())
            self.files.write_pgpass(parts.port or 0, parts.password or "")
        migrate(self.database_url)

    def _programs(self) -> tuple[tuple[Program, ...], ...]:
        groups = self._fleet().programs()
        if self._metrics is not None:
            try:
                self._metrics.assign([program.name for group in groups for program in group if program.metrics_port])
            except PortTaken as error:
                raise StackError(str(error)) from None
            if self._flower:  # at /metrics too, beside its pages
                self._metrics.add("flower", f"{LOOPBACK}:{self._flower_port}")
        return groups

    def _fleet(self) -> Fleet:
        if self._flower and self._flower_port is None:
            self._flower_port = self.files.flower_port()
        remember(self.files.flower_secret())
        if self._metrics_port != 0:
            reserved = {self._flower_port} if self._flower_port is not None else set()
            self._metrics = MetricsPorts(self.files, self._metrics_port, reserved)
        return Fleet(
            settings=self.settings,
            planned=self._planned,
            files=self.files,
            environment=self._environ,
            config=self._config,
            database_url=self.database_url.get_secret_value(),
            broker_url=self.broker_url.get_secret_value(),
            signing_keys=self._signing_keys(),
            flower_port=self._flower_port if self._flower else None,
            metrics=self._metrics,
        )

    def _signing_keys(self) -> str:
        given = [key.get_secret_value() for key in self.settings.ledger.signing_keys] or [self.files.signing_key()]
        for key in given:
            remember(key)
        return ",".join(given)

    def _supervisor(self, unit: Unit) -> Supervisor:
        return Supervisor(unit, changed=self._report.update, say=self._say)


def _given(url: SecretStr | None) -> SecretStr:
    if url is None:  # its server is embedded, then
        raise AssertionError
    return url
