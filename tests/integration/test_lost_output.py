"""What is printed cannot be written, or nobody reads on: each command says so in a line, or ends in silence."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click
import pytest

from tests.support.prepared import Prepared, prepared
from workers.cli import cli

Commands = Sequence[tuple[str, ...]]
LOST = 74
UNREAD = 141
FULL = "finfleet: standard output cannot be written: No space left on device\n"
_RUNS = (
    ("--version",),
    ("services",),
    ("services", "--json"),
    ("services", "--markdown"),
    ("permissions", "aws"),
    ("schema",),
    ("schema", "webhook"),
    ("health", "ingest"),
    ("status",),
    ("status", "--json"),
    ("plan", "--resources", "1"),
    ("dlq", "list"),
    ("dlq", "list", "--json"),
    ("outbox", "status"),
    ("outbox", "dead"),
    ("db", "check"),
    ("db", "migrate"),
    ("backfill", "--from", "1d", "--dry-run"),
    ("collect", "generic/default/local/host"),  # last: it takes a second
)


def _walk(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command and subcommand."""
    yield words
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from _walk(found, (*words, name))


_COMMANDS = [*_walk(cli)]


@pytest.fixture(scope="module")
def programs() -> Iterator[Prepared]:
    with prepared("tests.support.lost_output") as running:
        yield running


@pytest.fixture
def environment(database_url: str, redis_url: str, tmp_path: Path) -> Mapping[str, str]:
    (tmp_path / "telemetry.yaml").write_text("generic: {services: [host]}\n", encoding="utf-8")
    servers = {"FINFLEET_DATABASE_URL": database_url, "FINFLEET_BROKER_URL": redis_url}
    return {**os.environ, **servers, "FINFLEET_CONFIG": str(tmp_path / "telemetry.yaml")}


def _run(programs: Prepared, how: str, commands: Commands, environment: Mapping[str, str], cwd: Path) -> list[str]:
    """What each of them says; its status is as it must be, and no traceback is among it."""
    argv = ["finfleet", how, json.dumps(commands)]
    done = programs.run("tests.support.lost_output:main", argv, environment, cwd)
    told = json.loads(done.stdout)
    wrong = [one for one in told if one[1] != (LOST if how == "full" else UNREAD) or "Traceback" in one[2]]
    assert wrong == []
    return [said for _, _, said in told]


def test_every_command_is_walked() -> None:
    assert {("status",), ("dlq", "list"), ("outbox", "replay"), ("db", "migrate")} <= {*_COMMANDS}
    assert len(_COMMANDS) > 20


def test_the_help_of_every_command(programs: Prepared, tmp_path: Path) -> None:
    commands = [(*words, "--help") for words in _COMMANDS]
    assert {*_run(programs, "full", commands, os.environ, tmp_path)} == {FULL}
    assert {*_run(programs, "unread", commands, os.environ, tmp_path)} == {""}


@pytest.mark.usefixtures("database")
def test_every_command_that_prints(programs: Prepared, environment: Mapping[str, str], tmp_path: Path) -> None:
    assert all(said.endswith(FULL) for said in _run(programs, "full", _RUNS, environment, tmp_path))
    assert FULL not in "".join(_run(programs, "unread", _RUNS[:-1], environment, tmp_path))


def test_the_program_of_an_agent(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "agents.generic_telemetry_agent", "--help"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr.decode().partition(": ")[2]) == (LOST, FULL.partition(": ")[2])


_HOLDS = """
import os, sys
from telemetry.terminal import guard, say
guard()
taken = os.pipe()
with open(sys.argv[1], "w") as file:
    print(min(taken), file=file)
say("told", err=True)
"""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_no_connection_takes_the_place_of_a_stream_that_is_closed(tmp_path: Path, closed: str) -> None:
    command = f'exec "$@" {closed}'
    found = tmp_path / "found"
    subprocess.run(["sh", "-c", command, "sh", sys.executable, "-c", _HOLDS, str(found)], check=True, timeout=60)
    assert int(found.read_text(encoding="utf-8")) > 2


def test_what_is_said_on_a_closed_standard_error_is_not_printed(tmp_path: Path) -> None:
    config = tmp_path / "telemetry.yaml"
    config.write_text("aws: {services: [ec2], profile: '${NOT_SET}', region: us-east-1}\n", encoding="utf-8")
    command = [sys.executable, "-m", "workers.cli", "--config", str(config), "plan", "--json"]
    ran = subprocess.run(
        ["sh", "-c", 'exec "$@" 2>&-', "sh", *command],
        stdout=subprocess.PIPE,
        env={"PATH": os.environ["PATH"]},
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0
    assert json.loads(ran.stdout)
