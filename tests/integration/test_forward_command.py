"""`finfleet forward` with several destinations: one process, or one each."""

import base64
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from storage import outbox
from storage.database import Database
from telemetry.settings.loading import variables_of
from telemetry.settings.references import Needs
from tests.support.commands import CommandLine
from tests.support.otlp import TAKEN
from tests.support.outbox import fill
from tests.support.scripted_http import Reply, ScriptedServer
from tests.support.waiting import until

_SECRET = "whsec_" + base64.b64encode(b"canary-of-thirty-two-bytes-or-so").decode()


def _command(tmp_path: Path, database_url: str, sections: dict[str, Any]) -> CommandLine:
    (tmp_path / "config").mkdir()
    text = json.dumps({"destinations": sections})
    (tmp_path / "config" / "telemetry.yaml").write_text(text, encoding="utf-8")
    return CommandLine(tmp_path, database_url, "redis://127.0.0.1:1/0")


def _waits(database: Database) -> dict[str, int]:
    with database.connection() as connection:
        return {line.destination: line.pending for line in outbox.status(connection)}


@pytest.mark.parametrize(("words", "left"), [((), 0), (("metrics",), 4)])
def test_it_serves_all_or_those_that_are_named(
    database: Database, database_url: str, tmp_path: Path, words: tuple[str, ...], left: int
) -> None:
    with (
        ScriptedServer(lambda _: Reply(204, b"", {})) as finance,
        ScriptedServer(lambda _: TAKEN) as metrics,
        database.connection() as connection,
    ):
        sections = {
            "finance": {"kind": "webhook", "url": finance.url, "secret": "${FINANCE_SECRET}"},
            "metrics": {"kind": "otlp", "endpoint": metrics.url},
        }
        command = _command(tmp_path, database_url, sections)
        fill(connection, targets=2, entries=2, destinations=("finance", "metrics"))
        process = command.start("forward", *words, FINANCE_SECRET=_SECRET)
        try:
            until(lambda: _waits(database) == {"finance": left, "metrics": 0}, 30)
        finally:
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=30)
    assert process.returncode == 0
    assert len(metrics.requests) == 4
    assert len(finance.requests) == 4 - left
    assert b"metrics stopped; 4 batches sent" in said
    assert _SECRET.encode() not in said


def test_what_cannot_be_is_said_at_the_start(database: Database, database_url: str, tmp_path: Path) -> None:
    sections = {"finance": {"kind": "webhook", "url": "https://hooks.example", "secret": "canary-that-is-too-short"}}
    command = _command(tmp_path, database_url, sections)
    said = command.run("forward", status=78).stderr
    assert b"destinations.finance: 1 fault" in said
    assert b"canary" not in said
    assert b"there are: finance" in command.run("forward", "nowhere", status=2).stderr


def test_the_schemas_are_printed(database_url: str, tmp_path: Path) -> None:
    command = _command(tmp_path, database_url, {})
    assert json.loads(command.run("schema", "webhook").stdout)["title"] == "finfleet webhook"
    assert "$defs" in json.loads(command.run("schema").stdout)
    assert b"there are: webhook" in command.run("schema", "otlp", status=2).stderr


def test_only_the_forwarder_is_handed_the_secrets() -> None:
    document = {
        "destinations": {
            "finance": {"kind": "webhook", "url": "${FINANCE_URL}", "secret": "${FINANCE}"},
            "metrics": {"kind": "otlp", "endpoint": "https://c.example", "headers": {"api-key": "${METRICS}"}},
        }
    }
    assert variables_of(document, Needs(providers=(), forwards=True)) == {"FINANCE", "FINANCE_URL", "METRICS"}
    assert variables_of(document, Needs(providers=(), forwards=False)) == set()
