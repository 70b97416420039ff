"""Where the servers are: as configured, else those of the `finfleet up` in this directory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from telemetry.private import read_private
from telemetry.settings import Settings, load_settings
from workers.local.files import StateFiles
from workers.local.glance import read_report
from workers.process import required_broker, required_database_url

_DATABASE, _BROKER = "FINFLEET_DATABASE_URL", "FINFLEET_BROKER_URL"


class Found(NamedTuple):
    """The configuration, and where the servers' addresses are from."""

    settings: Settings
    #: In words, where they are those of a `finfleet up`; else empty.
    remark: str


def find_servers(state: Path, environ: Mapping[str, str] = os.environ) -> Found:
    """The configuration with the addresses of both servers; ConfigError where one is not known."""
    bare = load_settings(environ=environ, providers=(), forwards=False, stores=False)
    beside: dict[str, str] = {}
    if bare.database.url is None:
        beside = _servers_of(state)
        if bare.broker.url is not None:
            beside.pop(_BROKER, None)
    settings = load_settings(environ={**environ, **beside}, providers=(), forwards=False)
    required_database_url(settings)
    required_broker(settings)
    what = "servers" if len(beside) > 1 else "database"
    return Found(settings, f"{what} of the finfleet up in {state}" if beside else "")


def _servers_of(state: Path) -> dict[str, str]:
    """The addresses of embedded servers, with the passwords that lie beside them; none that is not known."""
    report = read_report(state) or {}
    found: dict[str, str] = {}
    database, broker = report.get("database"), report.get("broker")
    try:
        if isinstance(database, dict) and database.get("embedded") is True:
            line = read_private(StateFiles(state).pgpass).splitlines()[0]
            password = line.split(":", 4)[4]
            at = f"{database['host']}:{int(database['port'])}/{quote(str(database['name']), safe='')}"
            found[_DATABASE] = f"postgresql://{quote(str(database['user']), safe='')}:{quote(password, safe='')}@{at}"
        if found and isinstance(broker, dict) and broker.get("embedded") is True:
            password = read_private(state / "valkey" / "password").strip()
            found[_BROKER] = f"redis://:{quote(password, safe='')}@{broker['host']}:{int(broker['port'])}/0"
    except (OSError, ValueError, LookupError, TypeError):
        return found
    return found
