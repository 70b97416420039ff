"""Which programs make up a local fleet, with what arguments and variables."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tasks.schedule import PLAN_QUEUE
from tasks.targets import Planned
from telemetry.settings import Settings
from workers.embedded.ports import LOOPBACK
from workers.local.files import USER, StateFiles
from workers.local.unit import Program
from workers.process import HEARTBEAT_VARIABLE

DATABASE_VARIABLE = "FINFLEET_DATABASE_URL"
BROKER_VARIABLE = "FINFLEET_BROKER_URL"
CONFIG_VARIABLE = "FINFLEET_CONFIG"

_FLOWER_TASKS = 10_000
FLOWER_COLUMNS = "name,args,state,received,runtime,worker"
"""Target, window and attempt of a collection are its arguments, which Flower does not show by itself."""
_GRACE = 30.0
# -P: modules come from the installation, never from the directory that somebody happens to be in.
_PYTHON = (sys.executable, "-P", "-m")
_CELERY = (*_PYTHON, "workers.local.node")
_WORKER = ("--without-gossip", "--without-mingle", "--loglevel", "INFO")


@dataclass(frozen=True)
class Fleet:
    """What the programs have to know."""

    settings: Settings
    planned: Mapping[tuple[str, str], Planned]
    files: StateFiles
    #: What every program gets; without the variables that are made here.
    environment: Mapping[str, str] = field(repr=False)
    config: Path | None
    database_url: str = field(repr=False)
    broker_url: str = field(repr=False)
    #: None: without Flower.
    flower_port: int | None

    def programs(self) -> tuple[tuple[Program, ...], ...]:
        """The programs, in groups that are started one after the other.

        They are stopped the other way round: whoever takes something in lasts longer than whoever sends it.
        """
        takers = [self._command("ingest")]
        if self.settings.destinations:
            takers.append(self._command("forward"))
        workers = [self._worker("plan", (PLAN_QUEUE,), database=True)]
        for provider, _ in self.settings.providers():
            if queues := self._queues(provider):
                workers.append(self._worker(f"collect.{provider}", queues, node=provider))
        senders = [self._beat()]
        if self.flower_port is not None:
            senders.append(self._flower(self.flower_port))
        return tuple(takers), tuple(workers), tuple(senders)

    def _command(self, name: str) -> Program:
        return Program(name, (*_PYTHON, "workers.cli", name), self._variables(name, database=True), _GRACE)

    def _queues(self, provider: str) -> tuple[str, ...]:
        plans = (plan for (owner, _), plan in self.planned.items() if owner == provider)
        return tuple(sorted({target.queue for plan in plans for target in plan.targets}))

    def _worker(self, name: str, queues: tuple[str, ...], *, node: str = "", database: bool = False) -> Program:
        command = (*_CELERY, "worker", "-Q", ",".join(queues), "-n", f"{node or name}@%h", *_WORKER)
        return Program(name, command, self._variables(name, database=database), _GRACE)

    def _beat(self) -> Program:
        # Without a pid file: the lock of the state directory does that work, and a kill leaves none behind.
        schedule = ("--schedule", str(self.files.schedule.absolute()), "--pidfile=", "--loglevel", "INFO")
        return Program("beat", (*_CELERY, "beat", *schedule), self._variables("beat"))

    def _flower(self, port: int) -> Program:
        options = {
            "address": LOOPBACK,
            "port": port,
            # Else a flowerconfig.py in the current directory would be run, and could open the doors.
            "conf": "/dev/null",
            "persistent": False,
            "max_tasks": _FLOWER_TASKS,
            "tasks_columns": FLOWER_COLUMNS,
        }
        arguments = (f"--{name}={value}" for name, value in options.items())
        variables = self._variables("flower") | {"FLOWER_BASIC_AUTH": f"{USER}:{self.files.flower_secret()}"}
        return Program("flower", (*_CELERY, "flower", *arguments), variables, port=port)

    def _variables(self, name: str, *, database: bool = False) -> dict[str, str]:
        """The environment of a program: the database's address only where it is needed."""
        variables = {
            key: value
            for key, value in self.environment.items()
            if key not in {DATABASE_VARIABLE, CONFIG_VARIABLE} and not key.startswith("FLOWER_")
        }
        variables[BROKER_VARIABLE] = self.broker_url
        variables[HEARTBEAT_VARIABLE] = str(self.files.sign_of_life(name).absolute())
        if self.config is not None:
            variables[CONFIG_VARIABLE] = str(self.config.absolute())
        if database:
            variables[DATABASE_VARIABLE] = self.database_url
        return variables
