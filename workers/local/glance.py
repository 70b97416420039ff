"""What up.json says of a `finfleet up` beside us: whether every process of it runs. Read by `finfleet status`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
from pydantic import SecretStr

from workers.local.addresses import database_address
from workers.local.files import StateFiles


def troubles_beside(state: Path, database_url: SecretStr | None) -> tuple[str, ...]:
    """What is wrong with the `finfleet up` of that state directory; nothing where it is of another database.

    Empty too where none is ready there, or its directory is closed to us.
    """
    report = read_report(state)
    if report is None or database_url is None or not _same_database(report, database_url):
        return ()
    pid = report.get("pid")
    if not isinstance(pid, int) or not psutil.pid_exists(pid):
        return (f"finfleet up of {state} is gone (process {pid}) and did not stop in order: start it again",)
    running = report.get("processes") or {}
    dead = {name for name, each in running.items() if not _runs(each)} | set(report.get("not_running") or ())
    looping = set(report.get("looping") or ()) - dead
    return (
        *(f"{name} of finfleet up does not run" for name in sorted(dead)),
        *(f"{name} of finfleet up ends again and again" for name in sorted(looping)),
    )


def read_report(state: Path) -> Mapping[str, Any] | None:
    """What up.json says; None where there is none, or it cannot be read."""
    try:
        report = json.loads(StateFiles(state).report.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return report if isinstance(report, dict) else None


def same_database(state: Path, url: SecretStr) -> bool:
    """Whether the `finfleet up` of that state directory has this very database."""
    report = read_report(state)
    return report is not None and _same_database(report, url)


def _same_database(report: Mapping[str, Any], url: SecretStr) -> bool:
    known = report.get("database")
    asked = database_address(url)
    return isinstance(known, dict) and all(known.get(name) == asked[name] for name in ("host", "port", "name"))


def _runs(pid: object) -> bool:
    try:
        return isinstance(pid, int) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
