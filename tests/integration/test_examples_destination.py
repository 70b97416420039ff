"""The example of a destination in a distribution of its own: installed by pip, configured, and forwarded to."""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest

from storage import outbox
from storage.database import Database
from telemetry.batch import Points
from tests.support.commands import CommandLine
from tests.support.distributions import ROOT, Environment, make_environment, run
from tests.support.outbox import fill, make_batch
from tests.support.waiting import until

_EXAMPLE = ROOT / "examples" / "destination_package"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the example in it."""
    made = make_environment(tmp_path_factory.mktemp("environment") / "venv")
    made.install(_EXAMPLE, tmp_path_factory.mktemp("scratch"))
    return made


def _command(tmp_path: Path, database_url: str, lake: Path) -> CommandLine:
    (tmp_path / "config").mkdir()
    text = json.dumps({"destinations": {"lake": {"kind": "json_files", "directory": str(lake)}}})
    (tmp_path / "config" / "telemetry.yaml").write_text(text, encoding="utf-8")
    return CommandLine(tmp_path, database_url, "redis://127.0.0.1:1/0")


@contextmanager
def _forwarding(command: CommandLine, environment: Environment) -> Iterator[None]:
    process = command.start("forward", PYTHONPATH=str(environment.packages))
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said.decode()


def _pending(database: Database) -> int:
    with database.connection() as connection:
        return sum(line.pending for line in outbox.status(connection))


def test_each_batch_is_a_file_and_one_that_is_sent_again_replaces_its_own(
    environment: Environment, database: Database, database_url: str, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    lake.touch()  # what is not a directory takes nothing, for now
    command = _command(tmp_path, database_url, lake)
    with database.connection() as connection:
        fill(connection, targets=2, entries=2, destinations=("lake",))
        connection.execute("CREATE TEMPORARY TABLE kept AS SELECT outbox_id, body FROM finfleet.outbox")
        with _forwarding(command, environment):
            until(lambda: connection.execute("SELECT max(attempts) > 0 FROM finfleet.outbox").fetchone() == (True,), 60)
            lake.unlink()
            until(lambda: _pending(database) == 0, 60)
        files = {path: path.read_bytes() for path in lake.rglob("*") if path.is_file()}
        assert len(files) == 4
        assert {path.suffix for path in files} == {".jsonl"}
        records: list[dict[str, Any]] = [json.loads(line) for body in files.values() for line in body.splitlines()]
        rates = [record for record in records if record["record"] == "CostRate"]
        assert {Decimal(rate["amount"]) for rate in rates} == {Decimal("0.0960")}
        assert {record["resource"] for record in records if record["record"] == "MetricPoint"} >= {"i-0000", "i-0001"}

        connection.execute(
            "UPDATE finfleet.outbox AS entry SET state = 'pending', due_at = now(), sent_at = NULL, body = kept.body "
            "FROM pg_temp.kept WHERE kept.outbox_id = entry.outbox_id"
        )
        with _forwarding(command, environment):
            until(lambda: _pending(database) == 0, 60)
    assert {path: path.read_bytes() for path in lake.rglob("*") if path.is_file()} == files


def test_a_resource_without_figures_has_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(_EXAMPLE))
    settings = import_module("finfleet_json_files.settings").JsonFilesSettings
    made = import_module("finfleet_json_files.destination").JsonFiles(
        settings(kind="json_files", directory=str(tmp_path))
    )
    batch = msgspec.structs.replace(make_batch(), rates=[], series=[], points=Points([], [], []))
    made.send(batch)
    (file,) = tmp_path.rglob("*.jsonl")
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [line["resource_id"] for line in lines] == [one.resource_id for one in batch.resources]


def test_it_is_held_to_what_ours_are(environment: Environment) -> None:
    words = ("-q", "-p", "no:cacheprovider", "tests/conformance/test_destinations.py", "-k", "json_files")
    done = run([sys.executable, "-m", "pytest", *words], PYTHONPATH=str(environment.packages))
    assert done.returncode == 0, done.stdout + done.stderr
