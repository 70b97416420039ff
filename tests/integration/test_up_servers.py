"""`finfleet up` with servers that somebody named, on a terminal; and what stops it before it has started anything."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
from pydantic import SecretStr

from emulators.demo.terminal import Terminal
from telemetry.broker import parse
from tests.support.databases import create_database, drop_database
from tests.support.up import START_WITHIN, command, environment, run_up
from tests.support.waiting import until
from workers.embedded import EmbeddedPostgres, EmbeddedValkey
from workers.embedded.ports import free_port
from workers.local.named import NamedServerAway, check_broker

# OpenFinOps is not there, which stops nothing.
_CONFIG = """
database: {{url: "${{DATABASE_URL}}"}}
generic:
  services: [host]
  accounts: [{{name: here, queue: collect.here}}, {{name: there, queue: collect.there}}]
openfinops: {{endpoint: "http://127.0.0.1:{port}"}}
"""


@contextmanager
def _on_a_terminal(state: Path, **variables: str) -> Iterator[tuple["subprocess.Popen[bytes]", Terminal]]:
    given = environment(TERM="xterm-256color", **variables)
    with Terminal(120, 50) as terminal:
        process = subprocess.Popen(
            ["setsid", "--ctty", *command(state, "--no-flower")],
            stdin=terminal.theirs,
            stdout=terminal.theirs,
            stderr=terminal.theirs,
            cwd=state.parent,
            # The size is the terminal's: pytest-xdist has its workers believe in one of its own.
            env={name: value for name, value in given.items() if name not in {"COLUMNS", "LINES"}},
        )
        try:
            yield process, terminal
        finally:
            process.kill()
            process.wait()


def _text(terminal: Terminal) -> str:
    return "\n".join(terminal.lines)


def _check_sizes(terminal: Terminal) -> None:
    """It is drawn anew for each size that the terminal gets, and leaves nothing of the former picture."""
    for width, height in ((40, 12), (80, 24), (120, 50)):
        terminal.resize(width, height)
        until(lambda: terminal.lines[0].startswith("finfleet up for "), what=f"it is drawn {width} wide")
        until(lambda: "forward" in _text(terminal) or terminal.screen.height == 12)
        names = {word for line in terminal.lines for word in line.split()}
        assert {"generic", "openfinops"} <= names
        assert sum(line.startswith("finfleet up for ") for line in terminal.lines) == 1


def test_named_servers_are_used_and_ctrl_c_ends_the_live_view(
    short_path: Path, postgres_server: EmbeddedPostgres, valkey_server: EmbeddedValkey, redis_url: str
) -> None:
    server = postgres_server.url.get_secret_value()
    database_url = create_database(server)
    state = short_path / "state"
    (short_path / "telemetry.yaml").write_text(_CONFIG.format(port=free_port()))
    variables = {"DATABASE_URL": database_url, "FINFLEET_BROKER_URL": redis_url, "FINFLEET_CONFIG": "telemetry.yaml"}
    with _on_a_terminal(state, **variables) as (process, terminal):
        until(lambda: "windows done" in _text(terminal) and (state / "up.json").exists(), START_WITHIN)
        figures = r"\ngeneric +\d+ +\d+ +0 +0 +\d+\.\d\d +0\n"
        until(lambda: re.search(figures, _text(terminal)), 60, "figures are shown")
        pids = json.loads((state / "up.json").read_text())["processes"]
        assert pids.keys() == {"ingest", "forward", "plan", "collect.generic", "beat"}
        assert psutil.Process(pids["collect.generic"]).cmdline()[-2:] == ["worker", "generic"]
        log = state / "logs" / "collect.generic.log"
        until(lambda: {"collect.here", "collect.there"} <= set(log.read_text().split()), 30, "it takes both queues")
        with psycopg.connect(database_url) as connection:
            assert connection.execute("SELECT count(*) FROM finfleet.alembic_version").fetchone() == (1,)
        assert not (state / "postgres").exists()
        assert not (state / "valkey").exists()
        assert not (state / "pgpass").exists()
        text = _text(terminal)
        _check_sizes(terminal)
        terminal.press("\x03")
        until(lambda: "stopping in order" in _text(terminal))
        assert process.wait(60) == 0
        until(lambda: "; stopped\n" in _text(terminal), what="the last picture stays")
        assert "ingest stopped" in _text(terminal)
        text += _text(terminal)
    assert f"psql -h 127.0.0.1 -p {postgres_server.url.get_secret_value().rsplit(':', 1)[1].split('/')[0]}" in text
    for url in (database_url, redis_url):
        assert url.split("@")[0].rsplit(":", 1)[1] not in text
    drop_database(server, database_url)


def test_faults_of_the_configuration_stop_it_at_once(short_path: Path) -> None:
    (short_path / "telemetry.yaml").write_text("aws: {access_key_id: '${NOT_THERE}', services: [ec3]}\n")
    done = run_up(short_path / "state", FINFLEET_CONFIG="telemetry.yaml")
    assert done.returncode == 78
    assert "aws.access_key_id: the environment variable NOT_THERE is not set" in done.stderr
    assert not (short_path / "state").exists()


def test_a_database_that_is_not_there(short_path: Path) -> None:
    done = run_up(short_path / "state", FINFLEET_DATABASE_URL=f"postgresql://somebody:canary@127.0.0.1:{free_port()}/x")
    assert done.returncode == 69
    assert "refused" in done.stderr.splitlines()[-1]
    assert "the environment variable FINFLEET_DATABASE_URL names it: `unset FINFLEET_DATABASE_URL`" in done.stderr
    assert "canary" not in done.stdout + done.stderr
    assert not (short_path / "state" / "up.json").exists()


def test_a_broker_that_is_not_there(short_path: Path, postgres_server: EmbeddedPostgres) -> None:
    (short_path / "telemetry.yaml").write_text("generic: {services: [host]}\n")
    variables = {"FINFLEET_CONFIG": "telemetry.yaml", "FINFLEET_DATABASE_URL": postgres_server.url.get_secret_value()}
    broker = f"127.0.0.1:{free_port()}"
    done = run_up(short_path / "state", FINFLEET_BROKER_URL=f"redis://:canary@{broker}/0", **variables)
    assert done.returncode == 69
    assert broker in done.stderr
    assert "the environment variable FINFLEET_BROKER_URL names it: `unset FINFLEET_BROKER_URL`" in done.stderr
    assert "canary" not in done.stdout + done.stderr
    with pytest.raises(NamedServerAway, match=r"broker\.url of the configuration names it: leave it out"):
        check_broker(parse(SecretStr(f"redis://{broker}/0")), {}, "FINFLEET_BROKER_URL")


def test_a_port_for_flower_that_is_taken(short_path: Path, valkey_server: EmbeddedValkey) -> None:
    port = valkey_server.url.get_secret_value().rsplit(":", 1)[1].split("/")[0]
    done = run_up(short_path / "state", "--flower-port", port)
    assert (done.returncode, done.stderr) == (
        69,
        f"finfleet: port {port} of 127.0.0.1, for Flower, is in use: name another port\n",
    )
