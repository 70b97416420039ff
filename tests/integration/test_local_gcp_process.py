"""The local Google Cloud as a process of its own."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from tests.support.clocks import STRICT
from tests.support.waiting import until


def test_importing_it_loads_no_server_and_no_sdk() -> None:
    program = (
        "import sys, emulators.gcp, emulators.gcp.seed\n"
        "print([name for name in ('grpc', 'werkzeug', 'duckdb', 'sqlglot', 'cryptography', 'google.auth',"
        " 'google.cloud.monitoring_v3') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.strip() == "[]"


def test_it_writes_its_endpoints_serves_its_pages_and_ends_on_a_signal(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    arguments = ["--seed", "all", "--instances", "12", "--projects", "a-1,b-2", "--ready-file", str(ready)]
    program = [sys.executable, *STRICT, "-m", "emulators.gcp", *arguments]
    root = Path(__file__).parents[2]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=root) as process:
        try:
            until(lambda: ready.exists() or process.poll() is not None, 60, "the endpoints")
            told = json.loads(ready.read_text())
            url = told["endpoints"]["bigquery"]
            seeded = httpx.get(f"{url}/_local/seed").json()
            assert {project: one["instances"] for project, one in seeded.items()} == {"a-1": 6, "b-2": 6}
            assert told["export_table"].startswith("a-1.billing.gcp_billing_export_v1_")
            assert json.loads(Path(told["credentials_file"]).read_text())["token_uri"] == told["endpoints"]["token"]
            _use_pages(url, told["export_table"])
        finally:
            process.send_signal(signal.SIGTERM)
            output, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert output.startswith("listening on 127.0.0.1:")


def _use_pages(url: str, table: str) -> None:
    query = {"query": f"SELECT COUNT(*) AS n FROM `{table}`", "useLegacySql": False}  # noqa: S608  # our own table
    answer = httpx.post(f"{url}/bigquery/v2/projects/a-1/queries", json=query).json()
    assert int(answer["rows"][0]["f"][0]["v"]) > 300
    calls = httpx.get(f"{url}/_local/calls").json()
    assert (calls["total"], calls["by_project"]["a-1"]) == (1, {"bigquery:jobs.query": 1})
    assert httpx.post(f"{url}/_local/faults", json={"kind": "throttle", "rate": 1.0}).json()[0]["hits"] == 0
    assert httpx.post(f"{url}/bigquery/v2/projects/a-1/queries", json=query).status_code == 403
    assert httpx.get(f"{url}/_local/faults").json()[0]["hits"] == 1
    assert httpx.post(f"{url}/_local/faults", json={"kind": "latency"}).status_code == 400
    httpx.delete(f"{url}/_local/faults")
    assert httpx.delete(f"{url}/_local/project?id=b-2").status_code == 200
    deleted = httpx.post(f"{url}/bigquery/v2/projects/b-2/queries", json=query)
    assert (deleted.status_code, "has been deleted" in deleted.text) == (403, True)
    assert httpx.get(f"{url}/_local/nonsense").json()["pages"]
    httpx.delete(f"{url}/_local/calls")
    assert httpx.get(f"{url}/_local/calls").json()["total"] == 0
