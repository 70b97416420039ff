"""`finfleet up` with servers that somebody named, on a terminal; and what stops it before it has started anything."""

import json
import os
import pty
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Thread

import psutil
import psycopg

from tests.support.databases import create_database, drop_database
from tests.support.up import START_WITHIN, command, environment, run_up
from tests.support.waiting import until
from workers.embedded import EmbeddedPostgres, EmbeddedValkey
from workers.embedded.ports import free_port

# OpenFinOps is not there, which stops nothing.
_CONFIG = """
database: {{url: "${{DATABASE_URL}}"}}
generic:
  services: [host]
  accounts: [{{name: here, queue: collect.here}}, {{name: there, queue: collect.there}}]
openfinops: {{endpoint: "http://127.0.0.1:{port}"}}
"""


class Terminal:
    """A terminal, and everything that was drawn on it."""

    def __init__(self) -> None:
        self._ours, self.theirs = pty.openpty()
        self._drawn = b""
        self._thread = Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        with suppress(OSError):  # how the end of a terminal reads
            while chunk := os.read(self._ours, 65536):
                self._drawn += chunk

    def text(self) -> str:
        """What was drawn, without the codes that move the cursor and choose colours."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._drawn.decode(errors="replace"))

    def press_ctrl_c(self) -> None:
        os.write(self._ours, b"\x03")

    def close(self) -> None:
        os.close(self.theirs)
        self._thread.join(10)
        os.close(self._ours)


@contextmanager
def _on_a_terminal(state: Path, **variables: str) -> Iterator[tuple["subprocess.Popen[bytes]", Terminal]]:
    with closing(Terminal()) as terminal:
        process = subprocess.Popen(
            ["setsid", "--ctty", *command(state, "--no-flower")],
            stdin=terminal.theirs,
            stdout=terminal.theirs,
            stderr=terminal.theirs,
            cwd=state.parent,
            env=environment(TERM="xterm-256color", COLUMNS="120", LINES="50", **variables),
        )
        try:
            yield process, terminal
        finally:
            process.kill()
            process.wait()


def test_named_servers_are_used_and_ctrl_c_ends_the_live_view(
    short_path: Path, postgres_server: EmbeddedPostgres, valkey_server: EmbeddedValkey, redis_url: str
) -> None:
    server = postgres_server.url.get_secret_value()
    database_url = create_database(server)
    state = short_path / "state"
    (short_path / "telemetry.yaml").write_text(_CONFIG.format(port=free_port()))
    variables = {"DATABASE_URL": database_url, "FINFLEET_BROKER_URL": redis_url, "FINFLEET_CONFIG": "telemetry.yaml"}
    with _on_a_terminal(state, **variables) as (process, terminal):
        until(lambda: "windows done" in terminal.text() and (state / "up.json").exists(), START_WITHIN)
        until(lambda: re.search(r"generic +\d+ +\d+ +0 +\d+\.\d\d +0", terminal.text()), 60, "figures are shown")
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
        terminal.press_ctrl_c()
        assert process.wait(60) == 0
        text = terminal.text()
    assert f"psql -h 127.0.0.1 -p {postgres_server.url.get_secret_value().rsplit(':', 1)[1].split('/')[0]}" in text
    assert "stopping in order" in text
    assert "ingest stopped" in text
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
    assert "FINFLEET_DATABASE_URL names this server; unset it to have" in done.stderr.splitlines()[-1]
    assert "FINFLEET_DATABASE_URL is set: its Postgres is used, and none is started here" in done.stdout
    assert "canary" not in done.stdout + done.stderr
    assert not (short_path / "state" / "up.json").exists()


def test_a_broker_that_is_not_there(short_path: Path) -> None:
    variables = {"FINFLEET_BROKER_URL": f"redis://:canary@127.0.0.1:{free_port()}/0"}
    # What is wrong with it is known before a database is asked, which is named here so that none has to be started.
    variables["FINFLEET_DATABASE_URL"] = f"postgresql://somebody:canary@127.0.0.1:{free_port()}/x"
    done = run_up(short_path / "state", **variables)
    assert done.returncode == 69
    assert re.search(r"the broker redis://127.0.0.1:\d+/0 does not answer: Connection refused", done.stderr)
    assert "FINFLEET_BROKER_URL names this server; unset it to have" in done.stderr
    assert "canary" not in done.stdout + done.stderr


def test_a_port_for_flower_that_is_taken(short_path: Path, valkey_server: EmbeddedValkey) -> None:
    port = valkey_server.url.get_secret_value().rsplit(":", 1)[1].split("/")[0]
    done = run_up(short_path / "state", "--flower-port", port)
    assert (done.returncode, done.stderr) == (
        69,
        f"finfleet: port {port} of 127.0.0.1, for Flower, is in use: name another port\n",
    )
