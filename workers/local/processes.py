"""Which programs make up a local fleet, with what arguments and variables."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tasks.schedule import PLAN_QUEUE, PUSH_QUEUE
from tasks.targets import Planned
from telemetry.settings import Settings
from workers.embedded.ports import LOOPBACK
from workers.health_sign import HEARTBEAT_VARIABLE
from workers.local.files import USER, StateFiles
from workers.local.unit import Program

DATABASE_VARIABLE = "FINFLEET_DATABASE_URL"
BROKER_VARIABLE = "FINFLEET_BROKER_URL"
CONFIG_VARIABLE = "FINFLEET_CONFIG"

# Several programs cannot have one port.
_OURS = {DATABASE_VARIABLE, CONFIG_VARIABLE, "FINFLEET_METRICS_PORT"}
_GRACE = 30.0
# -P: modules come from the installation, never from the directory that somebody happens to be in.
_PYTHON = (sys.executable, "-P", "-m")


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
        takers = [self._command("ingest", "ingest")]
        if self.settings.destinations:
            takers.append(self._command("forward", "forward"))
        workers = [self._command("plan", "worker", PLAN_QUEUE)]
        for provider, _ in self.settings.providers():
            if any(owner == provider for owner, _ in self.planned):
                workers.append(self._command(f"collect.{provider}", "worker", provider, database=False))
        if self.settings.push_sources:
            workers.append(self._command("push", "worker", PUSH_QUEUE, database=False))
        senders = [self._command("beat", "beat", database=False)]
        if self.flower_port is not None:
            senders.append(self._flower(self.flower_port))
        return tuple(takers), tuple(workers), tuple(senders)

    def _command(self, name: str, *words: str, database: bool = True) -> Program:
        return Program(name, (*_PYTHON, "workers.cli", *words), self._variables(name, database=database), _GRACE)

    def _flower(self, port: int) -> Program:
        variables = self._variables("flower") | {"FLOWER_BASIC_AUTH": f"{USER}:{self.files.flower_secret()}"}
        command = (*_PYTHON, "workers.cli", "flower", "--address", LOOPBACK, "--port", str(port))
        return Program("flower", command, variables, port=port)

    def _variables(self, name: str, *, database: bool = False) -> dict[str, str]:
        """The environment of a program: the database's address only where it is needed."""
        variables = {
            key: value for key, value in self.environment.items() if key not in _OURS and not key.startswith("FLOWER_")
        }
        variables[BROKER_VARIABLE] = self.broker_url
        variables[HEARTBEAT_VARIABLE] = str(self.files.sign_of_life(name).absolute())
        if self.config is not None:
            variables[CONFIG_VARIABLE] = str(self.config.absolute())
        if database:
            variables[DATABASE_VARIABLE] = self.database_url
        return variables
