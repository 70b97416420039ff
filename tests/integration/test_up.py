"""`finfleet up` on a bare machine: what runs, what it says of itself, what is kept from whom."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from tests.support.processes import until_ended
from tests.support.servers import short_directory
from tests.support.trees import entries
from tests.support.up import Up, environment, finfleet_up, run_up
from tests.support.users import ordinary_user
from tests.support.waiting import until

pytestmark = pytest.mark.xdist_group("up")  # one run for all of them

NAMES = {"postgres", "valkey", "ingest", "plan", "collect.generic", "beat", "flower"}


CREDENTIALS = {
    name: f"canary-{name}"
    for name in (
        "AWS_SECRET_ACCESS_KEY",
        "AZURE_CLIENT_SECRET",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "OPENFINOPS_API_KEY",
        "SOMETHING_ELSE",
    )
}


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    """One run, for the tests that only look."""
    with short_directory() as directory, finfleet_up(directory / "state", variables=CREDENTIALS) as running:
        until(lambda: " logs: " in running.said, what="it has said where everything is")
        yield running


def _environment(pid: int) -> dict[str, str]:
    return psutil.Process(pid).environ()


def _passwords(up: Up) -> list[str]:
    return [path.read_text() for path in up.state.rglob("*password*")]


def _password(up: Up) -> str:
    return Path(up.report["flower"]["password_file"]).read_text()


def test_status_finds_it_without_exports_and_lists_who_lives(up: Up) -> None:
    """Those with a database and those without: each gives its signs of life."""
    line = [sys.executable, "-m", "workers.cli", "status", "--json", "--state", str(up.state)]

    def told() -> dict[str, Any]:
        done = subprocess.run(line, capture_output=True, text=True, cwd=up.state.parent, env=environment(), check=False)
        assert done.stderr == ""
        assert not [password for password in _passwords(up) if password in done.stdout]
        return dict(json.loads(done.stdout))

    def living() -> dict[str, int]:
        return {one["role"]: one["pid"] for one in told()["processes_alive"]}

    roles = {"ingest": "ingest", "worker plan": "plan", "worker generic": "collect.generic", "beat": "beat"}
    until(lambda: living().keys() == roles.keys(), 30, "each has given a sign")
    assert living() == {role: up.pids[name] for role, name in roles.items()}
    assert told()["problems"] == []


def test_it_says_what_runs(up: Up) -> None:
    report = up.report
    assert report["pid"] == up.process.pid
    assert set(report["processes"]) == NAMES
    assert all(psutil.pid_exists(pid) for pid in report["processes"].values())
    assert set(report["processes"].values()) <= set(up.family())
    assert report["database"]["embedded"]
    assert report["broker"]["embedded"]
    assert " ready\n" in up.said
    assert f"Flower: {report['flower']['url']}" in up.said
    assert "PGPASSFILE=" in up.said


def test_the_psql_line_works(up: Up) -> None:
    line = next(line.split("database: ", 1)[1] for line in up.said.splitlines() if "database: PGPASSFILE" in line)
    done = subprocess.run(
        ["/bin/sh", "-c", f"{line} -Atc 'SELECT current_user'"], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("finfleet\n", 0), done.stderr


def test_the_fleet_works_from_beat_to_the_ledger(up: Up) -> None:
    database = up.report["database"]
    with psycopg.connect(
        host=database["host"],
        port=database["port"],
        user=database["user"],
        dbname=database["name"],
        passfile=str(up.state / "pgpass"),
        autocommit=True,
    ) as connection:
        query = "SELECT provider, account, region, service FROM finfleet.targets"
        until(lambda: connection.execute(query).fetchall() == [("generic", "default", "local", "host")], 20)


def test_flower_shows_the_workers_to_who_has_the_password(up: Up) -> None:
    address = up.report["flower"]["url"]
    assert httpx.get(f"{address}/").status_code == 401
    assert httpx.get(f"{address}/api/workers").status_code == 401

    def workers() -> set[str]:
        answer = httpx.get(f"{address}/api/workers?refresh=1", auth=("finfleet", _password(up)))
        assert answer.status_code == 200
        return {name.split("@")[0] for name in answer.json()}

    until(lambda: workers() == {"plan", "generic"}, 20, "Flower has seen both workers")


def test_every_process_of_ours_shows_its_metrics_where_a_prometheus_finds_it(up: Up) -> None:
    report = up.report
    assert report["metrics"].keys() == NAMES - {"postgres", "valkey"}
    groups = json.loads(Path(report["prometheus"]).read_text())
    found = {group["labels"]["process"]: group["targets"] for group in groups}
    assert found == {name: [address] for name, address in report["metrics"].items()}
    for name, address in report["metrics"].items():
        text = httpx.get(f"http://{address}/metrics").raise_for_status().text
        role = name.removeprefix("collect.")
        assert name == "flower" or f'role="{role}"' in text


def _opened(found: dict[Path, os.stat_result]) -> dict[Path, os.stat_result]:
    return {
        path: status for path, status in found.items() if not stat.S_ISLNK(status.st_mode) and status.st_mode & 0o77
    }


def test_everything_is_closed_to_other_users(up: Up) -> None:
    found = entries(up.state)
    # Where the server runs as another account, that one passes through two directories.
    passage = {up.state, up.state / "postgres"} if os.geteuid() == 0 else set()
    opened = [path for path, status in _opened(found).items() if status.st_uid == os.geteuid() and path not in passage]
    assert [path for path in opened if path.suffix != ".conf"] == []
    assert all(stat.S_IMODE(found[path].st_mode) in {0o700, 0o710} for path in passage)


def test_a_collect_worker_knows_no_database(up: Up) -> None:
    pids = up.pids
    for name in ("collect.generic", "beat", "flower"):
        assert "FINFLEET_DATABASE_URL" not in _environment(pids[name])
        assert "FINFLEET_BROKER_URL" in _environment(pids[name])
    for name in ("plan", "ingest"):
        assert "FINFLEET_DATABASE_URL" in _environment(pids[name])
    assert [name for name, pid in pids.items() if "FLOWER_BASIC_AUTH" in _environment(pid)] == ["flower"]


def test_no_process_holds_a_credential_that_it_has_no_use_for(up: Up) -> None:
    assert CREDENTIALS.items() <= _environment(up.process.pid).items()
    family = up.family()
    assert set(up.report["processes"].values()) < set(family)  # the watcher, and those of Postgres, are looked at, too
    assert {pid for pid in family if CREDENTIALS.keys() & _environment(pid)} == set()


def test_no_secret_is_in_a_command_line_or_a_log(up: Up) -> None:
    passwords = _passwords(up)
    assert len(passwords) == 4  # postgres, finfleet, Valkey, Flower
    shown = [" ".join(psutil.Process(pid).cmdline()) for pid in (up.process.pid, *up.family())]
    logs = [*up.state.rglob("*.log"), up.state / "up.json", up.output]
    assert len(logs) >= len(NAMES) + 2
    shown += [path.read_text(errors="replace") for path in logs]
    assert [text for text in shown for password in passwords if password in text] == []


def test_a_second_one_is_refused_and_told_whose_the_state_is(up: Up) -> None:
    second = run_up(up.state)
    assert second.returncode == 75
    assert second.stderr.startswith(f"finfleet: {up.state} is in use by process {up.process.pid}: stop that one")
    assert "it runs since 20" in second.stderr
    assert up.report["pid"] == up.process.pid  # and the first one goes on


def test_a_process_that_ends_is_an_event_in_the_output_and_in_the_log(up: Up) -> None:
    os.kill(up.pids["beat"], signal.SIGKILL)
    ended = f"beat ended (SIGKILL): starts again in 0.2 s; its last lines: {up.state}/logs/beat.log"
    until(lambda: ended in up.said, 20, "it is said")
    until(lambda: up.said.count("beat runs (process ") == 2, 30, "it runs again")
    log = (up.state / "logs" / "up.log").read_text()
    assert ended in log
    assert f"beat runs (process {up.pids['beat']})" in log


def test_an_ordinary_user_runs_it_and_a_signal_stops_all_in_order(short_path: Path) -> None:
    user = ordinary_user(short_path) if os.geteuid() == 0 else None
    directory, uid = (user.directory, user.account.uid) if user else (short_path, os.geteuid())
    with finfleet_up(directory / "state", "--no-flower", user=user) as up:
        assert up.report["flower"] is None
        family = up.family()
        assert {psutil.Process(pid).uids().real for pid in family} == {uid}
        assert _opened(entries(up.state)) == {}
        assert up.stop() == 0
        until_ended(family)
        assert not (up.state / "up.json").exists()
        stopped = [line.split()[1] for line in up.said.splitlines() if line.endswith(" stopped")]
        assert stopped[0] == "beat"
        assert set(stopped[1:3]) == {"plan", "collect.generic"}
        assert stopped[3] == "ingest"
        assert set(stopped[4:]) == {"postgres", "valkey"}
