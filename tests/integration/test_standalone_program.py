"""The agents as programs of their own: no broker, no database, a clean end, and words where something is wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from emulators.openfinops import OpenFinOpsServer
from tests.support.openfinops import rows, running_openfinops
from tests.support.raw_http import RawServer, answer
from tests.support.scripted_http import Reply, ScriptedServer
from tests.support.waiting import until

_ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def openfinops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenFinOpsServer]:
    with running_openfinops(tmp_path_factory.mktemp("openfinops")) as server:
        yield server


def _command(words: Sequence[str], agent: str = "generic") -> list[str]:
    return [sys.executable, "-W", "error", "-m", f"agents.{agent}_telemetry_agent", *words]


def _environment(directory: Path, variables: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(_ROOT), "FINFLEET_SPOOL": str(directory / "spool"), **variables}


def _once(directory: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command(["--once", *words]),
        cwd=directory,
        env=_environment(directory, variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@contextmanager
def _running(directory: Path, *words: str, **variables: str) -> Iterator["subprocess.Popen[bytes]"]:
    """The program; asked to end at the end, which must go well."""
    with (directory / "program.log").open("ab") as log:
        process = subprocess.Popen(
            _command(words), cwd=directory, env=_environment(directory, variables), stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(40)
        finally:
            process.kill()
            process.wait()
    assert status == 0, (directory / "program.log").read_text()


def _waiting(directory: Path) -> int:
    return len(list((directory / "spool" / "generic").glob("*.batch")))


def test_once_forwards_and_ends(tmp_path: Path, openfinops: OpenFinOpsServer) -> None:
    before = len(rows(openfinops))
    config = tmp_path / "telemetry.yaml"
    # A reading of some seconds ago is one of now.
    with RawServer(answer(json.dumps({"n": 42, "at": time.time() - 5}).encode())) as source:
        mapping = [{"value": "n", "metric": "'orders'", "timestamp": "at"}]
        shop = {"name": "shop", "kind": "http_json", "url": source.url(), "mapping": mapping, "allow_private": True}
        document = {"generic": {"sources": [shop]}, "openfinops": {"endpoint": openfinops.url + "/api/v1/metrics"}}
        config.write_text(yaml.safe_dump(document), encoding="utf-8")
        done = _once(tmp_path, "--config", str(config), "-v")
    assert done.returncode == 0, done.stderr
    found = {row["agent_id"]: row for row in rows(openfinops)[before:]}
    assert found.keys() == {"finfleet:generic/default/local/host", "finfleet:generic/shop/global/http_json"}
    service = found["finfleet:generic/shop/global/http_json"]["metrics"]["services"]["http_json"]
    values = {one["metric"]: one["latest"] for resource in service["resources"] for one in resource["metrics"]}
    assert values["orders"] == 42
    assert _waiting(tmp_path) == 0


def test_it_goes_on_every_interval_and_ends_when_told(tmp_path: Path, openfinops: OpenFinOpsServer) -> None:
    before = len(rows(openfinops))
    with _running(tmp_path, OPENFINOPS_ENDPOINT=openfinops.url, COLLECTION_INTERVAL="1"):
        until(lambda: len(rows(openfinops)) >= before + 3, 40, "three windows have arrived")
    starts = [row["events"][0]["window_start"] for row in rows(openfinops)[before:]]
    assert starts == sorted(set(starts))


def test_what_openfinops_does_not_take_waits_for_the_next_start(tmp_path: Path) -> None:
    with _running(tmp_path, OPENFINOPS_ENDPOINT="http://127.0.0.1:1", COLLECTION_INTERVAL="1"):
        until(lambda: _waiting(tmp_path) >= 2, 40, "two batches wait")
    waiting = _waiting(tmp_path)
    with ScriptedServer() as server:
        # It also collects once more, which comes last.
        done = _once(tmp_path, OPENFINOPS_ENDPOINT=server.url)
        assert done.returncode == 0, done.stderr
        starts = [request.body["events"][0]["window_start"] for request in server.ingests()]
    assert len(starts) == waiting + 1
    assert starts == sorted(starts)
    assert _waiting(tmp_path) == 0


def test_it_ends_in_the_middle_of_a_request_that_hangs(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        done: list[bool] = []

        def hang(_: object) -> Reply:
            until(lambda: done, 60)
            return Reply()

        server.script = hang
        try:
            with _running(tmp_path, OPENFINOPS_ENDPOINT=server.url, COLLECTION_INTERVAL="1"):
                until(lambda: server.requests, 40, "a request hangs")
        finally:
            done.append(True)
    assert _waiting(tmp_path) >= 1


def test_once_says_that_openfinops_is_away_by_its_status(tmp_path: Path) -> None:
    done = _once(tmp_path, OPENFINOPS_ENDPOINT="http://127.0.0.1:1")
    assert done.returncode == 69
    assert "1 batches wait for OpenFinOps" in done.stderr
    assert _waiting(tmp_path) == 1


@pytest.mark.parametrize(
    ("document", "variables", "words", "fault"),
    [
        ({"generic": {"services": ["moon"]}}, {}, (), "generic.services: 'moon' is not installed"),
        ({"generic": {"enabled": False}}, {}, (), "generic.enabled: false"),
        ({"generic": {}}, {"COLLECTION_INTERVAL": "often"}, (), "'often': write seconds"),
        ({"generic": {}}, {"OPENFINOPS_ENDPOINT": "http://far.example/"}, (), "plain http to another machine"),
        ({"generic": {}}, {}, ("--config", "missing.yaml"), "there is no such file"),
    ],
)
def test_faults_of_the_configuration_are_said(
    tmp_path: Path, document: object, variables: dict[str, str], words: tuple[str, ...], fault: str
) -> None:
    config = tmp_path / "telemetry.yaml"
    config.write_text(yaml.safe_dump(document), encoding="utf-8")
    done = _once(tmp_path, *(words or ("--config", str(config))), **variables)
    assert done.returncode == 78, done.stderr
    assert fault in done.stderr
    assert "Traceback" not in done.stderr


_BLOCKED = """
import runpy, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"celery", "kombu", "redis", "psycopg", "psycopg_pool", "sqlalchemy"}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)

sys.meta_path.insert(0, Blocked())
sys.argv = ["generic", "--once"]
runpy.run_module("agents.generic_telemetry_agent", run_name="__main__")
"""


def test_it_runs_where_there_is_no_fleet(tmp_path: Path) -> None:
    with ScriptedServer() as server:
        done = subprocess.run(
            [sys.executable, "-c", _BLOCKED],
            cwd=tmp_path,
            env=_environment(tmp_path, {"OPENFINOPS_ENDPOINT": server.url}),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert len(server.ingests()) == 1
