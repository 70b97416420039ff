"""An address that cannot be read ends every program with status 78 and a remedy, and nothing of it is printed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.prepared import Prepared, prepared
from tests.support.waiting import until
from workers.cli import _COMMANDS

# Which addresses are refused, and why: tests/unit/test_results_address.py.
_UNREADABLE = {
    "FINFLEET_BROKER_URL": "redis://:12/canary@host:6379/0",
    "FINFLEET_DATABASE_URL": "postgresql://finfleet:12/canary@host/finfleet",
}
_LINES = {
    "up": ("up", "--no-flower"),
    "status": ("status",),
    "plan": ("plan",),
    "collect": ("collect", "generic/default/local/host"),
    "backfill": ("backfill", "--from", "1d"),
    "worker": ("worker", "plan"),
    "beat": ("beat",),
    "ingest": ("ingest",),
    "forward": ("forward",),
    "flower": ("flower",),
    "health": ("health", "plan"),
    "outbox": ("outbox", "status"),
    "costs": ("costs", "import", "bill.csv", "--period", "2026-10", "--provider", "focus"),
    "anomalies": ("anomalies", "list"),
    "forecast": ("forecast",),
    "allocate": ("allocate",),
    "rates": ("rates", "list"),
    "query": ("query", "monthly_costs"),
    "export": ("export", "focus", "--output", "bill.parquet"),
    "dlq": ("dlq", "list"),
    "db": ("db", "migrate"),
}
_WITHOUT_A_CONFIGURATION = {"services", "permissions", "schema"}
_STATUS = {"health": 1}


@pytest.fixture(scope="module")
def programs() -> Iterator[Prepared]:
    with prepared("workers.cli", "workers.commands.ingest", "workers.commands.worker", "celery.__main__") as running:
        yield running


def _run(programs: Prepared, directory: Path, function: str, argv: tuple[str, ...]) -> str:
    log = directory / "log"
    environment = {**os.environ, **_UNREADABLE, "FLOWER_BASIC_AUTH": "somebody:secret"}
    environment["FINFLEET_HEARTBEAT"] = str(directory / "alive")
    (directory / "alive").touch()
    with programs.running(function, argv, environment, log) as fork:
        until(lambda: fork.ended, 30, " ".join(argv))
    said = log.read_text(encoding="utf-8")
    assert "Traceback" not in said
    assert not [part for part in ("nary", "12/", "@host") if part in said], said
    return said


def test_every_command_is_tried() -> None:
    assert _LINES.keys() | _WITHOUT_A_CONFIGURATION == _COMMANDS.keys()


@pytest.mark.parametrize("name", _LINES)
def test_a_command_that_is_given_unreadable_addresses_says_so(programs: Prepared, tmp_path: Path, name: str) -> None:
    said = _run(programs, tmp_path, "tests.support.exits:main", ("finfleet", *_LINES[name]))
    assert f"exit status {_STATUS.get(name, 78)}\n" in said
    assert said.count("percent-encode") == 2


def test_the_program_celery_says_so_too(programs: Prepared, tmp_path: Path) -> None:
    said = _run(programs, tmp_path, "tests.support.exits:celery", ("celery", "-A", "tasks.app", "worker"))
    assert "exit status 78\n" in said
    assert said.count("percent-encode") == 2
