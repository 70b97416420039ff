"""A terminal that lacks most characters: each command prints escapes there, JSON stays JSON, none has a traceback."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from storage import dead_letters
from storage.database import Connection, Database
from telemetry.codec import encode
from tests.support import outbox, writing
from tests.support.exits import ENCODING
from tests.support.prepared import Prepared, prepared
from tests.support.waiting import until
from workers.cli import _COMMANDS

FOREIGN = "Größe 東京 😀 \udcff"
"""Letters of two alphabets, one that takes two units of UTF-16, and a byte of an argument that is no text."""
_STORED = FOREIGN.replace("\udcff", "\N{SNOWMAN}")

_PRINTING = [
    (("status",), 1),
    (("dlq", "list"), 0),
    (("outbox", "dead"), 0),
    (("outbox", "status"), 0),
    (("plan", "--resources", "1"), 0),
    (("services",), 0),
    (("db", "check"), 0),
    (("collect", "generic/default/local/host"), 0),
    (("backfill", "--from", "1d", "--target", f"aws/{FOREIGN}/*/*"), 2),
]
_SAYING = [
    (("permissions", "aws"), 0),
    (("schema",), 0),
    (("schema", FOREIGN), 2),
    (("costs", "import", FOREIGN, "--period", FOREIGN, "--provider", FOREIGN), 2),
    (("costs", "import", f"{FOREIGN}.csv", "--period", "2026-10", "--provider", "focus"), 1),
    (("anomalies", "show", FOREIGN), 2),
    (("forecast", "--name", _STORED), 0),
    (("allocate", "check", FOREIGN), 78),
    (("rates", "import", FOREIGN), 1),
    (("export", "focus", "--account", _STORED), 2),
    (("query", FOREIGN), 2),
    (("query", "tax", "--account", FOREIGN), 2),
    (("query", "tax", "--tag", f"{_STORED}={_STORED}"), 0),
    (("query", "--sql", f"SELECT '{FOREIGN}'"), 1),
    (("query", "--sql", f"SELECT '{_STORED}' AS \"{_STORED}\""), 0),
    (("health", "ingest"), 1),
    (("worker", FOREIGN), 78),
    (("forward", FOREIGN), 2),
    (("ingest", FOREIGN), 2),
    (("beat", f"--{FOREIGN}"), 2),
    (("flower", FOREIGN), 2),
    (("up", FOREIGN), 2),
    ((FOREIGN,), 2),
    (("--config", FOREIGN, "plan"), 78),
]


@pytest.fixture(scope="module")
def programs() -> Iterator[Prepared]:
    with prepared("workers.cli", "workers.commands.status", "workers.commands.collect") as running:
        yield running


@pytest.fixture
def environment(database_url: str, redis_url: str, tmp_path: Path, database: Database) -> dict[str, str]:
    """Of a fleet whose configuration and database are full of such text."""
    (tmp_path / "telemetry.yaml").write_text(
        "generic: {services: [host]}\nopenfinops: {endpoint: 'http://localhost:1/größe'}\n", encoding="utf-8"
    )
    (tmp_path / "sign.why").write_text(FOREIGN, encoding="utf-8", errors="surrogateescape")
    with database.connection() as connection:
        _fill(connection)
    return {
        **os.environ,
        "FINFLEET_DATABASE_URL": database_url,
        "FINFLEET_BROKER_URL": redis_url,
        "FINFLEET_CONFIG": str(tmp_path / "telemetry.yaml"),
        "FINFLEET_HEARTBEAT": str(tmp_path / "sign"),
        "FLOWER_BASIC_AUTH": "somebody:secret",
    }


def _fill(connection: Connection) -> None:
    dead_letters.dead_letter(connection, [dead_letters.Letter(b"{}", "malformed", _STORED)], writing.NOW)
    run = writing.run()
    target_id = writing.plan(connection, state="failed")
    outbox.put(connection, target_id, writing.batch(run), encode(writing.batch(run)))
    connection.execute("UPDATE finfleet.targets SET account = %s, service = %s", [_STORED] * 2)
    connection.execute("UPDATE finfleet.collections SET error = %s", [_STORED])
    connection.execute("UPDATE finfleet.outbox SET error = %s, state = 'dead'", [_STORED])


def _said(
    programs: Prepared, environment: dict[str, str], commands: Sequence[tuple[tuple[str, ...], int]]
) -> dict[tuple[str, ...], str]:
    """What each has printed, side by side: most of their time they wait."""
    with ExitStack() as stack:
        logs = {}
        for number, (words, _) in enumerate(commands):
            log = Path(environment["FINFLEET_CONFIG"]).with_name(f"{number}.log")
            argv = ("finfleet", *words)
            fork = stack.enter_context(programs.running("tests.support.exits:main", argv, environment, log))
            logs[words] = (fork, log)
        said = {}
        for words, status in commands:
            fork, log = logs[words]
            until(partial(getattr, fork, "ended"), 60, ascii(words))
            said[words] = log.read_bytes().decode(environment[ENCODING])
            assert "Traceback" not in said[words], said[words]
            assert said[words].endswith(f"\nexit status {status}\n"), said[words]
    return said


def test_every_command_is_tried() -> None:
    assert {words[0] for words, _ in _PRINTING + _SAYING} >= _COMMANDS.keys()


def _check(said: dict[tuple[str, ...], str]) -> None:
    for words, text in said.items():
        if "--json" in words:
            found = json.loads(text[min(text.index("{"), *_places(text, "[")) : text.rindex("\nexit status")])
            assert words[:2] != ("dlq", "list") or _STORED in found[0].values()
        elif words[:2] in {("dlq", "list"), ("outbox", "dead"), ("status",)}:
            assert "\\u6771\\u4eac \\U0001f600" in text


def _places(text: str, part: str) -> list[int]:
    return [text.index(part)] if part in text else [len(text)]


def test_every_command_prints_what_an_ascii_terminal_has(programs: Prepared, environment: dict[str, str]) -> None:
    as_json = [((*words, "--json"), status) for words, status in _PRINTING if status != 2]
    _check(_said(programs, environment | {ENCODING: "ascii"}, [*_PRINTING, *_SAYING, *as_json]))


def test_a_terminal_may_have_some_of_the_letters(programs: Prepared, environment: dict[str, str]) -> None:
    commands = [(("dlq", "list"), 0), (("dlq", "list", "--json"), 0), (("status",), 1)]
    said = _said(programs, environment | {ENCODING: "latin-1"}, commands)
    _check(said)
    assert "Größe \\u6771" in said["dlq", "list"]
