"""Which programs make up a local fleet, with what arguments and variables."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from tasks.schedule import PLAN_QUEUE, PUSH_QUEUE
from tasks.targets import Planned
from telemetry.settings import Settings
from telemetry.settings.document import read_document
from telemetry.settings.loading import variables_of
from telemetry.settings.references import Needs
from workers.embedded.ports import LOOPBACK
from workers.health.heartbeat import HEARTBEAT_VARIABLE
from workers.local.files import USER, StateFiles
from workers.local.metrics import MetricsPorts
from workers.local.unit import METRICS_VARIABLE, Program

DATABASE_VARIABLE = "FINFLEET_DATABASE_URL"
BROKER_VARIABLE = "FINFLEET_BROKER_URL"
CONFIG_VARIABLE = "FINFLEET_CONFIG"
KEYS_VARIABLE = "FINFLEET_SIGNING_KEYS"

# Several programs cannot have one port.
_OURS = {
    *(DATABASE_VARIABLE, BROKER_VARIABLE, CONFIG_VARIABLE, KEYS_VARIABLE, HEARTBEAT_VARIABLE),
    METRICS_VARIABLE,
}
_ORDINARY = {
    *("path", "home", "user", "logname", "shell", "lang", "language", "tz", "tmpdir", "temp", "tmp", "term"),
    *("no_color", "virtual_env", "ld_library_path", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("ssl_cert_file", "ssl_cert_dir", "requests_ca_bundle", "curl_ca_bundle"),
}
"""What a program needs to run, and to reach other machines; in either case of letters."""
_BEGINS = ("LC_", "PYTHON", "XDG_", "MALLOC_", "COVERAGE_")
_OF_THE_DATABASE = ("PG",)
"""Libpq's own: certificates, a password file."""
_STORES = Needs(providers=(), forwards=False)
_NOTHING = Needs(providers=(), forwards=False, stores=False)
_GRACE = 30.0
# -P: modules come from the installation, never from the directory that somebody happens to be in.
_PYTHON = (sys.executable, "-P", "-m")


@dataclass(frozen=True)
class Fleet:
    """What the programs have to know."""

    settings: Settings
    planned: Mapping[tuple[str, str], Planned]
    files: StateFiles
    #: Ours, of which every program gets what it needs.
    environment: Mapping[str, str] = field(repr=False)
    config: Path | None
    database_url: str = field(repr=False)
    broker_url: str = field(repr=False)
    #: With commas.
    signing_keys: str = field(repr=False)
    #: None: without Flower.
    flower_port: int | None
    #: None: nobody shows metrics.
    metrics: MetricsPorts | None = None

    def programs(self) -> tuple[tuple[Program, ...], ...]:
        """The programs, in groups that are started one after the other.

        They are stopped the other way round: whoever takes something in lasts longer than whoever sends it.
        """
        takers = [self._command("ingest", "ingest", needs=_STORES, signs=True)]
        if self.settings.destinations:
            takers.append(self._command("forward", "forward", needs=Needs(providers=(), forwards=True)))
        workers = [self._command("plan", "worker", PLAN_QUEUE, needs=_STORES, signs=True)]
        for provider, _ in self.settings.providers():
            if any(owner == provider for owner, _ in self.planned):
                needs = Needs({provider}, forwards=False, stores=False)
                workers.append(self._command(f"collect.{provider}", "worker", provider, needs=needs))
        if self.settings.push_sources:
            workers.append(self._command("push", "worker", PUSH_QUEUE))
        senders = [self._command("beat", "beat")]
        if self.flower_port is not None:
            senders.append(self._flower(self.flower_port))
        return tuple(takers), tuple(workers), tuple(senders)

    def _command(self, name: str, *words: str, needs: Needs = _NOTHING, signs: bool = False) -> Program:
        variables = self._variables(name, needs)
        if signs:
            variables[KEYS_VARIABLE] = self.signing_keys
        port = None if self.metrics is None else partial(self.metrics.port, name)
        return Program(name, (*_PYTHON, "workers.cli", *words), variables, _GRACE, metrics_port=port)

    def _flower(self, port: int) -> Program:
        variables = self._variables("flower", _NOTHING)
        variables["FLOWER_BASIC_AUTH"] = f"{USER}:{self.files.flower_secret()}"
        command = (*_PYTHON, "workers.cli", "flower", "--address", LOOPBACK, "--port", str(port))
        return Program("flower", command, variables, port=port)

    def _variables(self, name: str, needs: Needs) -> dict[str, str]:
        """The environment of a program: what it needs of ours, and no credential that another one needs."""
        wanted = variables_of(self._document, needs)
        sections = [section for provider, section in self.settings.providers() if needs.collects(provider)]
        begins = (*_BEGINS, *(_OF_THE_DATABASE if needs.stores else ()), *(b for s in sections for b in s.variables))
        variables = {
            key: value
            for key, value in self.environment.items()
            if key not in _OURS and (key.lower() in _ORDINARY or key in wanted or key.startswith(begins))
        }
        variables[BROKER_VARIABLE] = self.broker_url
        variables[HEARTBEAT_VARIABLE] = str(self.files.sign_of_life(name).absolute())
        if self.config is not None:
            variables[CONFIG_VARIABLE] = str(self.config.absolute())
        if needs.stores:
            variables[DATABASE_VARIABLE] = self.database_url
        return variables

    @cached_property
    def _document(self) -> Mapping[str, Any]:
        """The configuration as it was written, with the names of the variables."""
        return {} if self.config is None else read_document(self.config)
