"""The client against the real OpenFinOps: it registers, takes in, and shows what was sent."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import httpx
import psutil
import pytest

from agents.destinations.openfinops.client import OpenFinOpsClient
from agents.destinations.openfinops.shape import Telemetry, agent_of, telemetry_of
from emulators.openfinops import OpenFinOpsNotStarted, OpenFinOpsServer
from telemetry.errors import ForwardRetry
from tests.support.openfinops import ask, rows, running_openfinops
from tests.support.outbox import EC2, make_batch, windows
from tests.support.processes import until_ended
from tests.support.waiting import until

_ROOT = Path(__file__).parents[2]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[OpenFinOpsServer]:
    with running_openfinops(tmp_path / "openfinops") as server:
        yield server


def test_it_shows_the_agent_the_rows_and_the_events(server: OpenFinOpsServer) -> None:
    batches = [make_batch(window=window) for window in windows(3)]
    with OpenFinOpsClient(f"{server.url}/api/v1/metrics") as client:
        client.register(agent_of(EC2, "host-1"))
        for batch in batches:
            client.ingest(telemetry_of(batch, "host-1"))

    (agent,) = ask(server, "/api/v1/agents")["agents"]
    assert (agent["agent_id"], agent["hostname"]) == ("finfleet:aws/prod/us-east-1/ec2", "host-1")
    assert (agent["cloud_provider"], agent["region"], agent["status"]) == ("aws", "us-east-1", "healthy")
    recent = ask(server, "/api/v1/telemetry/recent?hours=1")["telemetry"]
    assert [row["events"][0]["idempotency_key"] for row in recent] == [str(batch.batch_id) for batch in batches[::-1]]
    summary = ask(server, "/api/v1/metrics/summary")
    assert (summary["total_agents"], summary["total_events_last_hour"], summary["data_points"]) == (1, 3, 3)


def test_the_figures_that_it_keeps_are_those_of_the_batch(server: OpenFinOpsServer) -> None:
    prices = [("0.0960", "USD"), ("0.1", "USD"), ("0.2", "USD"), None]
    batch = make_batch(prices=prices)
    with OpenFinOpsClient(server.url) as client:
        client.ingest(telemetry_of(batch, "host"))
    (row,) = rows(server)
    summary = row["metrics"]["summary"]
    assert Decimal(repr(summary["total_hourly_cost"])) == sum(rate.amount for rate in batch.rates)
    assert (summary["currency"], summary["total_resources"], summary["resources_without_price"]) == ("USD", 4, 1)
    assert row["timestamp"] == batch.run.window.end.timestamp()
    resources = row["metrics"]["services"]["ec2"]["resources"]
    costs = [resource.get("hourly_cost") for resource in resources]
    assert [None if cost is None else Decimal(repr(cost)) for cost in costs] == [
        price and Decimal(price[0]) for price in prices
    ]
    assert [resource["metrics"][0]["latest"] for resource in resources] == batch.points.value


def test_what_it_refuses_or_lacks_is_an_error_of_ours(server: OpenFinOpsServer) -> None:
    with OpenFinOpsClient(server.url) as client, pytest.raises(ForwardRetry, match="500 Internal"):
        # OpenFinOps has no column for it: its own handler fails.
        client.ingest(Telemetry("k", "a", {"not": "a text"}, "p", "r", 0, {}, []))  # type: ignore[arg-type]
    with OpenFinOpsClient(f"{server.url}/elsewhere") as client, pytest.raises(ForwardRetry) as missing:
        client.ingest(telemetry_of(make_batch(), "host"))
    assert f"POST {server.url}/elsewhere/api/v1/telemetry/ingest: 404" in str(missing.value)
    assert "start OpenFinOps's TelemetryServer" in str(missing.value)


def test_a_second_start_has_the_same_address_and_data(server: OpenFinOpsServer) -> None:
    with OpenFinOpsClient(server.url) as client:
        client.ingest(telemetry_of(make_batch(), "host"))
        url = server.url
        server.stop()
        assert not server.running
        with pytest.raises(ForwardRetry, match="refused"):
            client.ingest(telemetry_of(make_batch(), "host"))
        server.start()
        assert server.url == url
        client.ingest(telemetry_of(make_batch(), "host"))
    assert len(rows(server)) == 2
    assert httpx.get(f"{url}/health", trust_env=False).json()["status"] == "healthy"


def test_the_program_tells_its_address_and_leaves_nothing_behind(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    options = ["--ready-file", str(ready), "--directory", str(tmp_path / "data")]
    command = [sys.executable, "-m", "emulators.openfinops", *options]
    for number in (signal.SIGTERM, signal.SIGKILL):
        ready.unlink(missing_ok=True)
        program = subprocess.Popen(command, cwd=_ROOT)
        try:
            until(ready.exists, 30)
            url = ready.read_text().strip()
            assert httpx.get(f"{url}/health", trust_env=False).json()["status"] == "healthy"
            children = [child.pid for child in psutil.Process(program.pid).children()]
            assert len(children) == 1
        finally:
            program.send_signal(number)
        assert program.wait(10) == (0 if number == signal.SIGTERM else -number)
        until_ended(children)


def test_a_port_that_is_taken_is_told_with_what_it_wrote(server: OpenFinOpsServer, tmp_path: Path) -> None:
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(OpenFinOpsNotStarted, match=r"(?s)does not listen .*in use"):
        OpenFinOpsServer(tmp_path / "second", port=port).start()
